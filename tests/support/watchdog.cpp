// SPDX-License-Identifier: MIT
#include "support/watchdog.hpp"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <utility>

#include <weft/detail/config.hpp>

#include "runtime_core.hpp"  // dump_runtimes
#include "support/scale.hpp"
#include "support/seed.hpp"

namespace weft::test {

namespace {

// WEFT_CHAOS is set: the program may have been built with pauses before its atomic operations (tests/README.md).
const char* chaos() { return std::getenv("WEFT_CHAOS"); }

double patience() {
    const bool slow = detail::config::asan || detail::config::tsan || chaos() || std::getenv("WEFT_TEST_WORKERS");
    return (slow ? 10 : 1) * std::max(1.0, scale());
}

}  // namespace

watchdog::watchdog(std::chrono::milliseconds limit, std::string name)
    : deadline_(std::chrono::steady_clock::now() +
                std::chrono::duration_cast<std::chrono::steady_clock::duration>(limit * patience())),
      name_(std::move(name)), thread_([this] { watch(); }) {}

watchdog::~watchdog() {
    {
        const std::lock_guard lock{mutex_};
        disarmed_ = true;
    }
    disarming_.notify_one();
    thread_.join();
}

void watchdog::watch() {
    std::unique_lock lock{mutex_};
    if (disarming_.wait_until(lock, deadline_, [this] { return disarmed_; })) return;
    std::cerr << "\nwatchdog: \"" << name_ << "\" has not ended in time\n";
    if (const auto seed = seed_if_used()) std::cerr << "to repeat: WEFT_TEST_SEED=" << *seed << '\n';
    if (const char* const given = chaos()) std::cerr << "and WEFT_CHAOS=" << given << '\n';
    std::cerr << std::flush;
    detail::dump_runtimes(std::cerr);
    std::cerr << std::flush;
    std::abort();
}

}  // namespace weft::test
