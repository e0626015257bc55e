// SPDX-License-Identifier: MIT
// One execution: its threads, whose turn it is, and who waits for what.
#pragma once

#include <array>
#include <csetjmp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "fibre.hpp"
#include "limits.hpp"
#include "model.hpp"
#include "view.hpp"

namespace weft::model::engine {

// True while this thread of the operating system runs the code under test, and not the checker.
extern constinit thread_local bool in_model;

// What is allocated or locked in its scope is the checker's own.
class engine_scope {
public:
    engine_scope() noexcept : before_(in_model) { in_model = false; }
    ~engine_scope() { in_model = before_; }
    engine_scope(engine_scope const&) = delete;
    engine_scope& operator=(engine_scope const&) = delete;

private:
    bool before_;
};

// What a thread is about to do, as far as it decides whether two steps may change places.
struct next_step {
    enum effect : unsigned { reads = 0, writes = 1, sequential = 2, fence = 4, anything = 8 };
    std::uintptr_t object = 0;
    unsigned effects = anything;

    [[nodiscard]] bool depends_on(next_step const& other) const noexcept {
        unsigned const either = effects | other.effects;
        unsigned const both = effects & other.effects;
        if ((either & anything) != 0) return true;
        if (object == other.object && ((either & writes) != 0 || (both & sequential) != 0)) return true;
        return (either & fence) != 0 && (both & sequential) != 0;
    }
};

struct exit_function {
    void (*call)(void*);
    void* argument;
};

struct model_thread {
    int id = 0;
    fibre context;
    view now;
    view to_acquire;  // what an acquire fence will make known: the messages of relaxed loads
    view released;    // what relaxed stores pass on since the last release fence
    bool has_released = false;
    bool finished = false;
    bool detached = false;
    bool first_step_chosen = false;  // who scheduled a new thread has chosen its first step, too
    bool timed = false;              // blocked with a deadline
    bool timed_out = false;
    bool spurious = false;  // blocked where a wait may end for no reason
    std::int64_t deadline = 0;
    void const* waits_for = nullptr;
    next_step next;
    int steps_without_change = 0;
    bool paused = false;  // since its last step: another pause says nothing new
    // Fairness (Musuvathi & Qadeer, "Fair stateless model checking", 2008): who spins gives way to those who could go on.
    std::array<std::uint8_t, max_threads> passed_by{};  // since this one has last gone on: how often each other one has paused
    std::uint32_t gives_way_to = 0;                     // not scheduled before these
    void* (*start)(void*) = nullptr;
    void* argument = nullptr;
    void* result = nullptr;
    std::vector<exit_function> at_exit;
    void const* place = nullptr;  // in the program: where its last access returns to
    int depth = 0;                // of calls
    std::array<void const*, 256> calls{};

    [[nodiscard]] std::uint32_t bit() const noexcept { return 1U << static_cast<unsigned>(id); }
};

struct execution_state {
    std::array<model_thread, max_threads> threads;
    int thread_count = 0;
    model_thread* current = nullptr;
    std::uint32_t runnable = 0;
    std::uint32_t blocked = 0;   // waiting for something; the others have ended
    std::uint32_t spinning = 0;  // paused; not scheduled until something changes
    std::uint32_t fresh = 0;     // everybody spun: these read the latest stores only
    int idle_looks = 0;          // granted since something changed
    // Sleep sets (Godefroid, "Partial-order methods for the verification of concurrent systems", 1996): what would happen if these
    // were scheduled now has been seen already.
    std::uint32_t asleep = 0;
    int steps = 0;
    int preemptions = 0;
    int early_timeouts = 0;
    int spurious_wakeups = 0;
    int spurious_cas_failures = 0;
    std::int64_t clock = 0;
    options const* wanted = nullptr;
    std::function<void()> const* body = nullptr;
    bool uses_sleep_sets = false;
    bool tracing = false;
    bool warming_up = false;
    std::string failure;
    bool failed = false;
    bool pruned = false;
};
extern execution_state execution;

[[nodiscard]] inline model_thread& me() noexcept { return *execution.current; }
[[nodiscard]] inline int current_thread() noexcept { return execution.current->id; }

// Once per process.
void prepare_execution();
// Runs the body until all of its threads have ended, or it has failed.
void run_execution(options const& wanted, std::function<void()> const& body);
// Instead of its end, where a signal handler has jumped out of it.
void end_crashed_execution() noexcept;

// Ends the execution.
[[noreturn]] void fail(char const* text) noexcept;
[[noreturn]] void abandon() noexcept;  // no failure: nothing new is to be seen

// Before a visible operation of the current thread: others may go first.
void step(next_step const& next = {}) noexcept;
// After it. changed: others that spin may see something new.
void stepped(bool changed) noexcept;
// The current thread waits until somebody calls make_runnable for it, or its deadline passes (then timed_out).
void block(void const* waits_for) noexcept;
void block_until(void const* waits_for, bool timed, std::int64_t deadline, bool may_be_spurious) noexcept;
void make_runnable(model_thread& thread) noexcept;
// Those who wait for this.
[[nodiscard]] std::uint32_t waiting_for(void const* object) noexcept;
// One of them, chosen; -1: nobody.
[[nodiscard]] int choose_waiting(void const* object) noexcept;
// The current thread spins.
void pause() noexcept;

model_thread& start_thread(void* (*start)(void*), void* argument) noexcept;
void join_thread(model_thread& other) noexcept;

}  // namespace weft::model::engine
