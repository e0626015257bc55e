// SPDX-License-Identifier: MIT
// What libFuzzer calls: the bytes are a program, which must come to what the oracle allows.
#include "programs/checker.hpp"
#include "support/tsan_suppressions.hpp"

#include <weft/detail/config.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <span>
#include <thread>

#include "runtime_core.hpp"  // dump_runtimes

namespace {

namespace config = weft::detail::config;
using namespace std::chrono_literals;

// A program that hangs ends the process with its text and the state of every runtime. One thread for all programs.
class hang_watch {
public:
    hang_watch() {
        std::thread([this] { watch(); }).detach();
    }
    void begin(weft::test::program const& one) {
        running_.store(&one, std::memory_order_release);
        number_.fetch_add(1, std::memory_order_release);
    }
    void end() { running_.store(nullptr, std::memory_order_release); }

private:
    static constexpr auto limit = config::asan || config::tsan ? 60s : 20s;

    [[noreturn]] void watch() {
        for (;;) {
            auto const before = number_.load(std::memory_order_acquire);
            std::this_thread::sleep_for(limit);
            auto const* const one = running_.load(std::memory_order_acquire);
            if (!one || number_.load(std::memory_order_acquire) != before) continue;
            std::cerr << "\nthis program hangs: " << *one << std::flush;
            weft::detail::dump_runtimes(std::cerr);
            std::cerr << std::flush;
            std::abort();
        }
    }

    std::atomic<weft::test::program const*> running_{nullptr};
    std::atomic<std::uint64_t> number_{0};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    static weft::test::program_checker checker;
    static auto* const watch = new hang_watch;  // for its thread, which never ends
    weft::test::byte_choices from(std::span(data, size));
    weft::test::program const made = weft::test::make_program(from);
    watch->begin(made);
    std::string const faults = checker.check(made);
    watch->end();
    if (!faults.empty()) {
        std::cerr << "weft and the oracle disagree: " << faults << std::flush;
        std::abort();
    }
    return 0;
}
