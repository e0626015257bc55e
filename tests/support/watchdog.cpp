// SPDX-License-Identifier: MIT
#include "support/watchdog.hpp"

#include <cstdlib>
#include <iostream>
#include <utility>

#include <weft/detail/config.hpp>

#include "runtime_core.hpp"  // dump_runtimes
#include "support/seed.hpp"

namespace weft::test {

namespace {

constexpr int patience = detail::config::asan || detail::config::tsan ? 10 : 1;

}  // namespace

watchdog::watchdog(std::chrono::milliseconds limit, std::string name)
    : deadline_(std::chrono::steady_clock::now() + limit * patience), name_(std::move(name)), thread_([this] { watch(); }) {}

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
    std::cerr << std::flush;
    detail::dump_runtimes(std::cerr);
    std::cerr << std::flush;
    std::abort();
}

}  // namespace weft::test
