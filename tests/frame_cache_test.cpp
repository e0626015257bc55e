// SPDX-License-Identifier: MIT
// The frame cache and the depot behind it: sizes are kept apart, freed frames come again, and neither grows without limit.
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
using weft::detail::frame_depot;

namespace {

namespace config = weft::detail::config;

// Under these sanitizers nothing is cached.
constexpr bool caching = !config::asan && !config::tsan;

// As a coroutine's operator new and delete, with a cache of the test's own instead of the worker's.
void* allocate(frame_cache& cache, std::size_t size) {
    const std::size_t size_class = weft::detail::frame_class_of(size);
    return size_class < weft::detail::frame_classes ? cache.allocate(size_class) : weft::detail::allocate_uncached(size);
}

void give_back(frame_cache& cache, void* frame, std::size_t size) {
    const std::size_t size_class = weft::detail::frame_class_of(size);
    if (size_class < weft::detail::frame_classes)
        cache.free(frame, size_class);
    else
        weft::detail::free_uncached(frame);
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
    frame_depot depot;
    frame_cache cache(&depot);
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
    frame_depot depot;
    frame_cache cache(&depot);
    for (const std::size_t size : {1u, 16u, 17u, 32u, 500u, 1000u, 1024u}) {
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
        frame_depot depot;
        frame_cache cache(&depot);
        void* const freed = allocate(cache, size);
        give_back(cache, freed, size);
        // The classes are steps of 16 bytes.
        const std::size_t same = (size + 15) / 16 * 16;
        CAPTURE(size);
        for (const std::size_t other : {same - 16, same + 1}) {
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
    frame_depot depot;
    frame_cache cache(&depot);
    for (const std::size_t size : {1025u, 1057u, 4096u, 1'000'000u}) {
        CAPTURE(size);
        std::vector<frame> frames;
        for (int copy = 0; copy < 8; ++copy) frames.push_back(take(cache, size));
        CHECK(std::ranges::all_of(frames, whole));
        for (const frame& each : frames) give_back(cache, each.at, each.size);
    }
}

TEST_CASE("what one side cached the other may free, and the other way round", "[frame_cache]") {
    frame_depot depot;
    frame_cache cache(&depot);
    for (std::size_t size = 1; size <= 1200; size += 7) {
        const frame cached = take(cache, size);
        weft::detail::free_uncached(cached.at);
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
    frame_depot depot;
    frame_cache cache(&depot);
    CHECK_THROWS_AS(allocate(cache, std::size_t{1} << 62), std::bad_alloc);
}

TEST_CASE("what one cache has too much of, another one gets", "[frame_cache]") {
    if (!caching) return;
    constexpr std::size_t size = 1024;
    constexpr std::size_t magazine = weft::detail::magazine_bytes / size;
    frame_depot depot;
    depot.allow_one_more(weft::detail::frame_class_of(size));
    frame_cache consumer(&depot);
    std::set<void*> freed;
    for (std::size_t count = 0; count < 3 * magazine; ++count) {
        void* const from_elsewhere = allocate_elsewhere(size);
        give_back(consumer, from_elsewhere, size);
        freed.insert(from_elsewhere);
    }
    REQUIRE(freed.size() == 3 * magazine);  // none was given to the allocator, which would have handed it out again
    // Two magazines stay with the consumer, whole or begun; the oldest is in the depot, and comes out of it as one.
    frame_cache producer(&depot);
    std::set<void*> taken;
    for (std::size_t count = 0; count < magazine; ++count) taken.insert(allocate(producer, size));
    CHECK(taken.size() == magazine);
    CHECK(std::ranges::includes(freed, taken));
    for (void* const each : taken) give_back(producer, each, size);
    // The other two are still the consumer's.
    std::set<void*> kept;
    for (std::size_t count = 0; count < 2 * magazine; ++count) kept.insert(allocate(consumer, size));
    CHECK(kept.size() == 2 * magazine);
    CHECK(std::ranges::includes(freed, kept));
    for (void* const each : kept) give_back(consumer, each, size);
}

TEST_CASE("allocating and freeing at the edge of a magazine goes to the depot once", "[frame_cache]") {
    if (!caching) return;
    constexpr std::size_t size = 512;
    constexpr std::size_t magazine = weft::detail::magazine_bytes / size;
    frame_depot depot(0);  // so that every visit to it would reach the allocator
    frame_cache cache(&depot);
    std::vector<void*> frames;
    for (std::size_t count = 0; count < magazine + 1; ++count) frames.push_back(allocate_elsewhere(size));
    for (void* const each : frames) give_back(cache, each, size);
    const std::set<void*> ours(frames.begin(), frames.end());
    bool only_ours = true;
    for (int round = 0; round < 100; ++round) {
        // Down over the edge, and up again.
        void* const first = allocate(cache, size);
        void* const second = allocate(cache, size);
        only_ours = only_ours && ours.contains(first) && ours.contains(second);
        give_back(cache, second, size);
        give_back(cache, first, size);
    }
    CHECK(only_ours);
}

TEST_CASE("a depot keeps no more than its limit", "[frame_cache]") {
    if (!caching) return;
    // Everything is freed on one cache that has never allocated: the consumer's side of a producer and a consumer on two workers.
    constexpr std::size_t size = 1024;
    constexpr std::size_t limit = 1024 * 1024;
    frame_depot depot(limit);
    for (int count = 0; count < 1000; ++count) depot.allow_one_more(weft::detail::frame_class_of(size));
    frame_cache consumer(&depot);
    std::set<void*> given;
    for (std::size_t freed = 0; freed < 10'000; ++freed) {
        void* const from_elsewhere = allocate_elsewhere(size);
        given.insert(from_elsewhere);
        give_back(consumer, from_elsewhere, size);
    }
    // What is kept is the limit and two magazines; beyond that the allocator gave the same blocks again and again.
    CHECK(given.size() * size >= limit);
    CHECK(given.size() * size < 2 * limit);
}

TEST_CASE("frames from other threads do not fill the depot, those of workers come back", "[frame_cache]") {
    if (!caching) return;
    constexpr std::size_t size = 1024;
    frame_depot depot;
    frame_cache worker(&depot);
    // As when tasks are submitted from outside: allocated there, freed here.
    std::set<void*> given;
    for (int count = 0; count < 10'000; ++count) {
        void* const from_elsewhere = allocate_elsewhere(size);
        given.insert(from_elsewhere);
        give_back(worker, from_elsewhere, size);
    }
    CHECK(given.size() <= 4 * weft::detail::magazine_bytes / size);

    // As in a wide gather: many at once, again and again.
    std::set<void*> first_time;
    bool again = true;
    for (int round = 0; round < 3; ++round) {
        std::vector<void*> frames;
        for (int count = 0; count < 10'000; ++count) frames.push_back(allocate(worker, size));
        if (round == 0)
            first_time.insert(frames.begin(), frames.end());
        else
            again = again && std::ranges::all_of(frames, [&](void* each) { return first_time.contains(each) || given.contains(each); });
        for (void* const each : frames) give_back(worker, each, size);
    }
    CHECK(again);
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

    frame_depot depot;
    std::thread consumer([&] {
        frame_cache cache(&depot);
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
        frame_cache cache(&depot);
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
    // 250 MB passed through; what existed at once is a few batches and what is on its way back.
    if (caching) CHECK(seen.size() * size < 32u * 1024 * 1024);
}

TEST_CASE("any sequence of allocating and freeing keeps frames apart", "[frame_cache]") {
    std::mt19937_64 engine(weft::test::seed());
    frame_depot depot;
    frame_cache first(&depot);
    frame_cache second(&depot);
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
