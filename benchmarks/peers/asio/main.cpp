// SPDX-License-Identifier: MIT
// Standalone Asio: C++20 coroutines on an asio::thread_pool.
// usage: asio_peer WORKLOAD SIZE THREADS      or --version
#include "../../harness.hpp"
#include "support.hpp"

#include <cstdio>
#include <map>

int main(int argc, char** argv) try {
    if (argc == 2 && std::string(argv[1]) == "--version") {
        std::printf("Asio %d.%d.%d\n", ASIO_VERSION / 100000, ASIO_VERSION / 100 % 1000, ASIO_VERSION % 100);
        return 0;
    }
    std::map<std::string, peer::counters (*)(std::int64_t, unsigned)> const workloads{
        {"fib", peer::fib},
        {"skynet", peer::skynet},
        {"nqueens", peer::nqueens},
        {"spawn", peer::spawn},
        {"gather", peer::gather},
        {"yield", peer::yield},
        {"submit", peer::submit},
        {"sleep", peer::sleep},
        {"sleepers", peer::sleepers},
        {"arm_cancel", peer::arm_cancel},
        {"loaded_sleep", peer::loaded_sleep},
        {"idle", peer::idle},
    };
    auto const workload = argc == 4 ? workloads.find(argv[1]) : workloads.end();
    if (workload == workloads.end()) {
        std::fprintf(stderr, "usage: asio_peer WORKLOAD SIZE THREADS\n");
        return 2;
    }
    for (auto const& [name, value] : workload->second(std::stoll(argv[2]), static_cast<unsigned>(std::stoul(argv[3])))) {
        std::printf("%s=%.9g ", name.c_str(), value);
    }
    std::printf("peak_rss_bytes=%.0f\n", harness::peak_rss_bytes());
} catch (std::exception const& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
