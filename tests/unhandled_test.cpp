// SPDX-License-Identifier: MIT
// Exceptions that nobody awaited: who hears of them, when, and how often.
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/subprocess.hpp"
#include "support/watchdog.hpp"

#include <weft/weft.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <mutex>
#include <new>
#include <source_location>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using weft::test::ContainsSubstring;
using weft::test::census;
using weft::test::counted_move_only;
using weft::test::run_case;
using weft::test::watchdog;

namespace {

struct own_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

weft::task<> fail_after(int yields, std::string what) {
    for (int i = 0; i < yields; ++i) co_await weft::yield();
    throw own_error(what);
}

// Keeps what the handler is told. Several workers may tell at once.
class listener {
public:
    struct report {
        std::string what;
        std::string file;
        std::uint_least32_t line;
        std::string described;
    };

    void operator()(const weft::unhandled_exception& unhandled) {
        report heard{"", unhandled.spawned_at.file_name(), unhandled.spawned_at.line(), unhandled.describe()};
        try {
            std::rethrow_exception(unhandled.exception);
        } catch (const own_error& error) {
            heard.what = error.what();
        } catch (...) {
            heard.what = "not an own_error";
        }
        const std::lock_guard lock{mutex_};
        reports_.push_back(std::move(heard));
    }

    [[nodiscard]] std::vector<report> reports() const {
        const std::lock_guard lock{mutex_};
        return reports_;
    }
    [[nodiscard]] std::size_t count() const { return reports().size(); }
    [[nodiscard]] std::vector<std::string> whats() const {
        std::vector<std::string> all;
        for (const auto& each : reports()) all.push_back(each.what);
        std::sort(all.begin(), all.end());
        return all;
    }

    [[nodiscard]] weft::options with(unsigned workers) {
        return {.workers = workers, .on_unhandled_exception = [this](const weft::unhandled_exception& what) { (*this)(what); }};
    }

private:
    mutable std::mutex mutex_;
    std::vector<report> reports_;
};

using strings = std::vector<std::string>;

}  // namespace

// ---- When

TEST_CASE("a detached task's exception is reported when it fails, while its run goes on", "[unhandled]") {
    const watchdog guard{10s, "detached failure"};
    const auto workers = GENERATE(1u, 2u, 8u);
    listener heard;
    weft::run(
        [&]() -> weft::task<> {
            weft::spawn(fail_after(2, "detached"));
            while (heard.count() == 0) co_await weft::yield();  // at once, not when the run ends
        },
        heard.with(workers));
    CHECK(heard.whats() == strings{"detached"});
}

TEST_CASE("an exception is reported when its handle is dropped", "[unhandled]") {
    const watchdog guard{10s, "dropped handle of a failure"};
    const auto workers = GENERATE(1u, 2u, 8u);
    listener heard;
    const auto [before, after] = weft::run(
        [&]() -> weft::task<std::pair<std::size_t, std::size_t>> {
            std::size_t early = 0;
            {
                auto handle = weft::spawn(fail_after(1, "dropped"));
                while (!handle.done()) co_await weft::yield();
                for (int i = 0; i < 10; ++i) co_await weft::yield();  // the runtime lets go of it, too
                early = heard.count();
            }
            while (heard.count() == 0) co_await weft::yield();
            co_return {early, heard.count()};
        },
        heard.with(workers));
    CHECK(before == 0);
    CHECK(after == 1);
    CHECK(heard.whats() == strings{"dropped"});
}

TEST_CASE("an exception is reported at the latest when its run ends, though a handle lives, and never again", "[unhandled]") {
    const watchdog guard{10s, "failure with a live handle"};
    const auto workers = GENERATE(1u, 2u, 8u);
    listener heard;
    weft::join_handle<> kept;
    weft::run(
        [&]() -> weft::task<> {
            kept = weft::spawn(fail_after(1, "kept"));
            while (!kept.done()) co_await weft::yield();
        },
        heard.with(workers));
    CHECK(heard.whats() == strings{"kept"});
    CHECK_THROWS_AS(kept.result(), own_error);  // still there
    kept = {};
    CHECK(heard.count() == 1);
}

TEST_CASE("each run of a runtime reports its own failures when it ends", "[unhandled][runtime]") {
    const watchdog guard{10s, "failures of each run"};
    listener heard;
    std::vector<weft::join_handle<>> kept;
    {
        weft::runtime runtime(heard.with(2));
        for (int i = 0; i < 3; ++i) {
            runtime.run([&]() -> weft::task<> {
                kept.push_back(weft::spawn(fail_after(1, "run " + std::to_string(i))));
                while (!kept.back().done()) co_await weft::yield();
            });
            CHECK(heard.count() == static_cast<std::size_t>(i) + 1);
        }
        // What belongs to no run belongs to the runtime.
        runtime.submit([&]() -> weft::task<> {
            kept.push_back(weft::spawn(fail_after(1, "submitted")));
            while (!kept.back().done()) co_await weft::yield();
        }).get();
        CHECK(heard.count() == 3);
    }
    CHECK(heard.whats() == strings{"run 0", "run 1", "run 2", "submitted"});
    kept.clear();
    CHECK(heard.count() == 4);
}

// ---- When not

TEST_CASE("an exception that somebody awaited or looked at is not reported", "[unhandled]") {
    const watchdog guard{10s, "retrieved failures"};
    const auto workers = GENERATE(1u, 2u, 8u);
    listener heard;
    int caught = 0;
    weft::run(
        [&]() -> weft::task<> {
            auto awaited = weft::spawn(fail_after(1, "awaited"));
            try {
                co_await awaited;
            } catch (const own_error&) {
                ++caught;
            }
            auto given_away = weft::spawn(fail_after(1, "awaited as an rvalue"));
            try {
                co_await std::move(given_away);
            } catch (const own_error&) {
                ++caught;
            }
            auto looked_at = weft::spawn(fail_after(0, "looked at"));
            while (!looked_at.done()) co_await weft::yield();
            caught += looked_at.exception() != nullptr;
            auto asked = weft::spawn(fail_after(0, "asked"));
            while (!asked.done()) co_await weft::yield();
            try {
                asked.result();
            } catch (const own_error&) {
                ++caught;
            }
            auto gathered = weft::spawn(fail_after(3, "gathered"));
            try {
                co_await weft::gather(gathered, weft::yield());
            } catch (const own_error&) {
                ++caught;
            }
            try {
                co_await fail_after(1, "a plain await");
            } catch (const own_error&) {
                ++caught;
            }
        },
        heard.with(workers));
    CHECK(caught == 6);
    CHECK(heard.count() == 0);
}

TEST_CASE("asking a failed task whether it is done is not looking at its exception", "[unhandled]") {
    const watchdog guard{10s, "done is no look"};
    listener heard;
    weft::run(
        [&]() -> weft::task<> {
            auto handle = weft::spawn(fail_after(0, "only asked"));
            while (!handle.done()) co_await weft::yield();
        },
        heard.with(1));
    CHECK(heard.whats() == strings{"only asked"});
}

TEST_CASE("failures of main, of submitted tasks and of a gather's children are not reported", "[unhandled]") {
    const watchdog guard{10s, "failures that go elsewhere"};
    const auto workers = GENERATE(1u, 2u, 8u);
    listener heard;
    CHECK_THROWS_AS(weft::run(fail_after(1, "main"), heard.with(workers)), own_error);
    {
        weft::runtime runtime(heard.with(workers));
        auto submitted = runtime.submit(fail_after(1, "submitted"));
        CHECK_THROWS_AS(submitted.get(), own_error);
        CHECK_THROWS_AS(runtime.run(fail_after(1, "run")), own_error);
        runtime.run([]() -> weft::task<> {
            try {
                co_await weft::gather(fail_after(1, "first"), fail_after(2, "second"));
            } catch (const own_error&) {
            }
        });
    }
    CHECK(heard.count() == 0);
}

TEST_CASE("being cancelled is no failure, and a failure while cancelled is one", "[unhandled]") {
    const watchdog guard{10s, "cancelled tasks and reports"};
    const auto workers = GENERATE(1u, 2u, 8u);
    listener heard;
    std::vector<weft::join_handle<>> kept;
    std::atomic<int> begun{0};
    auto sleeping = [&](std::string failure) -> weft::task<> {
        ++begun;
        try {
            co_await weft::sleep(1h);
        } catch (const weft::cancelled&) {
            if (failure.empty()) throw;
        }
        co_await fail_after(1, failure);
    };
    weft::run(
        [&]() -> weft::task<> {
            for (int i = 0; i < 10; ++i) {
                weft::spawn(sleeping(""));
                kept.push_back(weft::spawn(sleeping("")));
            }
            weft::spawn(sleeping("detached"));
            kept.push_back(weft::spawn(sleeping("kept")));
            while (begun < 22) co_await weft::yield();
        },
        heard.with(workers));
    CHECK(heard.whats() == strings{"detached", "kept"});
    kept.clear();
    CHECK(heard.count() == 2);
}

TEST_CASE("every failure is reported exactly once, however its handle goes", "[unhandled]") {
    const watchdog guard{20s, "exactly once"};
    const auto workers = GENERATE(1u, 2u, 8u);
    constexpr int count = 300;
    listener heard;
    std::vector<weft::join_handle<>> kept;
    weft::run(
        [&]() -> weft::task<> {
            for (int i = 0; i < count; ++i) {
                auto handle = weft::spawn(fail_after(i % 4, std::to_string(1000 + i)));
                switch (i % 3) {
                    case 0: break;
                    case 1: kept.push_back(std::move(handle)); break;
                    default: weft::spawn([later = std::move(handle)]() -> weft::task<> { co_await weft::yield(); }); break;
                }
                if (i % 7 == 0) co_await weft::yield();
            }
            // Those whose handles are kept are reported when the run ends, the others by now: one too few is a hang.
            for (auto& each : kept)
                while (!each.done()) co_await weft::yield();
            while (heard.count() < count - kept.size()) co_await weft::yield();
        },
        heard.with(workers));
    kept.clear();
    strings expected;
    for (int i = 0; i < count; ++i) expected.push_back(std::to_string(1000 + i));
    CHECK(heard.whats() == expected);
}

// ---- What

TEST_CASE("a report has the exception and the line where spawn was called", "[unhandled]") {
    const watchdog guard{10s, "what is reported"};
    listener heard;
    std::uint_least32_t line = 0;
    weft::run(
        [&]() -> weft::task<> {
            line = std::source_location::current().line() + 1;
            weft::spawn(fail_after(1, "where"));
            weft::spawn([]() -> weft::task<> { return fail_after(1, "callable"); });
            while (heard.count() < 2) co_await weft::yield();
        },
        heard.with(1));
    auto reports = heard.reports();
    REQUIRE(reports.size() == 2);
    CHECK(reports[0].what == "where");
    CHECK(reports[0].line == line);
    CHECK(reports[1].what == "callable");
    CHECK(reports[1].line == line + 1);
    for (const auto& each : reports) {
        CHECK_THAT(each.file, ContainsSubstring("unhandled_test.cpp"));
        CHECK(each.described.find('\n') == std::string::npos);
        CHECK_THAT(each.described, ContainsSubstring("own_error") && ContainsSubstring(each.what) &&
                                       ContainsSubstring("unhandled_test.cpp:" + std::to_string(each.line)));
    }
}

TEST_CASE("the report of a callable spawned with arguments says that its place is not known", "[unhandled]") {
    const watchdog guard{10s, "a call with arguments, unhandled"};
    listener heard;
    weft::run(
        [&]() -> weft::task<> {
            weft::spawn(fail_after, 1, "with arguments");
            while (heard.count() == 0) co_await weft::yield();
        },
        heard.with(1));
    const auto reports = heard.reports();
    REQUIRE(reports.size() == 1);
    CHECK(reports[0].what == "with arguments");
    CHECK(reports[0].line == 0);
    CHECK_THAT(reports[0].described, ContainsSubstring("own_error: with arguments"));
    CHECK_THAT(reports[0].described, ContainsSubstring("callable with arguments"));
    CHECK(reports[0].described.find(".hpp") == std::string::npos);  // least of all a place inside the library
}

TEST_CASE("describe names what is no std::exception", "[unhandled]") {
    struct odd {};
    const auto describe = [](auto thrown) {
        return weft::unhandled_exception{std::make_exception_ptr(thrown), std::source_location::current()}.describe();
    };
    CHECK_THAT(describe(5), ContainsSubstring("int") && ContainsSubstring("unhandled_test.cpp"));
    CHECK_THAT(describe(odd{}), ContainsSubstring("odd"));
    CHECK_THAT(describe(std::string("text")), ContainsSubstring("string"));
    CHECK_THAT(describe(std::out_of_range("too far")), ContainsSubstring("std::out_of_range") && ContainsSubstring("too far"));
    CHECK_THAT(describe(weft::invalid_state("state")), ContainsSubstring("weft::invalid_state") && ContainsSubstring("state"));
}

TEST_CASE("exceptions that are no std::exception are reported, too", "[unhandled]") {
    const watchdog guard{10s, "an int, unhandled"};
    listener heard;
    weft::run(
        [&]() -> weft::task<> {
            weft::spawn([]() -> weft::task<> {
                co_await weft::yield();
                throw 42;
            });
            while (heard.count() == 0) co_await weft::yield();
        },
        heard.with(2));
    const auto reports = heard.reports();
    REQUIRE(reports.size() == 1);
    CHECK_THAT(reports[0].described, ContainsSubstring("int"));
}

TEST_CASE("the handler may call the runtime: spawn, drop handles, ask where it is", "[unhandled]") {
    const watchdog guard{10s, "a busy handler"};
    const auto workers = GENERATE(1u, 2u, 8u);
    std::atomic<int> reported{0};
    std::atomic<int> spawned_ran{0};
    weft::run(
        [&]() -> weft::task<> {
            for (int i = 0; i < 10; ++i) weft::spawn(fail_after(i % 3, "first"));
            while (reported < 20) co_await weft::yield();  // one too few is a hang
        },
        {.workers = workers, .on_unhandled_exception = [&](const weft::unhandled_exception&) {
             if (++reported > 10 || !weft::on_worker()) return;
             auto dropped = weft::spawn([&]() -> weft::task<> {
                 ++spawned_ran;
                 co_await fail_after(1, "second");
             });
         }});
    CHECK(reported == 20);
    CHECK(spawned_ran == 10);
}

// ---- Where to, without a handler. In processes of their own: stderr is looked at.

TEST_CASE("failures without a handler", "[.]") {
    const watchdog guard{20s, "default handler"};
    census in;
    weft::run([&]() -> weft::task<> {
        weft::spawn([kept = counted_move_only{in}]() -> weft::task<> { return fail_after(1, "nobody listens"); });
        weft::spawn([kept = counted_move_only{in}]() -> weft::task<> {
            co_await weft::yield();
            throw 7;
        });
        // They let go of what they keep after the report.
        while (in.alive > 0) co_await weft::yield();
    });
}

TEST_CASE("a handler that throws", "[.]") {
    const watchdog guard{20s, "throwing handler"};
    int calls = 0;
    const int value = weft::run(
        []() -> weft::task<int> {
            weft::spawn(fail_after(0, "first"));
            weft::spawn(fail_after(1, "second"));
            for (int i = 0; i < 10; ++i) co_await weft::yield();
            co_return 5;
        },
        {.workers = 1, .on_unhandled_exception = [&](const weft::unhandled_exception&) {
             ++calls;
             throw std::logic_error("the handler failed");
         }});
    CHECK(value == 5);
    CHECK(calls == 2);
}

namespace {

// The lines of the library's, for a sanitizer may write others.
strings lines_of_weft(const std::string& text) {
    strings found;
    for (std::size_t begin = 0; begin < text.size();) {
        const auto end = std::min(text.find('\n', begin), text.size());
        if (text.compare(begin, 5, "weft:") == 0) found.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    std::sort(found.begin(), found.end());
    return found;
}

}  // namespace

TEST_CASE("without a handler a failure is one line on stderr", "[unhandled]") {
    const auto ended = run_case("failures without a handler", 20s);
    CAPTURE(ended.errors);
    CHECK(ended.in_time);
    CHECK(ended.exit_code == 0);
    const auto lines = lines_of_weft(ended.errors);
    REQUIRE(lines.size() == 2);
    const auto& text = lines[lines[0].find("nobody listens") == std::string::npos ? 1 : 0];
    const auto& number = lines[lines[0].find("nobody listens") == std::string::npos ? 0 : 1];
    CHECK_THAT(text, ContainsSubstring("own_error: nobody listens") && ContainsSubstring("unhandled_test.cpp:"));
    CHECK_THAT(number, ContainsSubstring("int") && ContainsSubstring("unhandled_test.cpp:"));
}

TEST_CASE("what a handler throws is described on stderr and stops nothing", "[unhandled]") {
    const auto ended = run_case("a handler that throws", 20s);
    CAPTURE(ended.errors);
    CHECK(ended.in_time);
    CHECK(ended.exit_code == 0);
    const auto lines = lines_of_weft(ended.errors);
    REQUIRE(lines.size() == 2);
    for (const auto& line : lines)
        CHECK_THAT(line, ContainsSubstring("on_unhandled_exception") && ContainsSubstring("the handler failed"));
}
