// SPDX-License-Identifier: MIT
#include "platform.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <ctime>
#include <memory>
#include <optional>
#include <sstream>

#include <dirent.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <oneapi/tbb/info.h>

#include "first_line.hpp"

namespace weft::detail::platform {

void wait_on_word(std::atomic<std::uint32_t>& word, std::uint32_t expected, std::int64_t deadline) noexcept {
    // FUTEX_WAIT_BITSET, because its timeout is a moment (CLOCK_MONOTONIC, which is what steady_clock reads) and not a duration.
    std::timespec moment{};
    std::timespec const* timeout = nullptr;
    if (deadline != forever) {
        std::int64_t const at = std::max<std::int64_t>(deadline, 0);
        moment.tv_sec = static_cast<std::time_t>(at / 1'000'000'000);
        moment.tv_nsec = static_cast<long>(at % 1'000'000'000);
        timeout = &moment;
    }
    syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, expected, timeout, nullptr, FUTEX_BITSET_MATCH_ANY);
}

void wake_word(std::atomic<std::uint32_t>& word) noexcept {
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

bool prepare_process_barrier() noexcept {
    return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

void process_barrier() noexcept {
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

namespace {

// "max 100000" or "150000 100000": time per period, in microseconds.
std::optional<double> processors_of_quota(std::string const& text) {
    std::istringstream words(text);
    double quota = 0;
    double period = 0;
    if (words >> quota >> period && quota > 0 && period > 0) return quota / period;
    return std::nullopt;
}

// The smallest quota on the way from this process's cgroup up to the root; version 2 (one tree) and version 1 (a tree per
// controller).
std::optional<double> cgroup_quota() {
    std::optional<double> smallest;
    auto consider = [&](std::optional<double> found) {
        if (found && (!smallest || *found < *smallest)) smallest = found;
    };
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        auto const first = line.find(':');
        auto const second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) continue;
        std::string const controllers = line.substr(first + 1, second - first - 1);
        bool const version2 = controllers.empty();
        if (!version2 && (',' + controllers + ',').find(",cpu,") == std::string::npos) continue;
        for (std::string path = line.substr(second + 1);; path.erase(path.find_last_of('/'))) {
            if (path == "/") path.clear();
            if (version2) {
                consider(processors_of_quota(first_line("/sys/fs/cgroup" + path + "/cpu.max")));
            } else {
                std::string const folder = "/sys/fs/cgroup/cpu" + path;
                consider(processors_of_quota(first_line(folder + "/cpu.cfs_quota_us") + ' ' + first_line(folder + "/cpu.cfs_period_us")));
            }
            if (path.find('/') == std::string::npos) break;
        }
    }
    return smallest;
}

}  // namespace

unsigned usable_processors() {
    // oneTBB reads the affinity mask; it does not know quotas.
    int processors = std::max(1, oneapi::tbb::info::default_concurrency());
    if (auto const quota = cgroup_quota()) processors = std::clamp(static_cast<int>(std::ceil(*quota)), 1, processors);
    return static_cast<unsigned>(processors);
}

int current_processor() noexcept {
    return sched_getcpu();
}

namespace {

struct replaced_action {
    int signal;
    struct sigaction before;
};

// Never looked at for a signal that is ignored.
constinit std::array<replaced_action, 2> replaced_actions{{{SIGINT, {}}, {SIGTERM, {}}}};

struct sigaction action_of(int signal) noexcept {
    struct sigaction action {};
    sigaction(signal, nullptr, &action);
    return action;
}

void release(replaced_action const& replaced, void (*handler)(int)) noexcept {
    if (action_of(replaced.signal).sa_handler == handler) sigaction(replaced.signal, &replaced.before, nullptr);
}

}  // namespace

void catch_signals(void (*handler)(int)) noexcept {
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART | SA_ONSTACK;  // whatever a thread is doing goes on, and one that has a stack for signals uses it
    sigemptyset(&action.sa_mask);
    for (replaced_action& each : replaced_actions) {
        struct sigaction const before = action_of(each.signal);
        if (before.sa_handler == SIG_IGN) continue;
        // In the child of a fork() the handler may stand there already, and what it has replaced in the parent holds.
        if (before.sa_handler != handler) each.before = before;
        sigaction(each.signal, &action, nullptr);
    }
}

void release_signals(void (*handler)(int)) noexcept {
    for (replaced_action const& each : replaced_actions) release(each, handler);
}

void end_by_signal(int signal) noexcept {
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    sigaction(signal, &action, nullptr);
    raise(signal);
    // It has been blocked since its handler began.
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, signal);
    pthread_sigmask(SIG_UNBLOCK, &blocked, nullptr);
    // The first process of a container, which no default action ends.
    _exit(128 + signal);
}

void pass_on_signal(int signal, void (*handler)(int)) noexcept {
    for (replaced_action const& each : replaced_actions) {
        if (each.signal != signal) continue;
        release(each, handler);
        // Else somebody else's handler stands there, which has called this one.
        if (action_of(signal).sa_handler == each.before.sa_handler) raise(signal);
    }
}

void wait_for_handler(std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
    wait_on_word(word, expected, forever);
}

void wake_from_handler(std::atomic<std::uint32_t>& word) noexcept {
    wake_word(word);  // nothing but a system call
}

std::uint32_t process_id() noexcept {
    return static_cast<std::uint32_t>(getpid());
}

// Not by std::filesystem: libstdc++ 12 ends the program where its directory_iterator cannot have memory.
std::vector<std::string> names_in(std::string const& folder) {
    std::vector<std::string> names;
    std::unique_ptr<DIR, int (*)(DIR*)> const opened(opendir(folder.c_str()), &closedir);
    if (opened)
        while (dirent const* const entry = readdir(opened.get())) names.emplace_back(entry->d_name);
    return names;
}

void name_this_thread(std::string const& name) noexcept {
    // The number at the end stays.
    constexpr std::size_t longest = 15;
    std::size_t const number = std::min(name.rfind('-'), name.size());
    std::string const end = name.substr(number);
    std::string const begin = name.substr(0, std::min(number, longest - std::min(longest, end.size())));
    pthread_setname_np(pthread_self(), (begin + end).c_str());
}

void sharpen_timed_waits() noexcept {
    // Nanoseconds by which the kernel may delay a timeout to save wake-ups; 50,000 unless told.
    prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
}

void on_fork(void (*in_child)()) noexcept {
    pthread_atfork(nullptr, nullptr, in_child);
}

}  // namespace weft::detail::platform
