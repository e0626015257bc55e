// SPDX-License-Identifier: MIT
// All threads have one processor between them: whoever spins for another one must let it run.
#include "everything.hpp"
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/watchdog.hpp"

#include <weft/weft.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <stdexcept>
#include <thread>
#include <vector>

#include <sched.h>

using namespace std::chrono_literals;

namespace {

// The calling thread, and those that it starts.
class one_cpu {
public:
    one_cpu() {
        if (sched_getaffinity(0, sizeof before_, &before_) != 0) throw std::runtime_error("sched_getaffinity");
        int first = 0;
        while (!CPU_ISSET(first, &before_)) ++first;
        cpu_set_t only;
        CPU_ZERO(&only);
        CPU_SET(first, &only);
        if (sched_setaffinity(0, sizeof only, &only) != 0) throw std::runtime_error("sched_setaffinity");
    }
    one_cpu(one_cpu const&) = delete;
    one_cpu& operator=(one_cpu const&) = delete;
    ~one_cpu() { sched_setaffinity(0, sizeof before_, &before_); }

private:
    cpu_set_t before_{};
};

weft::task<int> echo(int value) {
    co_await weft::yield();
    co_return value;
}

weft::task<std::int64_t> fibonacci(std::int64_t n) {
    if (n < 2) co_return n;
    auto const [a, b] = co_await weft::gather(fibonacci(n - 1), fibonacci(n - 2));
    co_return a + b;
}

weft::task<> nap() { co_await weft::sleep(1h); }

weft::task<int> cancel_many() {
    std::vector<weft::join_handle<>> naps;
    for (int each = 0; each < 500; ++each) naps.push_back(weft::spawn(nap()));
    co_await weft::yield();
    for (auto& each : naps) static_cast<void>(each.cancel());
    int cancelled = 0;
    for (auto& each : naps) {
        try {
            co_await std::move(each);
        } catch (weft::cancelled const&) {
            ++cancelled;
        }
    }
    co_return cancelled;
}

}  // namespace

TEST_CASE("with one processor for all workers everything goes on", "[one_cpu]") {
    for (const unsigned workers : {1u, 2u, 8u}) {
        const weft::test::watchdog guard{60s, "one processor"};
        const one_cpu only;
        CAPTURE(workers);
        weft::runtime runtime({.workers = workers});
        for (int time = 0; time < 5; ++time) {
            weft::test::census objects;
            weft::test::pieces done;
            weft::test::do_everything(runtime, objects, done, 50us);
            CHECK(done.ended > 100);
        }
        CHECK(runtime.run(fibonacci(20)) == 6765);
        CHECK(runtime.run(cancel_many()) == 500);
        // From several threads at once.
        std::atomic<int> sum{0};
        std::vector<std::thread> outside;
        for (int thread = 0; thread < 3; ++thread)
            outside.emplace_back([&] {
                for (int each = 0; each < 200; ++each) sum += runtime.submit(echo(1)).get();
            });
        for (std::thread& each : outside) each.join();
        CHECK(sum == 600);
    }
}
