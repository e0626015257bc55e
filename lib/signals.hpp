// SPDX-License-Identifier: MIT
// Ctrl-C and SIGTERM while a run is under way (options::handle_signals). lib/README.md, "Signals".
#pragma once

#include <atomic>
#include <thread>

namespace weft::detail {

struct promise_base;
class runtime_core;

// From `begin` on the first signal cancels the main task of a run, and the second one ends the process. One at a time in a process.
class signal_watch {
public:
    // Throws invalid_state where there is another watch, std::system_error, std::bad_alloc.
    explicit signal_watch(runtime_core& core);
    ~signal_watch();
    signal_watch(signal_watch const&) = delete;
    signal_watch& operator=(signal_watch const&) = delete;

    // `main` is a task, but need not have been scheduled.
    void begin(promise_base& main) noexcept;

    // When the run is over: ends the watch, and answers by which signal the run has been interrupted, 0 if by none.
    [[nodiscard]] int end() noexcept;

private:
    void listen() noexcept;
    void stop() noexcept;

    runtime_core& core_;
    std::atomic<promise_base*> main_{nullptr};
    int heard_ = 0;       // the first signal, known when the watch has ended
    bool told_ = false;   // `main_` has been cancelled by it; written by the thread
    std::thread thread_;  // joined: the watch has ended
};

}  // namespace weft::detail
