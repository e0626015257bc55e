// SPDX-License-Identifier: MIT
// The nodes where it matters who is first.
#include "programs/interpreter.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <variant>

namespace weft::test {

task<value> interpreter::first_of(node const& one, surroundings around) const {
    if (one.what == kind::first_tuple) {
        auto const won = co_await first(run(one[0], around), run(one[1], around));
        value const its = std::visit([](value each) { return each; }, won);
        co_return mix(mix(start_of(one), won.index()), its);
    }
    auto const [index, its] = co_await first(run_all(one, around));
    co_return mix(mix(start_of(one), index), its);
}

task<value> interpreter::waited(node const& one, surroundings around) const {
    auto handles = spawn_all(one, around);
    std::vector<task_ref> const refs(handles.begin(), handles.end());
    return_when const when = std::array{first_completed, first_exception, all_completed}[one.variant / 2 % 3];
    wait_result<value> told;
    if (one.variant / 6 % 2 == 1)
        told = co_await wait(std::move(handles), when, length(one));
    else
        told = co_await wait(std::move(handles), when);
    std::vector<join_handle<value>> all(refs.size());
    value done = 0;
    auto const put_back = [&](join_handle<value>& handle) {
        auto const index = static_cast<std::size_t>(std::ranges::find(refs, task_ref(handle)) - refs.begin());
        all[index] = std::move(handle);
        return index;
    };
    for (auto& handle : told.done) {
        if (!handle.done()) record->fault("node " + std::to_string(one.id) + ": a task that is done has not ended");
        done |= value{1} << put_back(handle);
    }
    for (auto& handle : told.pending) {
        if (one.variant % 2 == 1) handle.cancel();
        put_back(handle);
    }
    value sum = mix(start_of(one), done);
    for (auto& handle : all) {
        outcome came_to;
        try {
            came_to = outcome::of(co_await std::move(handle));
        } catch (...) {
            came_to = outcome::failure(code_of(std::current_exception()));
        }
        sum = mix(sum, came_to.as_value());
    }
    co_return sum;
}

task<value> interpreter::completed(node const& one, surroundings around) const {
    value sum = start_of(one);
    std::size_t left = one.children.size();
    auto const mix_in = [&](join_handle<value> const& ended) {
        if (!ended.done()) record->fault("node " + std::to_string(one.id) + ": one that has not ended was given as completed");
        auto const thrown = ended.exception();
        sum = mix(sum, thrown ? outcome::failure(code_of(thrown)).as_value() : ended.result());
        --left;
    };
    if (one.variant % 2 == 1) {
        auto stream = as_completed(run_all(one, around), length(one));
        while (auto const ended = co_await stream.next()) mix_in(*ended);
    } else {
        auto stream = as_completed(spawn_all(one, around));
        while (auto const ended = co_await stream.next()) mix_in(*ended);
        if (stream.remaining() != 0) record->fault("node " + std::to_string(one.id) + ": a stream has ended with some left");
    }
    if (left != 0) record->fault("node " + std::to_string(one.id) + ": as_completed has not given all");
    co_return sum;
}

task<value> interpreter::grouped(node const& one, surroundings around) const {
    auto body = [this, &one, around](task_group& group) -> task<value> {
        try {
            for (std::size_t index = 1; index < one.children.size(); ++index) group.spawn(run(one[index], {around.context, -1}));
        } catch (invalid_state const&) {
            // One of them has failed already.
        }
        co_return co_await run(one[0], around);
    };
    co_return mix(start_of(one), co_await with_task_group(body));
}

}  // namespace weft::test
