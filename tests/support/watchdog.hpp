// SPDX-License-Identifier: MIT
// A test that would hang tells where and why instead.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace weft::test {

// After the limit (ten times as long under a sanitizer, with WEFT_CHAOS or WEFT_TEST_WORKERS, and longer by WEFT_TEST_SCALE) prints
// the test's name, its seed and the state of every live runtime to stderr, and aborts. The destructor disarms it:
//
//     weft::test::watchdog guard{std::chrono::seconds{10}, "gather of stolen children"};
class watchdog {
public:
    watchdog(std::chrono::milliseconds limit, std::string name);
    ~watchdog();
    watchdog(const watchdog&) = delete;
    watchdog& operator=(const watchdog&) = delete;

private:
    void watch();

    const std::chrono::steady_clock::time_point deadline_;
    const std::string name_;
    std::mutex mutex_;
    std::condition_variable disarming_;
    bool disarmed_ = false;  // under mutex_
    std::thread thread_;     // last: it uses all of the above
};

}  // namespace weft::test
