// SPDX-License-Identifier: MIT
#include <sys/single_threaded.h>
#include <array>
#include <chrono>
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <memory>
#include <ostream>

#include "arena.hpp"
#include "execution.hpp"
#include "memory.hpp"
#include "schedule.hpp"
#include "trace.hpp"

namespace weft::model {

namespace {

using namespace engine;

// A crash of the code under test is a failure like the others.
constexpr std::array<int, 4> crashes{SIGSEGV, SIGBUS, SIGFPE, SIGILL};

class crash_guard {
public:
    crash_guard() {
        stack_t on{};
        on.ss_sp = stack_.data();
        on.ss_size = stack_.size();
        sigaltstack(&on, &stack_before_);
        struct sigaction action {};
        action.sa_handler = [](int signal) {
            if (!running_) {
                std::signal(signal, SIG_DFL);
                return;
            }
            siglongjmp(back_, signal);
        };
        action.sa_flags = SA_ONSTACK;
        for (std::size_t i = 0; i < crashes.size(); ++i) sigaction(crashes[i], &action, &before_[i]);
        before_terminate_ = std::set_terminate([] {
            if (in_model) fail("std::terminate: an exception where there must be none, or a thread neither joined nor detached");
            std::abort();
        });
    }
    ~crash_guard() {
        std::set_terminate(before_terminate_);
        for (std::size_t i = 0; i < crashes.size(); ++i) sigaction(crashes[i], &before_[i], nullptr);
        sigaltstack(&stack_before_, nullptr);
    }
    crash_guard(crash_guard const&) = delete;
    crash_guard& operator=(crash_guard const&) = delete;

    void run(options const& wanted, std::function<void()> const& body) {
        int const signal = sigsetjmp(back_, 1);
        if (signal == 0) {
            running_ = true;
            run_execution(wanted, body);
        } else {
            running_ = false;
            in_model = false;
            execution.failed = true;
            execution.failure = std::string("crash: ") + (signal == SIGSEGV ? "bad address, or its stack is too small" : "signal");
            trace::event("CRASHES");
            end_crashed_execution();
        }
        running_ = false;
    }

private:
    static inline sigjmp_buf back_;
    static inline bool running_ = false;
    alignas(16) std::array<char, 65536> stack_{};
    stack_t stack_before_{};
    std::array<struct sigaction, crashes.size()> before_{};
    std::terminate_handler before_terminate_ = nullptr;
};

// Takes the execution that has just failed once more, to tell how it came about.
void explain(outcome& seen, crash_guard& guard, options const& wanted, std::function<void()> const& body) {
    seen.choices = choices::text();
    seen.failure = execution.failure;
    if (seen.failure.rfind("nondeterminism", 0) == 0) return;
    choices::begin_replay(seen.choices);
    trace::begin();
    execution.tracing = true;
    guard.run(wanted, body);
    execution.tracing = false;
    seen.trace = trace::finish();
    if (!execution.failed || execution.failure != seen.failure)
        seen.failure += "; nondeterminism: taken again with the same choices, this execution did not fail so";
}

double now() {
    std::timespec at{};
    clock_gettime(CLOCK_MONOTONIC, &at);
    return static_cast<double>(at.tv_sec) + static_cast<double>(at.tv_nsec) * 1e-9;
}

}  // namespace

outcome explore(options const& wanted, std::function<void()> const& body) {
    options with = wanted;
    if (char const* const replay = std::getenv("WEFT_MODEL_REPLAY"); replay != nullptr && with.replay.empty()) with.replay = replay;
    outcome seen;
    seen.name = with.name;
    seen.preemptions = with.preemptions;
    double const begun = now();
    prepare_execution();
    __libc_single_threaded = 0;  // else the standard library counts without atomics
    auto const guard = std::make_unique<crash_guard>();
    auto const run = [&] {
        guard->run(with, body);
        ++seen.executions;
        if (execution.pruned) ++seen.pruned;
        seen.longest = std::max(seen.longest, execution.steps);
        if (!execution.failed && !choices::all_asked()) {
            execution.failed = true;
            execution.failure =
                "nondeterminism: an execution ended before it had made the choices that it began with. The body depends "
                "on something that is not made anew for each execution";
        }
        if (execution.failed) explain(seen, *guard, with, body);
        return !execution.failed && seen.failure.empty();
    };
    // What libraries keep for themselves at the first use is made outside of the heap of an execution.
    choices::begin_defaults();
    execution.uses_sleep_sets = false;
    execution.warming_up = true;
    guard->run(with, body);
    execution.warming_up = false;

    execution.uses_sleep_sets = with.sleep_sets && with.preemptions >= unbounded && with.random_executions == 0;
    if (!with.replay.empty()) {
        choices::begin_replay(with.replay);
        run();
    } else if (with.random_executions > 0) {
        for (std::uint64_t i = 0; i < with.random_executions; ++i) {
            choices::begin_random(with.seed + i);
            if (run()) continue;
            seen.seed = with.seed + i;
            break;
        }
    } else {
        choices::begin_search();
        bool more = true;
        while (more && run()) {
            more = choices::next_of_search();
            if (with.max_executions != 0 && seen.executions >= with.max_executions) break;
        }
        seen.exhausted = !more;
    }
    seen.seconds = now() - begun;
    return seen;
}

std::ostream& operator<<(std::ostream& out, outcome const& seen) {
    out << seen.name << ": " << seen.executions << " executions";
    if (seen.pruned != 0) out << " (" << seen.pruned << " cut short)";
    out << (seen.exhausted ? ", exhausted" : "") << ", preemptions <= ";
    if (seen.preemptions >= unbounded)
        out << "any";
    else
        out << seen.preemptions;
    std::array<char, 32> seconds{};
    std::snprintf(seconds.data(), seconds.size(), "%.2f s", seen.seconds);
    out << ", longest " << seen.longest << " steps, " << seconds.data() << '\n';
    if (!seen.failure.empty()) out << "FAILED: " << seen.failure << "\nWEFT_MODEL_REPLAY=" << seen.choices << '\n' << seen.trace;
    return out;
}

void check(bool condition, char const* text) {
    if (condition || !in_model) return;
    me().place = __builtin_return_address(0);
    fail((std::string("check: ") + text).c_str());
}

int choose(int count) {
    engine_scope const engine;
    int const chosen = choose_one(count);
    trace::event("chooses ", chosen);
    return chosen;
}

void name(void const* object, char const* text) {
    if (in_model) trace::name(object, text);
}

bool running() noexcept { return in_model; }

}  // namespace weft::model
