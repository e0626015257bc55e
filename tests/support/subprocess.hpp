// SPDX-License-Identifier: MIT
// A test case of this program in a process of its own: for what ends a process, or must begin in one without threads.
#pragma once

#include <chrono>
#include <string>

namespace weft::test {

struct ended_process {
    bool in_time = false;  // else it was killed
    int exit_code = -1;    // -1: ended by a signal
    int signal = 0;        // 0: by exit
    std::string errors;    // what it wrote to stderr
};

// Runs this very program with the name of one of its test cases, best a hidden one (tag "[.]"), and waits for its end, at most
// `limit` (ten times as long under a sanitizer).
ended_process run_case(const std::string& name, std::chrono::milliseconds limit);

}  // namespace weft::test
