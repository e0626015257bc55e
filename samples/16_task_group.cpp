// SPDX-License-Identifier: MIT
// A task group: tasks that end together. Where all succeed, their handles have the results. As soon as one fails, the others are
// cancelled; when all have ended, the failures come as one exception_group: here that of the settings, and that of the calendar,
// which fails because it is cancelled. Prints the number of letters loaded, then who was cancelled and what has failed. Half a
// second; the mail alone would take ten.
//
//     async with asyncio.TaskGroup() as group:
//         inbox = group.create_task(load("inbox", 0.2))
//         drafts = group.create_task(load("drafts", 0.2))
//     print(inbox.result() + drafts.result())
//
//     try:
//         async with asyncio.TaskGroup() as group: ...
//     except* RuntimeError as failures:
//         for failure in failures.exceptions: print(failure)

#include <weft/weft.hpp>

#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using std::chrono::milliseconds;

weft::task<std::size_t> load(std::string name, milliseconds takes) {
    try {
        co_await weft::sleep(takes);
    } catch (weft::cancelled const&) {
        std::cout << name + " cancelled\n";
        throw;
    }
    co_return name.size();
}

weft::task<> load_settings() {
    co_await weft::sleep(200ms);
    throw std::runtime_error("settings: disk full");
}

weft::task<> load_calendar() {
    bool cancelled = false;
    try {
        co_await weft::sleep(10s);
    } catch (weft::cancelled const&) {
        cancelled = true;
    }
    co_await weft::sleep(100ms);  // puts things in order
    if (cancelled) throw std::runtime_error("calendar: half a file is left");
}

weft::task<> all_succeed() {
    weft::join_handle<std::size_t> inbox, drafts;
    auto body = [&](weft::task_group& group) -> weft::task<> {
        inbox = group.spawn(load("inbox", 200ms));
        drafts = group.spawn(load("drafts", 200ms));
        co_return;  // the group waits for both
    };
    co_await weft::with_task_group(body);
    std::cout << std::to_string(inbox.result() + drafts.result()) + " letters\n";
}

weft::task<> one_fails() {
    auto body = [](weft::task_group& group) -> weft::task<> {
        group.spawn(load("mail", 10s));
        group.spawn(load_calendar());
        group.spawn(load_settings());
        co_return;
    };
    try {
        co_await weft::with_task_group(body);
    } catch (weft::exception_group const& failures) {
        for (std::exception_ptr const& failure : failures) {  // in the order in which they came
            try {
                std::rethrow_exception(failure);
            } catch (std::runtime_error const& error) {
                std::cout << error.what() << '\n';
            }
        }
    }
}

weft::task<> async_main() {
    co_await all_succeed();
    co_await one_fails();
}

int main() { weft::run(async_main()); }
