// SPDX-License-Identifier: MIT
// The checker itself: small programs of which it is known what may happen.
#include "support/catch.hpp"

#include <array>
#include <atomic>
#include <condition_variable>
#include <iostream>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include <weft/detail/config.hpp>

#include "model.hpp"
#include "platform.hpp"

namespace {

namespace model = weft::model;

constexpr auto relaxed = std::memory_order_relaxed;
constexpr auto acquire = std::memory_order_acquire;
constexpr auto release = std::memory_order_release;
constexpr auto seq_cst = std::memory_order_seq_cst;

// The results of all executions. Its heap must not be that of one of them: bits.
class seen_results {
public:
    void add(unsigned result) {
        if (model::running()) bits_ |= std::uint64_t{1} << result;
    }
    bool has(unsigned result) const { return (bits_ >> result & 1U) != 0; }

private:
    std::uint64_t bits_ = 0;
};

model::outcome explored(char const* name, std::function<void()> const& body, model::options with = {}) {
    with.name = name;
    model::outcome const seen = model::explore(with, body);
    std::cout << seen.name << ": " << seen.executions << " executions" << (seen.exhausted ? ", exhausted" : "") << ", " << seen.seconds
              << " s\n";
    return seen;
}

}  // namespace

TEST_CASE("store buffering, relaxed: both may read zero", "[litmus]") {
    static std::array<int, 4> count;
    count = {};
    auto const seen = explored("SB relaxed", [] {
        std::atomic<int> x{0}, y{0};
        int a = 0, b = 0;
        std::thread one([&] {
            x.store(1, relaxed);
            a = y.load(relaxed);
        });
        y.store(1, relaxed);
        b = x.load(relaxed);
        one.join();
        model::check(a == 1 || b == 1, "one of them saw the other");
    });
    CHECK(seen.failure == "check: one of them saw the other");
    std::cout << seen;
}
