// SPDX-License-Identifier: MIT
#include "unhandled.hpp"

#include <cstddef>
#include <cstdio>
#include <iostream>
#include <mutex>
#include <new>
#include <source_location>
#include <sstream>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include <weft/error.hpp>

#include "task_core.hpp"
#include "task_details.hpp"

namespace weft {

std::string unhandled_exception::describe() const {
    std::ostringstream line;
    line << "weft: unhandled exception " << detail::describe(exception);
    line << (task_name.empty() ? ", in a task" : ", in the task \"" + task_name + '"');
    if (spawned_at.line() != 0)
        line << " spawned at " << spawned_at.file_name() << ':' << spawned_at.line() << " that nobody awaited";
    else
        line << " that nobody awaited (spawned from a callable with arguments, so the place is not known)";
    return line.str();
}

namespace detail {

namespace {

struct remembered {
    run_group* group;
    std::shared_ptr<exception_handler const> handler;
    std::source_location spawned_at;
    std::string task_name;
};

struct failure_registry {
    std::mutex mutex;
    std::unordered_map<promise_base*, remembered> failures;
};

// Never destroyed: handles may be dropped while the program's static objects are. Made in place: the end of the first run comes
// here, and must not fail.
failure_registry& registry() noexcept {
    static_assert(std::is_nothrow_default_constructible_v<failure_registry>);
    alignas(failure_registry) static std::byte place[sizeof(failure_registry)];
    static auto* const only = new (place) failure_registry;
    return *only;
}

void report(exception_handler const& handler, unhandled_exception const& what) noexcept {
    try {
        if (handler)
            handler(what);
        else
            std::cerr << what.describe() + '\n' << std::flush;
    } catch (...) {
        try {
            unhandled_exception const second{std::current_exception(), what.spawned_at};
            std::cerr << "weft: on_unhandled_exception itself threw; " + second.describe() + '\n' << std::flush;
        } catch (...) {
            // No memory even for that.
            std::fputs("weft: an exception that nobody awaited could not be reported: out of memory\n", stderr);
        }
    }
}

// True: by nobody else. relaxed: the exception itself is published by the end of the task.
bool claim_failure(promise_base& failed) noexcept {
    return !(failed.marks.fetch_or(failure_seen, std::memory_order_relaxed) & failure_seen);
}

}  // namespace

void mark_retrieved(promise_base& failed) noexcept {
    static_cast<void>(claim_failure(failed));
}

void remember_failure(promise_base& failed, run_group& group) noexcept {
    try {
        auto handler = group.core().on_unhandled;
        std::string name = given_name(failed);
        failure_registry& all = registry();
        std::lock_guard const lock(all.mutex);
        all.failures.try_emplace(&failed, remembered{&group, std::move(handler), spawned_at(failed), std::move(name)});
    } catch (std::bad_alloc const&) {
        // No memory to wait for somebody who awaits it.
        if (claim_failure(failed)) report(*group.core().on_unhandled, {failed.exception, spawned_at(failed)});
    }
}

void forget_failure(promise_base& failed) noexcept {
    failure_registry& all = registry();
    std::unique_lock lock(all.mutex);
    auto const found = all.failures.find(&failed);
    if (found == all.failures.end()) return;
    auto const [group, handler, spawned_at, task_name] = std::move(found->second);
    all.failures.erase(found);
    lock.unlock();
    if (claim_failure(failed)) report(*handler, {failed.exception, spawned_at, task_name});
}

void report_failures_of(run_group& group) noexcept {
    struct item {
        std::shared_ptr<exception_handler const> handler;
        unhandled_exception what;
    };
    // Copied under the lock, reported without it: a handle may be dropped meanwhile, and a handler may do what it likes.
    std::vector<item> unseen;
    {
        std::lock_guard const lock(registry().mutex);
        for (auto const& [failed, what] : registry().failures) {
            if (what.group != &group) continue;
            try {
                if (unseen.size() == unseen.capacity()) unseen.reserve(2 * unseen.size() + 1);
                item next{what.handler, {failed->exception, what.spawned_at, what.task_name}};
                if (claim_failure(*failed)) unseen.push_back(std::move(next));
            } catch (std::bad_alloc const&) {
                break;  // the rest is reported when their handles are dropped
            }
        }
    }
    for (item const& each : unseen) report(*each.handler, each.what);
}

}  // namespace detail
}  // namespace weft
