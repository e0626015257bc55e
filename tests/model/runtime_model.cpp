// SPDX-License-Identifier: MIT
#include "support/catch.hpp"

#include <chrono>
#include <string>
#include <functional>
#include <thread>
#include <utility>

#include <weft/gather.hpp>
#include <weft/runtime.hpp>
#include <weft/sleep.hpp>
#include <weft/spawn.hpp>
#include <weft/yield.hpp>

#include "whole_runtime.hpp"

namespace {

using namespace std::chrono_literals;
namespace model = weft::model;
using weft::runtime;
using weft::task;

task<int> gives(int value) { co_return value; }

void search(std::string const& name, int preemptions, std::function<void()> const& body) {
    model::options with;
    with.name = name;
    with.preemptions = preemptions;
    with.stale_reads = false;
    model::verify_frames(with, body);
}

}  // namespace

TEST_CASE("runtime: a run", "[model]") {
    search("one worker", 0, [] {
        runtime workers({.workers = 1, .blocking_threads = 1});
        model::check(workers.run(gives(1)) == 1, "the value comes back");
    });
    search("one worker", 1, [] {
        runtime workers({.workers = 1, .blocking_threads = 1});
        model::check(workers.run(gives(1)) == 1, "the value comes back");
    });
    search("two workers", 1, [] {
        runtime workers({.workers = 2, .blocking_threads = 1});
        model::check(workers.run(gives(1)) == 1, "the value comes back");
    });
}
