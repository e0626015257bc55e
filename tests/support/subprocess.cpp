// SPDX-License-Identifier: MIT
#include "support/subprocess.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/detail/config.hpp>

namespace weft::test {

namespace {

constexpr int patience = detail::config::asan || detail::config::tsan ? 10 : 1;

// Reads until the other end is closed. False: not within the limit.
bool read_all(int from, std::chrono::steady_clock::time_point deadline, std::string& to) {
    std::array<char, 4096> part{};
    for (;;) {
        const std::chrono::duration<double, std::milli> left = deadline - std::chrono::steady_clock::now();
        if (left.count() <= 0) return false;
        pollfd waiting{from, POLLIN, 0};
        if (poll(&waiting, 1, static_cast<int>(left.count()) + 1) <= 0) continue;
        const auto size = read(from, part.data(), part.size());
        if (size <= 0) return true;
        to.append(part.data(), static_cast<std::size_t>(size));
    }
}

}  // namespace

ended_process run_case(const std::string& name, std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit * patience;
    std::array<int, 2> pipe_ends{};
    if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
    const pid_t child = fork();
    if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (child == 0) {
        // Between fork and exec, only what is safe in a signal handler.
        const rlimit no_core{0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        dup2(pipe_ends[1], STDERR_FILENO);
        const int nowhere = open("/dev/null", O_WRONLY);
        if (nowhere >= 0) dup2(nowhere, STDOUT_FILENO);
        execl("/proc/self/exe", "/proc/self/exe", name.c_str(), nullptr);
        _exit(127);
    }
    close(pipe_ends[1]);
    ended_process result;
    result.in_time = read_all(pipe_ends[0], deadline, result.errors);
    close(pipe_ends[0]);
    if (!result.in_time) kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
    return result;
}

}  // namespace weft::test
