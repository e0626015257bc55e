// SPDX-License-Identifier: MIT
// The frame cache: sizes are kept apart, freed frames come again, and no list grows without limit.
#include "support/catch.hpp"
#include "support/seed.hpp"
#include "support/watchdog.hpp"

#include <weft/detail/config.hpp>
#include <weft/detail/frame.hpp>

#include "frame_cache.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using weft::detail::frame_cache;

namespace {

namespace config = weft::detail::config;

// Under these sanitizers nothing is cached.
constexpr bool caching = !config::asan && !config::tsan;

// As a coroutine's operator new and delete, with a cache of the test's own instead of the worker's.
void* allocate(frame_cache& cache, std::size_t size) {
    const std::size_t size_class = weft::detail::frame_class_of(size);
    return size_class < weft::detail::frame_classes ? cache.allocate(size_class) : frame_cache::allocate_uncached(size);
}

void give_back(frame_cache& cache, void* frame, std::size_t size) {
    const std::size_t size_class = weft::detail::frame_class_of(size);
    if (size_class < weft::detail::frame_classes)
        cache.free(frame, size_class);
    else
        frame_cache::free_uncached(frame);
}

// As on a thread that is no worker: rounded up to the class, so that a cache may take it.
void* allocate_elsewhere(std::size_t size) { return weft::detail::allocate_frame(size); }

struct frame {
    std::byte* at;
    std::size_t size;
};

// Every byte of it is ours: fills it with what whole() expects.
frame take(frame_cache& cache, std::size_t size) {
    const frame taken{static_cast<std::byte*>(allocate(cache, size)), size};
    std::memset(taken.at, static_cast<int>(size & 0xff), size);
    return taken;
}

bool whole(frame const& one) {
    return std::all_of(one.at, one.at + one.size, [&](std::byte each) { return each == static_cast<std::byte>(one.size & 0xff); });
}

}  // namespace

TEST_CASE("frames of every size are apart, aligned, and writable to their last byte", "[frame_cache]") {
    frame_cache cache;
    for (int round = 0; round < 3; ++round) {
        std::vector<frame> frames;
        for (std::size_t size = 1; size <= 2500; size += 1 + size / 40)
            for (int copy = 0; copy < 4; ++copy) frames.push_back(take(cache, size));
        bool apart = true;
        bool aligned = true;
        for (const frame& each : frames) {
            apart = apart && whole(each);
            aligned = aligned && reinterpret_cast<std::uintptr_t>(each.at) % __STDCPP_DEFAULT_NEW_ALIGNMENT__ == 0;
        }
        CHECK(apart);
        CHECK(aligned);
        for (const frame& each : frames) give_back(cache, each.at, each.size);
    }
}

TEST_CASE("a freed frame is the next of its class", "[frame_cache]") {
    if (!caching) return;
    frame_cache cache;
    for (const std::size_t size : {1u, 32u, 33u, 64u, 500u, 1000u, 1024u}) {
        CAPTURE(size);
        void* const first = allocate(cache, size);
        void* const second = allocate(cache, size);
        CHECK(first != second);
        give_back(cache, first, size);
        give_back(cache, second, size);
        CHECK(allocate(cache, size) == second);
        CHECK(allocate(cache, size) == first);
        give_back(cache, first, size);
        give_back(cache, second, size);
    }
}

TEST_CASE("sizes of one class share frames, other classes never do", "[frame_cache]") {
    if (!caching) return;
    for (std::size_t size = 1; size <= 1024; ++size) {
        frame_cache cache;
        void* const freed = allocate(cache, size);
        give_back(cache, freed, size);
        // The classes are steps of 32 bytes.
        const std::size_t same = (size + 31) / 32 * 32;
        CAPTURE(size);
        for (const std::size_t other : {same - 32, same + 1}) {
            if (other == 0) continue;
            void* const different = allocate(cache, other);
            REQUIRE(different != freed);
            give_back(cache, different, other);
        }
        void* const again = allocate(cache, same);
        REQUIRE(again == freed);
        give_back(cache, again, same);
    }
}

TEST_CASE("big frames go straight to the allocator, and back", "[frame_cache]") {
    frame_cache cache;
    for (const std::size_t size : {1025u, 1057u, 4096u, 1'000'000u}) {
        CAPTURE(size);
        std::vector<frame> frames;
        for (int copy = 0; copy < 8; ++copy) frames.push_back(take(cache, size));
        CHECK(std::ranges::all_of(frames, whole));
        for (const frame& each : frames) give_back(cache, each.at, each.size);
    }
}

TEST_CASE("what one side cached the other may free, and the other way round", "[frame_cache]") {
    frame_cache cache;
    for (std::size_t size = 1; size <= 1200; size += 7) {
        const frame cached = take(cache, size);
        frame_cache::free_uncached(cached.at);
        void* const uncached = allocate_elsewhere(size);
        std::memset(uncached, 1, size);
        give_back(cache, uncached, size);
    }
    // On a thread that is no worker.
    void* const outside = weft::detail::allocate_frame(100);
    std::memset(outside, 1, 100);
    weft::detail::free_frame(outside, 100);
}

TEST_CASE("a frame that nobody can have is a std::bad_alloc", "[frame_cache]") {
    if (!caching) return;  // AddressSanitizer ends the program instead
    frame_cache cache;
    CHECK_THROWS_AS(allocate(cache, std::size_t{1} << 62), std::bad_alloc);
}

TEST_CASE("a list gives back what is more than its share", "[frame_cache]") {
    if (!caching) return;
    // Everything is freed on one cache that has never allocated: the consumer's side of a producer and a consumer on two workers.
    frame_cache consumer;
    std::set<void*> given;
    constexpr std::size_t size = 1024;
    constexpr std::size_t count = 10'000;
    for (std::size_t freed = 0; freed < count; ++freed) {
        void* const from_elsewhere = allocate_elsewhere(size);
        given.insert(from_elsewhere);
        give_back(consumer, from_elsewhere, size);
    }
    // The allocator gave the same blocks again and again, so far fewer than `count` exist at once: at most one full list.
    CHECK(given.size() * size < 2 * 1024 * 1024);
}

TEST_CASE("a producer and a consumer on two threads make no list grow without limit", "[frame_cache]") {
    const weft::test::watchdog guard{60s, "frames allocated here, freed there"};
    constexpr std::size_t size = 512;
    constexpr int batches = config::tsan ? 50 : 500;
    constexpr int batch_size = 1000;
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<void*> on_the_way;
    bool over = false;
    std::set<void*> seen;

    std::thread consumer([&] {
        frame_cache cache;
        for (;;) {
            std::vector<void*> received;
            {
                std::unique_lock lock(mutex);
                changed.wait(lock, [&] { return over || !on_the_way.empty(); });
                if (on_the_way.empty()) return;
                received.swap(on_the_way);
            }
            changed.notify_all();
            for (void* const each : received) give_back(cache, each, size);
        }
    });
    {
        frame_cache cache;
        for (int batch = 0; batch < batches; ++batch) {
            std::vector<void*> made;
            for (int count = 0; count < batch_size; ++count) {
                made.push_back(allocate(cache, size));
                std::memset(made.back(), batch, size);
                seen.insert(made.back());
            }
            std::unique_lock lock(mutex);
            changed.wait(lock, [&] { return on_the_way.empty(); });
            on_the_way.swap(made);
            lock.unlock();
            changed.notify_all();
        }
    }
    {
        const std::lock_guard lock(mutex);
        over = true;
    }
    changed.notify_all();
    consumer.join();
    // 250 MB passed through; what existed at once is a few batches and one full list.
    if (caching) CHECK(seen.size() * size < 32u * 1024 * 1024);
}

TEST_CASE("any sequence of allocating and freeing keeps frames apart", "[frame_cache]") {
    std::mt19937_64 engine(weft::test::seed());
    frame_cache first;
    frame_cache second;
    std::vector<frame> alive;
    bool apart = true;
    for (int step = 0; step < 100'000; ++step) {
        const std::uint64_t choice = engine();
        frame_cache& cache = choice & 1 ? first : second;
        if (alive.empty() || (alive.size() < 2000 && choice & 6)) {
            alive.push_back(take(cache, 1 + (choice >> 8) % 1300));
        } else {
            std::swap(alive[(choice >> 8) % alive.size()], alive.back());
            apart = apart && whole(alive.back());
            give_back(cache, alive.back().at, alive.back().size);
            alive.pop_back();
        }
    }
    for (const frame& each : alive) {
        apart = apart && whole(each);
        give_back(first, each.at, each.size);
    }
    CHECK(apart);
}
