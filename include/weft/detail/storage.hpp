// SPDX-License-Identifier: MIT
// Where a coroutine keeps what it returned, until somebody takes it.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace weft::detail {

// A raw place for one Value inside the promise. Whether it is filled is known outside (promise_base::outcome), so that nothing is
// stored or tested twice. A coroutine frame is aligned as operator new aligns (16 bytes), and the promise must start at the same
// place in every frame (promise.hpp says why): a value that wants more lives on the heap.
template <class Value>
class value_storage {
    static constexpr bool boxed = alignof(Value) > __STDCPP_DEFAULT_NEW_ALIGNMENT__;
    using held = std::conditional_t<boxed, std::unique_ptr<Value>, Value>;

public:
    static constexpr bool trivial = std::is_trivially_destructible_v<held>;

    value_storage() noexcept {}
    ~value_storage() {}
    value_storage(value_storage const&) = delete;
    value_storage& operator=(value_storage const&) = delete;

    template <class... Args>
    void construct(Args&&... args) {
        if constexpr (boxed)
            std::construct_at(std::addressof(held_), std::make_unique<Value>(std::forward<Args>(args)...));
        else
            std::construct_at(std::addressof(held_), std::forward<Args>(args)...);
    }

    void destroy() noexcept { std::destroy_at(std::addressof(held_)); }

    [[nodiscard]] Value& get() noexcept {
        if constexpr (boxed)
            return *held_;
        else
            return held_;
    }

    [[nodiscard]] Value&& take() noexcept { return std::move(get()); }

private:
    union {
        held held_;
    };
};

template <>
class value_storage<void> {
public:
    static constexpr bool trivial = true;
};

// A reference is kept as a pointer; taking it gives the same reference again.
template <class Value>
class value_storage<Value&> {
public:
    static constexpr bool trivial = true;

    void construct(Value& value) noexcept { pointer_ = std::addressof(value); }
    void destroy() noexcept {}
    [[nodiscard]] Value& get() noexcept { return *pointer_; }
    [[nodiscard]] Value& take() noexcept { return *pointer_; }

private:
    Value* pointer_;
};

// Room for a value no larger than a pointer, in a union with what is not needed when there is a value. A coroutine that has
// returned may go on, where a destructor throws, and so need that again: the value is then overwritten, so only values without a
// destructor stand here.
struct small_value {
    template <class Value>
    static constexpr bool holds = value_storage<Value>::trivial && sizeof(value_storage<Value>) <= sizeof(void*) &&
                                  alignof(value_storage<Value>) <= alignof(void*);

    // In place of what was in the union before. No member functions: until then this is not what is alive there.
    template <class Value>
    static void begin(small_value& place) noexcept {
        static_assert(holds<Value>);
        ::new (static_cast<void*>(std::addressof(place))) value_storage<Value>;
    }
    // Once that has begun.
    template <class Value>
    [[nodiscard]] static value_storage<Value>& in(small_value& place) noexcept {
        static_assert(holds<Value>);
        return *std::launder(reinterpret_cast<value_storage<Value>*>(std::addressof(place)));
    }

    alignas(void*) std::byte bytes[sizeof(void*)];
};

}  // namespace weft::detail
