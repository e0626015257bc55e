// SPDX-License-Identifier: MIT
#include "support/threads.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <thread>

#include "first_line.hpp"

namespace weft::test {

namespace {

using namespace std::chrono_literals;

std::filesystem::path const tasks("/proc/self/task");

// proc(5): the fields of `stat` behind the name, which may have spaces and parentheses of its own. PF_EXITING, of Linux's sched.h,
// is set before whoever joins the thread is told.
bool lives(std::filesystem::path const& thread) {
    constexpr unsigned long exiting = 0x4;
    std::string const line = detail::first_line(thread / "stat");
    std::size_t const name_end = line.rfind(')');
    if (name_end == std::string::npos) return false;  // gone
    std::istringstream fields(line.substr(name_end + 1));
    std::string state, parent, group, session, terminal, foreground;
    unsigned long flags = 0;
    fields >> state >> parent >> group >> session >> terminal >> foreground >> flags;
    return (flags & exiting) == 0;
}

// How often it has been given a processor, if it sleeps.
std::optional<std::string> turns_if_asleep(std::filesystem::path const& thread) {
    std::ifstream status(thread / "status");
    bool asleep = false;
    std::string turns;
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("State:")) asleep = line.find("S (sleeping)") != std::string::npos;
        if (line.find("ctxt_switches:") != std::string::npos) turns += line;
    }
    return asleep ? std::optional(turns) : std::nullopt;
}

// Nothing if one of the others is awake.
std::optional<std::map<pid_t, std::string>> turns_of_others() {
    std::map<pid_t, std::string> all;
    std::string const self = std::filesystem::read_symlink("/proc/thread-self").filename();
    for (pid_t const thread : living_threads()) {
        if (std::to_string(thread) == self) continue;
        auto const turns = turns_if_asleep(tasks / std::to_string(thread));
        if (!turns) return std::nullopt;
        all.emplace(thread, *turns);
    }
    return all;
}

}  // namespace

std::vector<pid_t> living_threads() {
    std::vector<pid_t> all;
    for (auto const& entry : std::filesystem::directory_iterator(tasks))
        if (lives(entry.path())) all.push_back(static_cast<pid_t>(std::stol(entry.path().filename())));
    return all;
}

void wait_until_others_sleep() {
    for (;; std::this_thread::sleep_for(100us)) {
        // Who was asleep in both looks, and has not run in between, was asleep at the end of the first one.
        auto const before = turns_of_others();
        if (before && turns_of_others() == before) return;
    }
}

}  // namespace weft::test
