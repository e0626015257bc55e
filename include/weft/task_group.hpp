// SPDX-License-Identifier: MIT
// with_task_group: tasks that belong together, end together, and fail together.
#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <source_location>
#include <type_traits>
#include <utility>

#include <weft/concepts.hpp>
#include <weft/detail/group_core.hpp>
#include <weft/error.hpp>
#include <weft/result.hpp>
#include <weft/spawn.hpp>
#include <weft/task.hpp>

namespace weft {

class task_group;

namespace detail {

template <class Value>
task<Value> run_in_group(group_core& group, task<Value> work) {
    try {
        co_return co_await std::move(work);
    } catch (cancelled const&) {
        throw;
    } catch (...) {
        group.child_failed(std::current_exception());
        throw;
    }
}

template <class Value, class Body>
task<Value> run_group_body(Body body);

}  // namespace detail

// Made by with_task_group, for its body and the tasks in it.
class task_group {
public:
    task_group(task_group const&) = delete;
    task_group& operator=(task_group const&) = delete;

    // As weft::spawn, but the task belongs to the group. The handle may be awaited, cancelled or dropped; a failure is the group's
    // and not reported as unhandled. Any task of the runtime may call it.
    //   Throws: invalid_state once a task of the group has failed, or the group was cancelled or has ended; else as weft::spawn.
    template <class Value>
    join_handle<Value> spawn(task<Value> work, std::source_location where = std::source_location::current()) {
        static_cast<void>(work.unstarted());
        return core_.add([&] { return weft::spawn(detail::run_in_group(core_, std::move(work)), where); });
    }
    template <class Value>
    join_handle<Value> spawn(task<Value> work, task_options settings, std::source_location where = std::source_location::current()) {
        static_cast<void>(work.unstarted());
        return core_.add([&] { return weft::spawn(detail::run_in_group(core_, std::move(work)), std::move(settings), where); });
    }
    template <class Callable>
        requires(!detail::is_task<Callable>::value)
    auto spawn(Callable&& callable, task_options settings, std::source_location where = std::source_location::current()) {
        static_assert(task_function<Callable>, "weft::task_group::spawn takes a weft::task by value, or a callable returning one");
        return spawn(detail::task_of_call(std::forward<Callable>(callable)), std::move(settings), where);
    }
    template <class Callable>
        requires(!detail::is_task<Callable>::value)
    auto spawn(Callable&& callable, std::source_location where = std::source_location::current()) {
        static_assert(task_function<Callable>, "weft::task_group::spawn takes a weft::task by value, or a callable returning one");
        return spawn(detail::task_of_call(std::forward<Callable>(callable)), where);
    }
    template <class Callable, class First, class... Rest>
        requires(!detail::is_task<std::remove_cvref_t<Callable>>::value && !std::same_as<std::remove_cvref_t<First>, task_options>)
    auto spawn(Callable&& callable, First&& first, Rest&&... rest) {
        static_assert(task_function<Callable, First, Rest...>,
                      "weft::task_group::spawn: the callable must accept these arguments and return a weft::task");
        return spawn(detail::task_of_call(std::forward<Callable>(callable), std::forward<First>(first), std::forward<Rest>(rest)...),
                     std::source_location{});
    }

private:
    template <class Value, class Body>
    friend task<Value> detail::run_group_body(Body body);
    task_group() = default;

    detail::group_core core_;
};

namespace detail {

template <class Value, class Body>
task<Value> run_group_body(Body body) {
    // The group is left, with its scope, before anything is thrown.
    result<Value> came_to = std::exception_ptr(std::make_exception_ptr(cancelled()));
    group_end end;
    {
        task_group group;
        try {
            if constexpr (std::is_void_v<Value>) {
                co_await std::invoke(body, group);
                came_to = result<void>();
            } else {
                came_to = result<Value>(std::in_place, co_await std::invoke(body, group));
            }
        } catch (...) {
            came_to = std::current_exception();
        }
        group.core_.body_ended(came_to.error());
        while (promise_base* const child = group.core_.next_alive()) {
            bool interrupted = false;
            try {
                co_await end_of_child(*child);
            } catch (cancelled const&) {
                interrupted = true;
            }
            group.core_.release(child);
            if (interrupted) group.core_.wait_interrupted();
        }
        end = group.core_.close();
    }
    end.throw_failures();
    co_return std::move(came_to).value();
}

}  // namespace detail

// Calls body(group), which returns a task, and awaits that and every task that is spawned in the group, also by others of its
// tasks.
//
//     auto both = [&](weft::task_group& group) -> weft::task<> {
//         group.spawn(fetch(first));
//         group.spawn(fetch(second));
//         co_return;
//     };
//     co_await weft::with_task_group(both);
//
// The first failure, of the body or a task, cancels all others, the body included; weft::cancelled is no failure. When all have
// ended, the failures come as one exception_group.
//   Result:        what the body returned.
//   Resumes on:    a worker of the runtime.
//   Cancellation:  a cancellation point: cancels the body and all tasks, and waits for them. If some of them fail then, that comes,
//                  and the next await is told again that it is cancelled, or that its time limit has passed, inside that limit.
//   Throws:        exception_group; `cancelled` where it was cancelled, or the body has thrown it.
//   Must outlive:  nothing: the body, and what it captures, live until all have ended.
template <class Body>
    requires std::invocable<std::decay_t<Body>&, task_group&> &&
             detail::is_task<std::remove_cvref_t<std::invoke_result_t<std::decay_t<Body>&, task_group&>>>::value
auto with_task_group(Body&& body) {
    using value = typename std::remove_cvref_t<std::invoke_result_t<std::decay_t<Body>&, task_group&>>::value_type;
    return detail::run_group_body<value, std::decay_t<Body>>(std::forward<Body>(body));
}

}  // namespace weft
