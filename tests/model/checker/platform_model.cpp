// SPDX-License-Identifier: MIT
// The operating system of an execution, in place of lib/platform_linux.cpp.
#include <platform.hpp>

#include "model.hpp"

namespace weft::detail::platform {

void wait_on_word(std::atomic<std::uint32_t>& word, std::uint32_t expected, std::int64_t deadline) noexcept {
    model::wait_on_word(&word, expected, deadline != forever, deadline);
}
void wake_word(std::atomic<std::uint32_t>& word) noexcept { model::wake_word(&word); }

bool prepare_process_barrier() noexcept { return model::prepare_process_barrier(); }
void process_barrier() noexcept { model::process_barrier(); }

unsigned usable_processors() { return 2; }
int current_processor() noexcept { return 0; }

// No signals, no processes, no files: what models them stands above these.
void catch_signals(void (*)(int)) noexcept {}
void release_signals(void (*)(int)) noexcept {}
void end_by_signal(int) noexcept { model::check(false, "end_by_signal"); }
void pass_on_signal(int, void (*)(int)) noexcept {}
void wait_for_handler(std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept { wait_on_word(word, expected, forever); }
void wake_from_handler(std::atomic<std::uint32_t>& word) noexcept { wake_word(word); }
std::uint32_t process_id() noexcept { return 1; }
std::vector<std::string> names_in(std::string const&) { return {}; }
void name_this_thread(std::string const&) noexcept {}
void sharpen_timed_waits() noexcept {}
void on_fork(void (*)()) noexcept {}

}  // namespace weft::detail::platform
