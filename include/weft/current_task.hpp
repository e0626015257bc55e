// SPDX-License-Identifier: MIT
// task_ref: a spawned task, whatever its result. current_task, all_tasks.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <weft/detail/waiter.hpp>
#include <weft/error.hpp>
#include <weft/spawn.hpp>

namespace weft {

// Refers to a task that was spawned, submitted or run. Cheap to copy, and may outlive the task, and its runtime; as with
// std::shared_ptr, a task whose own value has one to itself is never freed. A handle converts to one. Every call but valid() and ==
// throws invalid_state for an empty one. Any thread may call.
class WEFT_API task_ref {
public:
    task_ref() noexcept = default;
    // Throws invalid_state for an empty handle; as copying one does, std::length_error where 60,000 refer to one task already.
    template <class Value>
    task_ref(join_handle<Value> const& handle) : task_ref(handle.promise()) {}
    task_ref(task_ref&& other) noexcept : task_(std::exchange(other.task_, nullptr)) {}
    task_ref(task_ref const& other);
    task_ref& operator=(task_ref other) noexcept {
        std::swap(task_, other.task_);
        return *this;
    }
    ~task_ref() {
        if (task_) detail::drop_reference(*task_);
    }

    [[nodiscard]] bool valid() const noexcept { return task_ != nullptr; }

    // As those of join_handle.
    [[nodiscard]] std::uint64_t id() const { return detail::task_id(checked()); }
    [[nodiscard]] std::string name() const { return detail::task_name(checked()); }
    void set_name(std::string name) const { detail::set_task_name(checked(), std::move(name)); }
    [[nodiscard]] bool done() const { return detail::has_ended(checked()); }
    bool cancel() const { return detail::request_cancel(checked()); }
    [[nodiscard]] bool cancelled() const { return done() && task_->state.was_cancelled; }
    [[nodiscard]] int cancelling() const { return detail::cancelling(checked()); }
    int uncancel() const { return detail::uncancel(checked()); }

    // Whether they are the same task.
    friend bool operator==(task_ref const& one, task_ref const& other) noexcept { return one.task_ == other.task_; }

    // For the library.
    explicit task_ref(detail::promise_base& task);
    enum class takes_over { reference };
    task_ref(detail::promise_base& task, takes_over) noexcept : task_(&task) {}

private:
    detail::promise_base& checked() const {
        if (!task_) [[unlikely]] detail::throw_empty_handle();
        return *task_;
    }

    detail::promise_base* task_ = nullptr;
};

// The task that the caller runs in: what a task awaits or gathers is part of it. Throws no_current_runtime outside every task,
// std::length_error where 60,000 refer to it already.
[[nodiscard]] WEFT_API WEFT_NOIPA task_ref current_task();

// The tasks of the current runtime that have not ended, of all its runs, in no particular order; those that begin or end meanwhile
// may be among them or not, and one to which 60,000 refer already is not. Takes time in proportion to how many there have been at
// once. Throws no_current_runtime outside a worker, std::bad_alloc.
[[nodiscard]] WEFT_API WEFT_NOIPA std::vector<task_ref> all_tasks();

}  // namespace weft
