// SPDX-License-Identifier: MIT
// Something to be done every 200 ms: an interval. Its ticks stay on their timetable, however long the work after each takes; here
// the second piece of work takes so long that ticks are missed. Prints when each tick was due, and that the third came late.
//
//     while True:                          # asyncio has no interval, and this loop drifts:
//         await asyncio.sleep(0.2)         # every lateness, and the time that the work takes, adds up
//         work()

#include <weft/weft.hpp>

#include <chrono>
#include <cstdio>

using namespace std::chrono_literals;

int milliseconds(std::chrono::nanoseconds duration) {
    return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

weft::task<> async_main() {
    auto const start = weft::now();
    // Missed ticks are skipped. missed_tick::burst, which is the default, makes up for each; delay begins anew.
    weft::interval every(start, 200ms, weft::missed_tick::skip);
    for (int tick = 1; tick <= 5; ++tick) {
        auto const due = co_await every.tick();
        bool const late = weft::now() - due > 100ms;
        std::printf("tick %d was due at %4d ms%s\n", tick, milliseconds(due - start), late ? ", and comes late" : "");
        co_await weft::sleep(tick == 2 ? 500ms : 10ms);  // the work
    }
}

int main() { weft::run(async_main()); }
