// SPDX-License-Identifier: MIT
// result<T>: a value, or the exception that came instead of it. What gather(return_exceptions, ...) gives for each child.
// Where assigning a value in place of an exception throws, neither may be left: value() then throws std::bad_variant_access, and
// error() is null. (Copied, that is so only for values whose move may throw, too.)
#pragma once

#include <exception>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>

#include <weft/error.hpp>

namespace weft {

template <class Value>
class result {
    static_assert(!std::is_rvalue_reference_v<Value>, "weft::result<T>: T may be an object, an lvalue reference or void");
    using held = std::conditional_t<std::is_void_v<Value>, std::monostate,
                                    std::conditional_t<std::is_reference_v<Value>, std::remove_reference_t<Value>*, Value>>;

public:
    using value_type = Value;

    // A value. result<void> is made by default construction.
    result()
        requires std::is_void_v<Value>
        : state_(std::in_place_index<0>) {}

    template <class Source>
        requires(!std::is_void_v<Value> && !std::is_same_v<std::remove_cvref_t<Source>, result> &&
                 !std::is_same_v<std::remove_cvref_t<Source>, std::exception_ptr> && std::is_constructible_v<Value, Source>)
    explicit(!std::is_convertible_v<Source, Value>) result(Source&& source) : state_(std::in_place_index<0>, hold(std::forward<Source>(source))) {}

    // A value made of the arguments, whatever their types: also where the value is itself an exception_ptr.
    template <class... Args>
    explicit result(std::in_place_t, Args&&... args) : state_(std::in_place_index<0>, hold(std::forward<Args>(args))...) {}

    // A failure. The pointer must not be null: a result without value has an exception.
    result(std::exception_ptr error) : state_(std::in_place_index<1>, std::move(error)) {
        if (!std::get<1>(state_)) throw std::invalid_argument("weft::result: a null exception_ptr is no failure; pass a value instead");
    }

    [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
    [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }

    // The value; rethrows the exception where there is none.
    decltype(auto) value() & { return access(*this); }
    decltype(auto) value() const& { return access(*this); }
    decltype(auto) value() && { return access(std::move(*this)); }

    // The exception; null where there is a value.
    [[nodiscard]] std::exception_ptr error() const noexcept {
        auto const* failure = std::get_if<1>(&state_);
        return failure ? *failure : std::exception_ptr{};
    }

private:
    template <class Source>
    static decltype(auto) hold(Source&& source) {
        if constexpr (std::is_reference_v<Value>)
            return std::addressof(static_cast<Value>(source));
        else
            return std::forward<Source>(source);
    }

    template <class Self>
    static decltype(auto) access(Self&& self) {
        if (auto const* failure = std::get_if<1>(&self.state_)) std::rethrow_exception(*failure);
        if constexpr (std::is_void_v<Value>)
            return;
        else if constexpr (std::is_reference_v<Value>)
            return static_cast<Value>(*std::get<0>(self.state_));
        else
            return (std::get<0>(std::forward<Self>(self).state_));
    }

    std::variant<held, std::exception_ptr> state_;
};

}  // namespace weft
