// SPDX-License-Identifier: MIT
// Where a gather finds what one of its children came to. The child writes it and is gone.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <utility>

#include <weft/detail/config.hpp>
#include <weft/detail/storage.hpp>

namespace weft::detail {

struct join;
struct slot_base;

// The exception being handled is what the child came to. It goes to `place`, which is the slot's.
WEFT_API WEFT_NOINLINE void record_exception(slot_base& failed, std::exception_ptr& place) noexcept;

// One word: the gather's join, and in its two lowest bits, which its alignment leaves free, what stands here.
struct slot_base {
    static constexpr std::uintptr_t holds_exception = 1;
    static constexpr std::uintptr_t holds_value = 2;  // kept only where a value must be destroyed
    std::uintptr_t state;

    slot_base() noexcept {}
    slot_base(slot_base const&) = delete;
    slot_base& operator=(slot_base const&) = delete;

    void begin(join& joined) noexcept { state = reinterpret_cast<std::uintptr_t>(&joined); }
    [[nodiscard]] join& joined() const noexcept { return *reinterpret_cast<join*>(state & ~(holds_exception | holds_value)); }
    [[nodiscard]] bool failed() const noexcept { return (state & holds_exception) != 0; }
};

// Its gather takes care of the exception.
template <class Value, bool Trivial = value_storage<Value>::trivial>
struct slot : slot_base {
    slot() noexcept { state = 0; }
    ~slot() { drop_value(); }

    template <class... Args>
    void set_value(Args&&... args) {
        drop_value();  // returned before: a local's destructor threw then, and the coroutine caught it
        std::construct_at(&storage)->construct(std::forward<Args>(args)...);
        state |= holds_value;
    }
    void set_exception() noexcept {
        drop_value();
        record_exception(*this, exception);
    }
    // Once the child has ended without an exception.
    [[nodiscard]] decltype(auto) take() noexcept { return storage.take(); }

    union {
        std::exception_ptr exception;
        value_storage<Value> storage;
    };

private:
    void drop_value() noexcept {
        if (!(state & holds_value)) return;
        state &= ~holds_value;
        storage.destroy();
    }
};

template <class Value>
struct slot<Value, true> : slot_base {
    slot() noexcept {}
    ~slot() {}

    template <class... Args>
    void set_value(Args&&... args) {
        std::construct_at(&storage)->construct(std::forward<Args>(args)...);
    }
    void set_exception() noexcept { record_exception(*this, exception); }
    [[nodiscard]] decltype(auto) take() noexcept { return storage.take(); }

    union {
        std::exception_ptr exception;
        value_storage<Value> storage;
    };
};

template <>
struct slot<void, true> : slot_base {
    slot() noexcept {}
    ~slot() {}

    void set_exception() noexcept { record_exception(*this, exception); }

    union {
        std::exception_ptr exception;
    };
};

}  // namespace weft::detail
