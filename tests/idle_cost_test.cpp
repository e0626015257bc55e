// SPDX-License-Identifier: MIT
// What an idle runtime costs: nearly no processor time, also while tasks sleep.
#include "support/catch.hpp"
#include "support/watchdog.hpp"

#include <weft/detail/config.hpp>
#include <weft/weft.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>
#include <utility>
#include <vector>

#include <sys/resource.h>

using namespace std::chrono_literals;

namespace {

// What this process has used so far: processor time, and how often one of its threads gave up its processor to wait.
struct usage {
    std::chrono::microseconds time;
    long waits;
};

usage used() {
    rusage now{};
    getrusage(RUSAGE_SELF, &now);
    auto const microseconds = [](timeval const& time) {
        return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
    };
    return {microseconds(now.ru_utime) + microseconds(now.ru_stime), now.ru_nvcsw};
}

usage used_during(std::chrono::milliseconds duration) {
    usage const before = used();
    std::this_thread::sleep_for(duration);
    usage const after = used();
    return {after.time - before.time, after.waits - before.waits};
}

// Per second. A sanitizer has threads of its own that wake now and then.
constexpr bool sanitized = weft::detail::config::asan || weft::detail::config::tsan;
constexpr auto nearly_no_time = sanitized ? 60ms : 10ms;
constexpr long nearly_no_waits = sanitized ? 60 : 10;

// The workers have searched in vain and parked.
void settle() { std::this_thread::sleep_for(100ms); }

weft::options workers(unsigned count) {
    weft::options settings;
    settings.workers = count;
    return settings;
}

weft::task<> sleep_for(std::chrono::milliseconds duration) { co_await weft::sleep(duration); }

weft::task<> nothing() { co_return; }

}  // namespace

TEST_CASE("an idle runtime uses no processor time", "[idle][stress]") {
    const weft::test::watchdog guard{30s, "an idle runtime"};
    for (const unsigned count : {1u, 8u, 32u}) {
        weft::runtime idle(workers(count));
        idle.run(nothing());
        settle();
        usage const second = used_during(1000ms);
        CAPTURE(count, second.time.count(), second.waits);
        CHECK(second.time < nearly_no_time);
        CHECK(second.waits < nearly_no_waits);
    }
}

TEST_CASE("a runtime in which one task sleeps uses no processor time, and wakes once", "[idle][stress]") {
    const weft::test::watchdog guard{30s, "one task asleep"};
    for (const unsigned count : {1u, 8u}) {
        weft::runtime idle(workers(count));
        auto asleep = idle.submit(sleep_for(1500ms));
        settle();
        usage const second = used_during(1000ms);
        CAPTURE(count, second.time.count(), second.waits);
        CHECK(second.time < nearly_no_time);
        CHECK(second.waits < nearly_no_waits);
        asleep.get();
    }
}

TEST_CASE("a runtime in which many tasks sleep long uses no processor time", "[idle][stress]") {
    const weft::test::watchdog guard{30s, "ten thousand tasks asleep"};
    weft::runtime idle(workers(4));
    constexpr int tasks = 10'000;
    std::atomic<int> begun = 0;
    auto const begin_to_sleep = [&](std::chrono::milliseconds duration) -> weft::task<> {
        ++begun;
        co_await weft::sleep(duration);
    };
    std::vector<std::future<void>> asleep;
    for (int number = 0; number < tasks; ++number)
        asleep.push_back(idle.submit(begin_to_sleep(std::chrono::milliseconds(3'000 + number % 100))));
    // Their frames are new memory, which a virtual machine may take long to give: what begins is not idle yet.
    while (begun < tasks) std::this_thread::yield();
    settle();
    usage const second = used_during(1000ms);
    CAPTURE(second.time.count(), second.waits);
    CHECK(second.time < nearly_no_time);
    CHECK(second.waits < nearly_no_waits);
    for (auto& each : asleep) each.get();
}

TEST_CASE("a runtime in which many tasks have just woken uses no processor time", "[idle][stress]") {
    const weft::test::watchdog guard{30s, "after a crowd"};
    for (const unsigned count : {1u, 2u, 8u}) {
        weft::runtime idle(workers(count));
        idle.run([]() -> weft::task<> {
            std::vector<weft::task<>> all;
            for (int number = 0; number < 200; ++number) all.push_back(sleep_for(20ms));
            co_await weft::gather(std::move(all));
        });
        settle();
        usage const second = used_during(500ms);
        CAPTURE(count, second.time.count(), second.waits);
        CHECK(second.time < nearly_no_time);
        CHECK(second.waits < nearly_no_waits);
    }
}

TEST_CASE("a task that wakes now and then costs in proportion", "[idle][stress]") {
    const weft::test::watchdog guard{30s, "one task wakes every 10 ms"};
    for (const unsigned count : {1u, 8u}) {
        weft::runtime idle(workers(count));
        auto ticking = idle.submit([]() -> weft::task<> {
            for (int tick = 0; tick < 120; ++tick) co_await weft::sleep(10ms);
        });
        settle();
        usage const second = used_during(1000ms);
        CAPTURE(count, second.time.count(), second.waits);
        CHECK(second.time < 6 * nearly_no_time);
        // A hundred ticks, one worker each.
        CHECK(second.waits < 300 + nearly_no_waits);
        ticking.get();
    }
}
