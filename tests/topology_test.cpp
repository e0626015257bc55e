// SPDX-License-Identifier: MIT
// Reading which processors share a cache and a memory node, from made-up folders like Linux's; and stealing on a machine of several
// domains.
#include "support/catch.hpp"
#include "support/watchdog.hpp"

#include <weft/weft.hpp>

#include "runtime_core.hpp"
#include "topology.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <source_location>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <stdlib.h>

using namespace std::chrono_literals;
using weft::detail::topology;
namespace fs = std::filesystem;

namespace {

// A folder like /sys/devices/system, gone when this is.
class made_up_machine {
public:
    made_up_machine() {
        std::string name = (fs::temp_directory_path() / "weft-topology-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()));
        root_ = name;
    }
    ~made_up_machine() {
        std::error_code ignored;
        fs::remove_all(root_, ignored);
    }
    made_up_machine(made_up_machine const&) = delete;
    made_up_machine& operator=(made_up_machine const&) = delete;

    void write(std::string const& path, std::string const& line) {
        fs::create_directories((root_ / path).parent_path());
        std::ofstream(root_ / path) << line << '\n';
    }
    void cache(int processor, int index, int level, std::string const& shared_by) {
        const std::string folder = "cpu/cpu" + std::to_string(processor) + "/cache/index" + std::to_string(index);
        write(folder + "/level", std::to_string(level));
        write(folder + "/shared_cpu_list", shared_by);
    }
    void node(int number, std::string const& processors) { write("node/node" + std::to_string(number) + "/cpulist", processors); }

    topology read() const { return topology(root_); }

private:
    fs::path root_;
};

}  // namespace

TEST_CASE("processors with one last-level cache and one node are one domain", "[topology]") {
    made_up_machine machine;
    for (int processor = 0; processor < 4; ++processor) {
        machine.cache(processor, 0, 1, std::to_string(processor));
        machine.cache(processor, 1, 2, std::to_string(processor));
        machine.cache(processor, 2, 3, "0-3");
    }
    machine.node(0, "0-3");
    const topology read = machine.read();
    CHECK(read.flat());
    for (int processor = 0; processor < 4; ++processor) CHECK(read.domain_of(processor) == 0);
    CHECK(read.distance(0, 0) == 0);
}

TEST_CASE("two nodes of two caches each are four domains", "[topology]") {
    made_up_machine machine;
    // Two threads per core, numbered as is usual: the second ones from 8 on. More than ten, so that order by name is not order by
    // number.
    for (int processor = 0; processor < 16; ++processor) {
        const int core = processor % 8;
        const int first = core / 2 * 2;
        const auto pair = [](int one) { return std::to_string(one) + "-" + std::to_string(one + 1); };
        const std::string sharers = pair(first) + "," + pair(first + 8);
        machine.cache(processor, 0, 1, std::to_string(core) + "," + std::to_string(core + 8));
        machine.cache(processor, 3, 3, sharers);
        machine.cache(processor, 2, 2, std::to_string(core) + "," + std::to_string(core + 8));
    }
    machine.node(0, "0-3,8-11");
    machine.node(1, "4-7,12-15");
    const topology read = machine.read();
    CHECK_FALSE(read.flat());
    std::set<std::uint32_t> domains;
    for (int one = 0; one < 16; ++one) {
        domains.insert(read.domain_of(one));
        for (int other = 0; other < 16; ++other) {
            CAPTURE(one, other);
            const bool same_cache = one % 8 / 2 == other % 8 / 2;
            const bool same_node = one % 8 / 4 == other % 8 / 4;
            CHECK(read.distance(read.domain_of(one), read.domain_of(other)) == (same_cache ? 0u : same_node ? 1u : 2u));
        }
    }
    CHECK(domains.size() == 4);
    // No processor of this machine.
    CHECK(read.domain_of(-1) == 0);
    CHECK(read.domain_of(16) == 0);
}

TEST_CASE("a cache that spans two nodes makes a domain in each", "[topology]") {
    made_up_machine machine;
    for (int processor = 0; processor < 4; ++processor) machine.cache(processor, 0, 3, "0-3");
    machine.node(0, "0,2");
    machine.node(1, "1,3");
    const topology read = machine.read();
    CHECK(read.domain_of(0) == read.domain_of(2));
    CHECK(read.domain_of(1) == read.domain_of(3));
    CHECK(read.distance(read.domain_of(0), read.domain_of(1)) == 2);
}

TEST_CASE("where the system tells nothing, or nonsense, all processors are near each other", "[topology]") {
    CHECK(topology().flat());
    CHECK(topology("/no/such/folder").flat());
    made_up_machine machine;
    machine.cache(0, 0, 3, "0-");
    machine.cache(1, 0, 3, "1-99999999999");
    machine.cache(2, 0, 3, "x");
    machine.write("cpu/cpu3/cache/index0/level", "three");
    machine.write("cpu/cpufreq/cache/index0/level", "3");
    machine.write("node/nodes", "0");
    machine.node(0, "5-70000");
    const topology read = machine.read();
    CHECK(read.flat());
    for (int processor = -1; processor < 100'000; processor += 7) REQUIRE(read.domain_of(processor) == 0);
}

TEST_CASE("processors that are off, and numbers that no system has, make no domain", "[topology]") {
    made_up_machine machine;
    for (int processor = 0; processor < 4; ++processor) machine.cache(processor, 0, 3, "0-3");
    machine.node(0, "0-3");
    // Their folders stay.
    for (int processor = 4; processor < 8; ++processor) machine.write("cpu/cpu" + std::to_string(processor) + "/online", "0");
    machine.write("cpu/cpu2147483647/online", "0");
    const topology read = machine.read();
    CHECK(read.flat());
    CHECK(read.domain_of(5) == 0);
}

namespace {

// Comes back when so many are at it at once.
weft::task<> meet(std::atomic<unsigned>& there, unsigned all) {
    ++there;
    while (there < all) std::this_thread::yield();
    co_return;
}

weft::task<> meeting(unsigned all) {
    std::atomic<unsigned> there{0};
    std::vector<weft::task<>> guests;
    for (unsigned each = 0; each < all; ++each) guests.push_back(meet(there, all));
    co_await weft::gather(std::move(guests));
}

}  // namespace

TEST_CASE("every worker steals, however far it is", "[topology]") {
    constexpr unsigned workers = 4;
    const weft::test::watchdog guard{60s, "a runtime whose processors are in domains of their own"};
    made_up_machine machine;
    for (int processor = 0; processor < 64; ++processor) machine.cache(processor, 0, 3, std::to_string(processor));
    machine.node(0, "0,4-63");
    machine.node(1, "1-3");
    const topology apart = machine.read();
    REQUIRE_FALSE(apart.flat());
    const auto core = std::make_shared<weft::detail::runtime_core>(weft::options{.workers = workers}, apart);
    core->pool.start("apart");
    for (int round = 0; round < 20; ++round) {
        auto main = meeting(workers);
        const auto frame = main.unstarted();
        CHECK(weft::detail::run_to_end(*core, frame.promise(), std::source_location::current()).reached);
        main.release();
        weft::join_handle<void>(frame).result();
    }
    core->pool.stop();
}
