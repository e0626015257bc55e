// SPDX-License-Identifier: MIT
// Task groups (lib/task_group.cpp, include/weft/task_group.hpp): however failures, ends, spawns and a request to cancel who has
// made the group meet, no child outlives the group, all failures are told and none is reported as unhandled, all others are
// cancelled, and who was told that it is cancelled was told the truth, once.
#include "support/catch.hpp"

#include <array>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include <weft/error.hpp>
#include <weft/options.hpp>
#include <weft/sleep.hpp>
#include <weft/task_group.hpp>
#include <weft/timeout.hpp>
#include <weft/yield.hpp>

#include "hands.hpp"
#include "small_tasks.hpp"

namespace {

using namespace std::chrono_literals;
namespace model = weft::model;
using model::bounded;
using model::verify_tasks;
using weft::join_handle;
using weft::task;
using weft::task_group;

struct failure {};

// What became of a child. Plain: it is read when the group has been left.
struct trail {
    bool begun = false;
    bool gone = false;
};
class leaves_trail {
public:
    explicit leaves_trail(trail& of) noexcept : of_(of) { of_.begun = true; }
    leaves_trail(leaves_trail const&) = delete;
    leaves_trail& operator=(leaves_trail const&) = delete;
    ~leaves_trail() { of_.gone = true; }

private:
    trail& of_;
};
using trails = std::array<trail, 3>;

task<> yields(trail& of) {
    leaves_trail const here(of);
    co_await weft::yield();
}
task<> yields_and_fails(trail& of) {
    leaves_trail const here(of);
    co_await weft::yield();
    throw failure{};
}
task<> sleeps_for_ever(trail& of) {
    leaves_trail const here(of);
    co_await weft::sleep(24h);
}
task<> yields_and_spawns(task_group& group, trail& of, trail& of_other) {
    leaves_trail const here(of);
    co_await weft::yield();
    static_cast<void>(group.spawn(yields(of_other)));
}
task<> awaits(join_handle<bool> const& handle, trail& of) {
    leaves_trail const here(of);
    static_cast<void>(co_await handle);
}
// No child, but one of them waits for it. Whether the group has taken what it spawns.
task<bool> spawns_from_outside(task_group* group, trail& of_other) {
    try {
        static_cast<void>(group->spawn(sleeps_for_ever(of_other)));
        co_return true;
    } catch (weft::invalid_state const&) {
        co_return false;
    }
}

struct outcome {
    int failures = 0;
    int told = 0;  // how often it was told that it is cancelled
};

using group_body = std::function<task<>(task_group&, trails&)>;

// Who is cancelled puts things in order, and goes on.
task<outcome> makes_group(group_body body, trails& children, bool limited) {
    outcome came_to;
    try {
        auto in_group = weft::with_task_group([&](task_group& group) { return body(group, children); });
        if (limited)
            co_await weft::wait_for(std::move(in_group), 1ms);
        else
            co_await std::move(in_group);
    } catch (weft::exception_group const& all) {
        came_to.failures = static_cast<int>(all.size());
    } catch (weft::timeout_error const&) {
        model::check(limited, "there is a limit");
    } catch (weft::cancelled const&) {
        ++came_to.told;
    }
    for (trail const& each : children) model::check(each.begun == each.gone, "no child outlives the group");
    came_to.told += co_await model::told_at_the_next_await();
    co_return came_to;
}

void refuse_report(weft::unhandled_exception const&) { model::check(false, "a failure that the group has told is not reported"); }

// Worker 2 makes the group. Workers 0 and 1 take what is in its line, and go on with that.
class scene {
public:
    explicit scene(group_body body, bool limited = false)
        : owner_(house.start(2, makes_group(std::move(body), children_, limited))) {
        house.run_oldest(2);
    }

    void begin_next(unsigned as) { house.steal_ready(as, 2); }
    void run(std::function<void()> const& first, std::function<void()> const& second) {
        std::thread other(second);
        first();
        other.join();
        house.finish();
        model::check(house.empty(), "all tasks have ended");
    }
    [[nodiscard]] bool cancel_owner(unsigned as) {
        return house.as_worker(as, [&] { return owner_.cancel(); });
    }
    // After which the owner is asked to end, or not. A request may come when all is over but its end.
    [[nodiscard]] int failures(bool asked = false) const {
        if (owner_.cancelled()) {
            model::check(asked, "nobody has cancelled who made the group");
            return 0;
        }
        outcome const came_to = owner_.result();
        model::check(came_to.told == (asked ? 1 : 0), "who is cancelled is told so, once");
        return came_to.failures;
    }

    model::house house{3, refuse_report};

private:
    trails children_;
    join_handle<outcome> owner_;
};

// Whether it ended so. These children have nothing against it.
bool cancelled(join_handle<> const& child) {
    model::check(child.done(), "a child has ended");
    bool const failed = child.exception() && !child.cancelled();
    model::check(failed || child.cancelled() == (child.cancelling() > 0), "a child that is cancelled ends so");
    return child.cancelled();
}

}  // namespace

TEST_CASE("group: children fail", "[model][group]") {
    verify_tasks(bounded("failure || end", 1), [] {
        join_handle<> one, other;
        scene scene([&](task_group& group, trails& of) -> task<> {
            one = group.spawn(yields_and_fails(of[0]));
            other = group.spawn(yields(of[1]));
            co_return;
        });
        scene.begin_next(0);
        scene.begin_next(1);
        scene.run([&] { scene.house.run_oldest(0); }, [&] { scene.house.run_oldest(1); });
        model::check(!cancelled(one), "nobody else fails");
        static_cast<void>(cancelled(other));
        model::check(scene.failures() == 1, "the failure is told");
    });
    verify_tasks(bounded("failure || failure", 1), [] {
        join_handle<> one, other;
        scene scene([&](task_group& group, trails& of) -> task<> {
            one = group.spawn(yields_and_fails(of[0]));
            other = group.spawn(yields_and_fails(of[1]));
            co_return;
        });
        scene.begin_next(0);
        scene.begin_next(1);
        scene.run([&] { scene.house.run_oldest(0); }, [&] { scene.house.run_oldest(1); });
        int const first_cancelled = cancelled(one);
        int const second_cancelled = cancelled(other);
        model::check(scene.failures() == 2 - first_cancelled - second_cancelled, "all failures are told");
        model::check(scene.failures() > 0, "one of them is");
    });
    // The body is told of it, too.
    verify_tasks(bounded("failure || the body suspends", 2), [] {
        scene scene([](task_group& group, trails& of) -> task<> {
            static_cast<void>(group.spawn(yields_and_fails(of[0])));
            co_await weft::yield();
            co_await weft::sleep(24h);
        });
        scene.begin_next(0);
        scene.run([&] { scene.house.run_oldest(2); }, [&] { scene.house.run_oldest(0); });
        model::check(scene.failures() == 1, "the failure is told");
    });
}

// It is told once that it is to end, and puts things in order then.
TEST_CASE("group: children fail, and the body goes on", "[model][group][body]") {
    verify_tasks(bounded("failure, the body hears of it || failure", 1), [] {
        int told = 0;
        scene scene([&](task_group& group, trails& of) -> task<> {
            static_cast<void>(group.spawn(yields_and_fails(of[0])));
            static_cast<void>(group.spawn(yields_and_fails(of[1])));
            for (bool first = true;; first = false) {
                try {
                    if (first)
                        co_await weft::sleep(24h);
                    else
                        co_await weft::yield();
                    break;
                } catch (weft::cancelled const&) {
                    ++told;
                }
            }
        });
        scene.begin_next(0);
        scene.begin_next(1);
        scene.run(
            [&] {
                scene.house.run_oldest(0);
                scene.house.run_oldest(0);
            },
            [&] { scene.house.run_oldest(1); });
        model::check(told == 1 && scene.failures() > 0, "told once");
    });
}

TEST_CASE("group: a limit around it passes", "[model][group][around]") {
    verify_tasks(bounded("the last child's failure || limit", 1), [] {
        scene scene(
            [](task_group& group, trails& of) -> task<> {
                static_cast<void>(group.spawn(yields_and_fails(of[0])));
                co_return;
            },
            true);
        scene.begin_next(0);
        scene.run(
            [&] {
                scene.house.run_oldest(0);
                scene.house.run_oldest(0);
            },
            [&] { scene.house.fire_timers(1); });
        model::check(scene.failures() <= 1, "the failure is told, or the limit");
    });
    verify_tasks(bounded("the body is told of a request, and fails || limit", 2), [] {
        scene scene(
            [](task_group&, trails& of) -> task<> {
                try {
                    co_await sleeps_for_ever(of[0]);
                } catch (weft::cancelled const&) {
                    throw failure{};
                }
            },
            true);
        bool const asked = scene.cancel_owner(0);
        scene.run([&] { scene.house.run_oldest(0); }, [&] { scene.house.fire_timers(1); });
        model::check(asked && scene.failures(asked) == 1, "the failure is told");
    });
}

TEST_CASE("group: who has made it is cancelled", "[model][group]") {
    verify_tasks(bounded("failure || cancel of the group's task", 1), [] {
        scene scene([](task_group& group, trails& of) -> task<> {
            static_cast<void>(group.spawn(yields_and_fails(of[0])));
            static_cast<void>(group.spawn(sleeps_for_ever(of[1])));
            co_return;
        });
        scene.begin_next(0);
        scene.begin_next(1);
        bool asked = false;
        scene.run([&] { scene.house.run_oldest(0); }, [&] { asked = scene.cancel_owner(1); });
        model::check(asked && scene.failures(asked) <= 1, "told, or cancelled before it failed");
    });
    // Who has made it waits for the only child, and goes on where that has ended.
    verify_tasks(bounded("the last child's failure || cancel of the group's task", 2), [] {
        scene scene([](task_group& group, trails& of) -> task<> {
            static_cast<void>(group.spawn(yields_and_fails(of[0])));
            co_return;
        });
        scene.begin_next(0);
        bool asked = false;
        scene.run(
            [&] {
                scene.house.run_oldest(0);
                scene.house.run_oldest(0);
            },
            [&] { asked = scene.cancel_owner(1); });
        static_cast<void>(scene.failures(asked));
    });
}

TEST_CASE("group: a spawn in it", "[model][group][spawned]") {
    verify_tasks(bounded("a child spawns || the body ends", 2), [] {
        scene scene([](task_group& group, trails& of) -> task<> {
            static_cast<void>(group.spawn(yields_and_spawns(group, of[0], of[1])));
            co_await weft::yield();
        });
        scene.begin_next(0);
        scene.run([&] { scene.house.run_oldest(2); },
                  [&] {
                      scene.house.run_oldest(0);
                      scene.house.run_oldest(0);
                  });
        model::check(scene.failures() == 0, "the group is open");
    });
    verify_tasks(bounded("a task outside spawns || failure", 1), [] {
        task_group* open = nullptr;
        trail of_taken;
        std::function<join_handle<bool> const&()> from_outside;
        scene scene([&](task_group& group, trails& of) -> task<> {
            open = &group;
            co_await weft::yield();
            static_cast<void>(group.spawn(yields_and_fails(of[0])));
            static_cast<void>(group.spawn(awaits(from_outside(), of[1])));
        });
        join_handle<bool> outside = scene.house.start(0, spawns_from_outside(open, of_taken));
        from_outside = [&]() -> join_handle<bool> const& { return outside; };
        scene.house.run_oldest(2);
        scene.begin_next(1);
        scene.begin_next(1);
        scene.run([&] { scene.house.run_oldest(0); }, [&] { scene.house.run_oldest(1); });
        model::check(of_taken.begun == of_taken.gone, "what was taken has ended");
        model::check(scene.failures() == 1, "the failure is told");
    });
}

// Ended ones are forgotten where there are two; what the handles know is not needed any more.
TEST_CASE("group: the ended are forgotten", "[model][group][forgotten]") {
    verify_tasks(bounded("the body spawns || end", 2), [] {
        scene scene([](task_group& group, trails& of) -> task<> {
            static_cast<void>(group.spawn(yields(of[0])));
            static_cast<void>(group.spawn(yields(of[1])));
            co_await weft::yield();
            static_cast<void>(group.spawn(yields(of[2])));
        });
        scene.begin_next(0);
        scene.begin_next(1);
        scene.run([&] { scene.house.run_oldest(2); }, [&] { scene.house.run_oldest(0); });
        model::check(scene.failures() == 0, "the group is open");
    });
    verify_tasks(bounded("end, another child spawns || begin of the wait for that", 1), [] {
        scene scene([](task_group& group, trails& of) -> task<> {
            static_cast<void>(group.spawn(yields_and_spawns(group, of[0], of[2])));
            static_cast<void>(group.spawn(yields(of[1])));
            co_await weft::yield();
        });
        scene.begin_next(0);
        scene.begin_next(1);
        scene.run([&] { scene.house.run_oldest(2); },
                  [&] {
                      scene.house.run_oldest(1);
                      scene.house.run_oldest(0);
                  });
        model::check(scene.failures() == 0, "the group is open");
    });
}
