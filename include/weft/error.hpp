// SPDX-License-Identifier: MIT
// The errors weft throws. A wrong argument is a std::invalid_argument; misuse of the library is one of these, and its message says
// what to do instead.
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <weft/detail/config.hpp>

namespace weft {

// Base of all of them.
class WEFT_API error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
    ~error() override;
};

// A call that needs the runtime of the running task (spawn, worker_index, ...) was made outside every worker thread.
class WEFT_API no_current_runtime : public error {
public:
    using error::error;
    ~no_current_runtime() override;
};

// run() was called on a worker thread, where waiting for its end would block the worker.
class WEFT_API nested_run : public error {
public:
    using error::error;
    ~nested_run() override;
};

// The object is in no state for the call: a result that is not there yet, a task or handle that was moved from or already awaited.
class WEFT_API invalid_state : public error {
public:
    using error::error;
    ~invalid_state() override;
};

// The runtime takes no new tasks: it is being destroyed, or (Linux) it was started before fork() and this is the child process.
class WEFT_API runtime_closed : public error {
public:
    using error::error;
    ~runtime_closed() override;
};

// A time limit has passed.
class WEFT_API timeout_error : public error {
public:
    using error::error;
    ~timeout_error() override;
};

// What several tasks have failed by, as with_task_group throws it: a range of std::exception_ptr, never empty. what() tells all.
class WEFT_API exception_group : public error {
public:
    exception_group(std::string const& from, std::vector<std::exception_ptr> exceptions);
    ~exception_group() override;

    [[nodiscard]] std::vector<std::exception_ptr> const& exceptions() const noexcept { return *exceptions_; }
    [[nodiscard]] auto begin() const noexcept { return exceptions_->begin(); }
    [[nodiscard]] auto end() const noexcept { return exceptions_->end(); }
    [[nodiscard]] std::size_t size() const noexcept { return exceptions_->size(); }

private:
    std::shared_ptr<std::vector<std::exception_ptr> const> exceptions_;
};

// Thrown by an await in a task that has been cancelled. Not a std::exception: what catches errors to go on does not catch this by
// accident. Whoever catches it puts things in order and lets it go on.
class WEFT_API cancelled {
public:
    virtual ~cancelled();
    [[nodiscard]] virtual char const* what() const noexcept;
};

// Thrown by run() where a signal has ended it (options::handle_signals): the main task has been cancelled by the signal, and has
// ended so. Or that had ended before, and the signal came while run() still waited for what it had left behind; its value is then
// gone. Unlike asyncio's KeyboardInterrupt, it comes also where others have cancelled the main task, too. main() is to catch it and to
// return 128 + signal(), which shells and service managers expect (samples/18_ctrl_c.cpp); uncaught it aborts, as any exception does.
class WEFT_API interrupted : public cancelled {
public:
    explicit interrupted(int signal) noexcept : signal_(signal) {}
    ~interrupted() override;
    // SIGINT or SIGTERM (<csignal>).
    [[nodiscard]] int signal() const noexcept { return signal_; }
    [[nodiscard]] char const* what() const noexcept override;

private:
    int signal_;
};

namespace detail {

// One line: the exception's type, and its what() where it has one.
[[nodiscard]] WEFT_API std::string describe(std::exception_ptr const& exception);

// The library's own checks. Out of line, so that a template that checks costs one compare and one call.
[[noreturn]] WEFT_API WEFT_NOINLINE void throw_empty_task();
[[noreturn]] WEFT_API WEFT_NOINLINE void throw_reused_gather();
[[noreturn]] WEFT_API WEFT_NOINLINE void throw_empty_handle();
[[noreturn]] WEFT_API WEFT_NOINLINE void throw_not_done();
[[noreturn]] WEFT_API WEFT_NOINLINE void throw_not_a_number();

}  // namespace detail
}  // namespace weft
