// SPDX-License-Identifier: MIT
// Where a gather finds what one of its children came to. The child writes it and is gone.
#pragma once

#include <exception>
#include <utility>

#include <weft/detail/storage.hpp>

namespace weft::detail {

struct slot_base {
    // Null: the child has ended with a value, or not at all. The gather knows whether any of its slots has one, and destroys it
    // then.
    union {
        std::exception_ptr exception;
    };

    slot_base() noexcept : exception(nullptr) {}
    slot_base(slot_base const&) = delete;
    slot_base& operator=(slot_base const&) = delete;
    ~slot_base() {}
};

// Whether there is a value need be known only where it must be destroyed.
template <class Value, bool Trivial = value_storage<Value>::trivial>
struct slot : slot_base {
    ~slot() { drop_value(); }

    template <class... Args>
    void set_value(Args&&... args) {
        drop_value();  // returned before: a local's destructor threw then, and the coroutine caught it
        storage_.construct(std::forward<Args>(args)...);
        has_value_ = true;
    }
    void drop_value() noexcept {
        if (std::exchange(has_value_, false)) storage_.destroy();
    }
    // Once the child has ended without an exception.
    [[nodiscard]] decltype(auto) take() noexcept { return storage_.take(); }

private:
    value_storage<Value> storage_;
    bool has_value_ = false;
};

template <class Value>
struct slot<Value, true> : slot_base {
    template <class... Args>
    void set_value(Args&&... args) {
        storage_.construct(std::forward<Args>(args)...);
    }
    void drop_value() noexcept {}
    [[nodiscard]] decltype(auto) take() noexcept { return storage_.take(); }

private:
    value_storage<Value> storage_;
};

template <>
struct slot<void, true> : slot_base {};

}  // namespace weft::detail
