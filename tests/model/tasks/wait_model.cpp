// SPDX-License-Identifier: MIT
// wait (include/weft/wait.hpp), which stands on gather, on a scope that its watchers cancel, and on a limit: however ends, a limit
// and a request to cancel who waits meet, each handle is in one of the two lists, nobody is cancelled who was not asked to be, and
// who was told that it is cancelled was told the truth, once.
#include "support/catch.hpp"

#include <chrono>
#include <coroutine>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <weft/error.hpp>
#include <weft/wait.hpp>

#include "hands.hpp"
#include "small_tasks.hpp"

namespace {

using namespace std::chrono_literals;
namespace model = weft::model;
using model::bounded;
using model::fails;
using model::gives;
using model::told_at_the_next_await;
using model::verify_tasks;
using weft::join_handle;
using weft::return_when;
using weft::task;

// The second one, for a task whose first one is given away.
join_handle<int> another(join_handle<int> const& handle) {
    auto& promise = static_cast<weft::detail::promise<int>&>(handle.promise());
    promise.references.fetch_add(1, std::memory_order_relaxed);
    return join_handle<int>(std::coroutine_handle<weft::detail::promise<int>>::from_promise(promise));
}

// What wait came to.
struct answer {
    int done = 0;
    int pending = 0;
    bool a_failed_one = false;  // is among the done
    int told = 0;               // how often it was told that it is cancelled
};

answer read(weft::wait_result<int> const& result) {
    answer seen;
    for (join_handle<int> const& each : result.done) {
        model::check(each.done(), "what is done has ended");
        seen.a_failed_one |= each.exception() != nullptr;
    }
    seen.done = static_cast<int>(result.done.size());
    seen.pending = static_cast<int>(result.pending.size());
    return seen;
}

task<answer> waits(std::vector<join_handle<int>> handles, return_when when) {
    co_return read(co_await weft::wait(std::move(handles), when));
}
task<answer> waits_at_most(std::vector<join_handle<int>> handles, return_when when) {
    co_return read(co_await weft::wait(std::move(handles), when, 1ms));
}
// Puts things in order, and goes on: counts how often it is told.
task<answer> waits_and_yields(std::vector<join_handle<int>> handles, return_when when) {
    answer seen;
    try {
        seen = read(co_await weft::wait(std::move(handles), when));
    } catch (weft::cancelled const&) {
        ++seen.told;
    }
    seen.told += co_await told_at_the_next_await();
    co_return seen;
}

using waiting = task<answer> (*)(std::vector<join_handle<int>>, return_when);
using step = std::function<void(model::house&, join_handle<answer>&)>;

// Worker 0 has one task in line and worker 1 perhaps another, and somebody waits for them. Then both workers go on at once.
class scene {
public:
    scene(waiting wait, return_when when, task<int> one, task<int> other = {}) {
        std::vector<join_handle<int>> given;
        add(given, 0, std::move(one));
        if (other.valid()) add(given, 1, std::move(other));
        asking_ = house_.start(2, wait(std::move(given), when));
        house_.run_oldest(2);
    }

    void before(step const& alone) { alone(house_, asking_); }
    void run(step const& first, step const& second) {
        std::thread thread([&] { second(house_, asking_); });
        first(house_, asking_);
        thread.join();
        house_.finish();
        model::check(house_.empty(), "all tasks have ended");
        for (join_handle<int> const& each : awaited_)
            model::check(each.done() && !each.cancelled() && each.cancelling() == 0, "no task is cancelled by a wait for it");
    }
    // All handles came back.
    answer result() const {
        model::check(!asking_.cancelled(), "nobody has cancelled who waits");
        answer const seen = asking_.result();
        model::check(seen.done + seen.pending == static_cast<int>(awaited_.size()), "each handle is done or pending");
        return seen;
    }
    int told() const { return asking_.result().told; }
    bool cancelled() const { return asking_.cancelled(); }

private:
    void add(std::vector<join_handle<int>>& given, unsigned on, task<int> work) {
        given.push_back(house_.start(on, std::move(work)));
        awaited_.push_back(another(given.back()));
    }

    model::house house_{3};
    std::vector<join_handle<int>> awaited_;
    join_handle<answer> asking_;
};

constexpr char const* told_the_truth = "who was told that it is cancelled was told the truth";

// A task of that worker ends, and whoever waits for it goes on.
step ends(unsigned as) {
    return [as](model::house& house, join_handle<answer>&) {
        house.run_oldest(as);
        house.run_oldest(as);
    };
}
// As no worker of those who end, or of the limit.
step cancels(bool& asked, unsigned as = 2) {
    return [&asked, as](model::house& house, join_handle<answer>& asking) {
        asked = house.as_worker(as, [&] { return asking.cancel(); });
    };
}
void goes_on(model::house& house, join_handle<answer>&) { house.run_oldest(2); }
void takes_back(model::house&, join_handle<answer>& asking) { asking.uncancel(); }
void limit_passes(model::house& house, join_handle<answer>&) { house.fire_timers(2); }

}  // namespace

TEST_CASE("wait: two tasks end at once", "[model][wait]") {
    verify_tasks(bounded("first_completed: end || end", 2), [] {
        scene scene(waits, weft::first_completed, gives(1), gives(2));
        scene.run(ends(0), ends(1));
        model::check(scene.result().done >= 1, "one of them at least");
    });
    verify_tasks(bounded("first_exception: failure || end", 1), [] {
        scene scene(waits, weft::first_exception, fails(1), gives(2));
        scene.run(ends(0), ends(1));
        model::check(scene.result().a_failed_one, "the one that has failed");
    });
    verify_tasks(bounded("all_completed: end || end", 1), [] {
        scene scene(waits, weft::all_completed, gives(1), gives(2));
        scene.run(ends(0), ends(1));
        model::check(scene.result().done == 2, "both");
    });
}

TEST_CASE("wait: who waits is cancelled", "[model][wait][told]") {
    verify_tasks(bounded("first_completed: end || cancel of who waits", 1), [] {
        bool asked = false;
        scene scene(waits, weft::first_completed, gives(1), gives(2));
        scene.run(ends(0), cancels(asked));
        model::check(scene.cancelled() == asked, told_the_truth);
        if (!asked) model::check(scene.result().done >= 1, "one of them at least");
    });
    verify_tasks(bounded("all_completed: end || cancel of who waits", 1), [] {
        bool asked = false;
        scene scene(waits, weft::all_completed, gives(1));
        scene.run(ends(0), cancels(asked));
        model::check(scene.cancelled() == asked, told_the_truth);
        if (!asked) model::check(scene.result().done == 1, "it has ended");
    });
    verify_tasks(bounded("first_completed: the only end || cancel of who catches that", 2), [] {
        bool asked = false;
        scene scene(waits_and_yields, weft::first_completed, gives(1));
        scene.run(ends(0), cancels(asked));
        if (!scene.cancelled()) model::check(scene.told() == (asked ? 1 : 0), "it is told once");
    });
}

TEST_CASE("wait: a request to cancel is taken back", "[model][wait][taken_back]") {
    verify_tasks(bounded("all_completed: is told || uncancel", 2), [] {
        bool asked = false;
        scene scene(waits_and_yields, weft::all_completed, gives(1));
        scene.before(cancels(asked));
        scene.run(goes_on, takes_back);
        if (scene.told() == 0) model::check(scene.result().done == 1, "else it waits for the end");
    });
}

TEST_CASE("wait: its limit passes", "[model][wait][wait_limit]") {
    verify_tasks(bounded("first_completed: end || limit", 1), [] {
        scene scene(waits_at_most, weft::first_completed, gives(1), gives(2));
        scene.run(ends(0), limit_passes);
        static_cast<void>(scene.result());
    });
    // Who waits goes on where the watcher has ended.
    verify_tasks(bounded("first_completed: the only end || limit", 1), [] {
        scene scene(waits_at_most, weft::first_completed, gives(1));
        scene.run(ends(0), limit_passes);
        static_cast<void>(scene.result());
    });
    verify_tasks(bounded("all_completed: end || limit", 1), [] {
        scene scene(waits_at_most, weft::all_completed, gives(1));
        scene.run(ends(0), limit_passes);
        static_cast<void>(scene.result());
    });
    verify_tasks(bounded("limit || cancel of who waits", 2), [] {
        bool asked = false;
        scene scene(waits_at_most, weft::all_completed, gives(1));
        scene.run(cancels(asked, 0), limit_passes);
        model::check(scene.cancelled() == asked, told_the_truth);
    });
}
