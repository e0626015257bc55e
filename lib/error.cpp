// SPDX-License-Identifier: MIT
#include <weft/error.hpp>

#include <csignal>
#include <cstdlib>
#include <cxxabi.h>
#include <typeinfo>
#include <utility>

namespace weft {

// Out of line, so that each type has one home and is the same across shared libraries.
error::~error() = default;
no_current_runtime::~no_current_runtime() = default;
nested_run::~nested_run() = default;
invalid_state::~invalid_state() = default;
runtime_closed::~runtime_closed() = default;
timeout_error::~timeout_error() = default;
exception_group::~exception_group() = default;
cancelled::~cancelled() = default;
interrupted::~interrupted() = default;

char const* cancelled::what() const noexcept {
    return "weft::cancelled: the task was cancelled";
}

char const* interrupted::what() const noexcept {
    switch (signal_) {
        case SIGINT:
            return "weft::interrupted: SIGINT (Ctrl-C) has ended the run";
        case SIGTERM:
            return "weft::interrupted: SIGTERM has ended the run";
        default:
            return "weft::interrupted: a signal has ended the run";
    }
}

namespace {

std::string text_of_all(std::string const& from, std::vector<std::exception_ptr> const& exceptions) {
    std::string text = from + ": " + std::to_string(exceptions.size()) + (exceptions.size() == 1 ? " failure" : " failures");
    for (std::size_t index = 0; index < exceptions.size(); ++index)
        text += (index == 0 ? ": " : "; ") + detail::describe(exceptions[index]);
    return text;
}

}  // namespace

exception_group::exception_group(std::string const& from, std::vector<std::exception_ptr> exceptions)
    : error(text_of_all(from, exceptions)),
      exceptions_(std::make_shared<std::vector<std::exception_ptr> const>(std::move(exceptions))) {}

namespace detail {

namespace {

std::string readable(char const* type) {
    int status = 0;
    std::unique_ptr<char, decltype(&std::free)> const name(abi::__cxa_demangle(type, nullptr, nullptr, &status), &std::free);
    return name ? name.get() : type;
}

}  // namespace

std::string describe(std::exception_ptr const& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (std::exception const& thrown) {
        return readable(typeid(thrown).name()) + ": " + thrown.what();
    } catch (...) {
        std::type_info const* const type = abi::__cxa_current_exception_type();
        return "of type " + (type ? readable(type->name()) : "unknown");
    }
}

void throw_empty_task() {
    throw invalid_state(
        "weft::task: this task is empty: it was default-constructed, moved from, or awaited already; a task runs once: call the "
        "coroutine again, or spawn it and await the handle");
}

void throw_reused_gather() {
    throw invalid_state("weft::gather: this gather was awaited already; its tasks run once: make them, and the gather, anew");
}

void throw_empty_handle() {
    throw invalid_state("weft::join_handle: this handle is empty: it was default-constructed or moved from; use the one that spawn returned");
}

void throw_not_done() {
    throw invalid_state("weft::join_handle: the task has not ended yet; co_await the handle, or ask done() first");
}

void throw_not_a_number() {
    throw std::invalid_argument("weft: the duration is not a number (NaN); pass a finite duration, or infinity for one without end");
}

}  // namespace detail
}  // namespace weft
