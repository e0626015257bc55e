// SPDX-License-Identifier: MIT
// The end of a function on another thread, and at the same time a request to cancel who awaits it (lib/to_thread.cpp,
// thread_pool.cpp, abandon in lib/cancel_request.cpp): one of the two resumes the coroutine, and one frees the job. lib/README.md,
// "Who has the job".
#include "support/catch.hpp"

#include <thread>

#include <weft/error.hpp>
#include <weft/to_thread.hpp>

#include "hands.hpp"

namespace {

namespace model = weft::model;
using model::bounded;
using model::verify_tasks;
using weft::join_handle;
using weft::task;

task<int> awaits_function(int& calls) {
    co_return co_await weft::to_thread([&calls] {
        ++calls;
        return 7;
    });
}

// By the body: until the task has ended, which the function's thread may be about to let go on. Then the runtime ends, as far as
// that is about its pool of threads.
void finish(model::house& house, join_handle<int> const& waiting) {
    for (;;) {
        house.finish();
        if (waiting.done()) break;
        WEFT_SPIN_PAUSE();
    }
    model::check(house.empty(), "all tasks have ended");
    house.core().threads.stop();
}

}  // namespace

TEST_CASE("end of a function: it is awaited", "[model][function_end]") {
    verify_tasks(bounded("end of a function", 0), [] {
        int calls = 0;
        model::house house(1);
        join_handle<int> waiting = house.start(0, awaits_function(calls));
        house.run_oldest(0);
        finish(house, waiting);
        model::check(std::move(waiting).result() == 7 && calls == 1, "what it returned, and it was called once");
    });
}

TEST_CASE("end of a function: who awaits it is cancelled", "[model][function_end]") {
    verify_tasks(bounded("end of a function || cancel", 1), [] {
        int calls = 0;
        model::house house(2);
        join_handle<int> waiting = house.start(0, awaits_function(calls));
        house.run_oldest(0);
        bool told = false;
        std::thread canceller([&] { told = house.as_worker(1, [&] { return waiting.cancel(); }); });
        canceller.join();
        finish(house, waiting);
        model::check(calls <= 1, "it is called once, or not at all");
        bool cancelled = false;
        try {
            model::check(waiting.result() == 7 && calls == 1, "what it returned");
        } catch (weft::cancelled const&) {
            cancelled = true;
        }
        model::check(told == cancelled, "who was told that it is cancelled was told the truth");
    });
}
