// SPDX-License-Identifier: MIT
// The nodes that run several others, at once or one after the other.
#include "programs/interpreter.hpp"

#include <algorithm>
#include <ranges>

namespace weft::test {

namespace {

value value_or_failure(result<value> const& one) { return one ? one.value() : outcome::failure(code_of(one.error())).as_value(); }

value mix_all(value sum, std::vector<value> const& all) {
    for (value const each : all) sum = mix(sum, each);
    return sum;
}

task<value> await_handle(join_handle<value> const& handle) { co_return co_await handle; }

task<value> filler(std::size_t number) {
    if (number % 2 == 0) co_await yield();
    co_return 0;
}

}  // namespace

std::vector<task<value>> interpreter::run_all(node const& one, surroundings around, std::size_t from) const {
    std::vector<task<value>> all;
    for (; from < one.children.size(); ++from) all.push_back(run(one[from], around));
    return all;
}

std::vector<join_handle<value>> interpreter::spawn_all(node const& one, surroundings around) const {
    around.name = -1;
    std::vector<join_handle<value>> all;
    for (auto const& child : one.children) all.push_back(spawn(run(*child, around)));
    return all;
}

// ---- Handles

task<value> interpreter::spawn_look(node const& one, surroundings around) const {
    auto const handle = spawn(run(one[0], around));
    outcome came_to;
    try {
        came_to = outcome::of(co_await handle);
    } catch (...) {
        came_to = outcome::failure(code_of(std::current_exception()));
    }
    // Where the run as a whole is cancelled, nobody waits for others.
    if (!handle.done() && (waits || !came_to.cancelled())) {
        record->fault("node " + std::to_string(one.id) + ": a task that was awaited has not ended");
    } else if (!handle.done()) {
        co_return mix(start_of(one), came_to.as_value());
    } else if (!came_to.failed) {
        if (handle.exception() || handle.cancelled() || handle.result() != came_to.data)
            record->fault("node " + std::to_string(one.id) + ": a handle gives what was not awaited");
    } else if (!came_to.cancelled()) {
        if (!handle.exception() || handle.cancelled() || code_of(handle.exception()) != came_to.data)
            record->fault("node " + std::to_string(one.id) + ": a handle has an exception that was not awaited");
    } else {
        static_cast<void>(handle.exception());
    }
    co_return mix(start_of(one), came_to.as_value());
}

task<value> interpreter::spawn_shared(node const& one, surroundings around) const {
    auto const handle = spawn(run(one[0], around));
    auto const [first, second] = co_await gather(await_handle(handle), await_handle(handle));
    co_return mix(mix(start_of(one), first), second);
}

task<value> interpreter::spawn_around(node const& one, surroundings around) const {
    auto handle = spawn(run(one[0], {around.context, -1}));
    value const body = co_await run(one[1], around);
    value const background = co_await std::move(handle);
    co_return mix(mix(start_of(one), body), background);
}

task<value> interpreter::spawn_cancelled(node const& one, surroundings around) const {
    auto handle = spawn(run(one[0], around));
    if (one.time != 0) co_await sleep(length(one));
    handle.cancel();
    if (one.variant % 2 == 1) handle.cancel();
    outcome came_to;
    try {
        came_to = outcome::of(co_await handle);
    } catch (...) {
        came_to = outcome::failure(code_of(std::current_exception()));
    }
    co_return mix(start_of(one), came_to.as_value());
}

task<value> interpreter::shielded_handle(node const& one, surroundings around) const {
    auto const handle = spawn(run(one[0], around));
    bool late = false;
    value result = 0;
    try {
        result = co_await wait_for(shield(handle), length(one));
    } catch (timeout_error const&) {
        late = true;
    }
    if (late) result = co_await handle;
    co_return mix(mix(start_of(one), late ? 2 : 1), result);
}

// ---- Limits

task<value> interpreter::within(node const& one, surroundings around) const {
    co_return mix(start_of(one), co_await wait_for(run(one[0], around), length(one)));
}

task<value> interpreter::time_limit(node const& one, surroundings around) const {
    auto limit = co_await timeout(length(one));
    value const first = co_await run(one[0], around);
    // Between the look and the move it may pass.
    try {
        if (!limit.expired()) {
            if (one.variant % 2 == 1)
                limit.reschedule(std::nullopt);
            else
                limit.reschedule(now() + other_length(one));
        }
    } catch (invalid_state const&) {
        // It is passing at this moment: expired() may say so a little later. By a paused clock it would have passed before.
        if (paused && !limit.expired())
            record->fault("node " + std::to_string(one.id) + ": a limit that has not passed did not move");
    }
    value const second = co_await run(one[1], around);
    co_return mix(mix(start_of(one), first), second);
}

// ---- Together

task<value> interpreter::sequence(node const& one, surroundings around) const {
    value sum = start_of(one);
    for (auto const& child : one.children) sum = mix(sum, co_await run(*child, around));
    co_return sum;
}

task<value> interpreter::gathered(node const& one, surroundings around) const {
    value const own = start_of(one);
    if (one.what == kind::gather_limit) {
        auto const make = [this, around](std::unique_ptr<node> const& child) { return run(*child, around); };
        std::size_t const limit = 1 + one.variant % 3;
        if (one.variant % 2 == 0)
            co_return mix_all(own, co_await gather(one.children | std::views::transform(make), {.limit = limit}));
        co_return mix_all(own, co_await gather(run_all(one, around), {.limit = limit}));
    }
    if (one.what == kind::gather_handles) {
        auto handles = spawn_all(one, around);
        if (one.variant % 2 == 0) co_return mix_all(own, co_await gather(handles));
        co_return mix_all(own, co_await gather(std::move(handles)));
    }
    if (one.what == kind::gather_vector) co_return mix_all(own, co_await gather(run_all(one, around)));
    if (one.children.size() == 2) {
        auto const [a, b] = co_await gather(run(one[0], around), run(one[1], around));
        co_return mix(mix(own, a), b);
    }
    auto all = gather(run(one[0], around), run(one[1], around), run(one[2], around));
    auto const [a, b, c] = co_await all;
    co_return mix(mix(mix(own, a), b), c);
}

task<value> interpreter::gather_mixed(node const& one, surroundings around) const {
    auto handle = spawn(run(one[1], {around.context, -1}));
    auto const results = co_await gather(run(one[0], around), std::move(handle), sleep(length(one)));
    co_return mix(mix(mix(start_of(one), std::get<0>(results)), std::get<1>(results)), 0);
}

task<> interpreter::run_into(node const& one, surroundings around, value& into) const { into = co_await run(one, around); }

task<value> interpreter::gather_void(node const& one, surroundings around) const {
    std::vector<value> values(one.children.size());
    std::vector<task<>> all;
    for (std::size_t index = 0; index < values.size(); ++index) all.push_back(run_into(one[index], around, values[index]));
    co_await gather(std::move(all));
    co_return mix_all(start_of(one), values);
}

task<value> interpreter::gather_wide(node const& one, surroundings around) const {
    constexpr std::size_t others = 100;
    std::vector<task<value>> all;
    for (std::size_t number = 0; number < others / 2; ++number) all.push_back(filler(number));
    for (auto& child : run_all(one, around)) all.push_back(std::move(child));
    for (std::size_t number = 0; number < others / 2; ++number) all.push_back(filler(number));
    std::vector<value> values = co_await gather(std::move(all));
    values.erase(values.begin(), values.begin() + others / 2);
    values.resize(one.children.size());
    values.push_back(0);
    co_return mix_all(start_of(one), values);
}

task<value> interpreter::with_results(node const& one, surroundings around) const {
    value sum = start_of(one);
    if (one.what == kind::results_tuple) {
        auto const [a, b] = co_await gather(return_exceptions, run(one[0], around), run(one[1], around));
        co_return mix(mix(sum, value_or_failure(a)), value_or_failure(b));
    }
    std::vector<result<value>> all;
    if (one.what == kind::results_limit)
        all = co_await gather(return_exceptions, run_all(one, around), {.limit = std::size_t{1} + one.variant % 3});
    else
        all = co_await gather(return_exceptions, run_all(one, around));
    for (auto const& each : all) sum = mix(sum, value_or_failure(each));
    co_return sum;
}

}  // namespace weft::test
