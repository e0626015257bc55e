// SPDX-License-Identifier: MIT
// Ctrl-C without a mess. Three workers answer requests. The first Ctrl-C, or SIGTERM, cancels the main task, and with it the group
// of the workers: each answers the request that it has in hand, and no other. Then the server saves what it knows, which takes a
// moment, too, and the program ends with the exit code that tells the shell why. A second Ctrl-C would end it at once. Prints how
// many requests each worker has answered, and that code. Half a second: nobody is there to press Ctrl-C, so the program does it
// itself, and ends with 0. With the argument --wait it waits for you.
//
//     async def async_main():
//         try:
//             async with asyncio.TaskGroup() as group: ...
//         except asyncio.CancelledError:
//             await save()
//             raise
//
//     try:
//         asyncio.run(async_main())           # Ctrl-C cancels async_main
//     except KeyboardInterrupt:
//         sys.exit(130)

#include <weft/weft.hpp>

#include <csignal>
#include <iostream>
#include <string>
#include <string_view>

using namespace std::chrono_literals;
using std::chrono::milliseconds;

weft::task<> answer_request(milliseconds takes) {
    co_await weft::sleep(takes);
}

weft::task<> serve(std::string name, milliseconds takes) {
    int answered = 0;
    for (bool open = true; open; ++answered) {
        auto const request = weft::spawn(answer_request(takes));
        try {
            co_await weft::shield(request);  // Ctrl-C ends this await, but not the request
        } catch (weft::cancelled const&) {
            open = false;
        }
        co_await request;
    }
    std::cout << name + " has answered " + std::to_string(answered) + " requests\n";
}

weft::task<> save() {
    co_await weft::sleep(50ms);
    std::cout << "saved\n";
}

weft::task<> press_ctrl_c() {
    co_await weft::sleep(300ms);
    std::raise(SIGINT);
}

weft::task<> async_main(bool waits_for_you) {
    auto workers = [](weft::task_group& group) -> weft::task<> {
        group.spawn(serve("Ada", 20ms));
        group.spawn(serve("Bob", 50ms));
        group.spawn(serve("Cyd", 90ms));
        co_return;  // the group waits for them
    };
    std::cout << "serving; Ctrl-C ends it\n";
    if (!waits_for_you) weft::spawn(press_ctrl_c());
    bool cancelled = false;
    try {
        co_await weft::with_task_group(workers);
    } catch (weft::cancelled const&) {
        cancelled = true;  // C++ allows no co_await here
    }
    co_await save();
    if (cancelled) throw weft::cancelled();  // else run() would not know
}

int main(int count, char** arguments) {
    bool const waits_for_you = count > 1 && std::string_view(arguments[1]) == "--wait";
    // What a script starts in the background ignores Ctrl-C, and weft leaves it at that; but this one presses it itself.
    if (!waits_for_you) std::signal(SIGINT, SIG_DFL);
    try {
        weft::run(async_main(waits_for_you), {.handle_signals = true});
    } catch (weft::interrupted const& interrupted) {
        int const code = 128 + interrupted.signal();
        std::cout << "interrupted: exit code " << code << '\n';
        return waits_for_you ? code : 0;
    }
}
