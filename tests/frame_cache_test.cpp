// SPDX-License-Identifier: MIT
// The frame cache and the depot behind it: sizes are kept apart, freed frames come again, and neither grows without limit.
#include "support/catch.hpp"
#include "support/seed.hpp"
#include "support/watchdog.hpp"

#include <weft/detail/config.hpp>
#include <weft/detail/frame.hpp>

#include "frame_cache.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <utility>
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
    return size_class < weft::detail::frame_classes ? cache.allocate(size_class * weft::detail::frame_granularity) : weft::detail::allocate_uncached(size);
}

void give_back(frame_cache& cache, void* frame, std::size_t size) {
    const std::size_t size_class = weft::detail::frame_class_of(size);
    if (size_class < weft::detail::frame_classes)
        cache.free(frame, size_class * weft::detail::frame_granularity);
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

TEST_CASE("allocating and freeing at the edge of a magazine does not go to the depot, nor to the allocator", "[frame_cache]") {
    if (!caching) return;
    constexpr std::size_t size = 512;
    constexpr std::size_t size_class = weft::detail::frame_class_of(size);
    constexpr std::size_t magazine = weft::detail::magazine_bytes / size;
    frame_depot depot;
    depot.allow_one_more(size_class);
    frame_cache cache(&depot);
    std::vector<void*> frames;
    for (std::size_t count = 0; count < magazine + 1; ++count) frames.push_back(allocate_elsewhere(size));
    for (void* const each : frames) give_back(cache, each, size);
    for (int round = 0; round < 100; ++round) {
        // Down over the edge, and up again.
        void* const first = allocate(cache, size);
        void* const second = allocate(cache, size);
        give_back(cache, second, size);
        give_back(cache, first, size);
    }
    CHECK(depot.take(size_class) == nullptr);
    // The allocator has none of them: what it gives is others.
    const std::set<void*> ours(frames.begin(), frames.end());
    std::vector<void*> others;
    for (std::size_t count = 0; count < 4 * magazine; ++count) others.push_back(allocate_elsewhere(size));
    CHECK(std::ranges::none_of(others, [&](void* each) { return ours.contains(each); }));
    for (void* const each : others) weft::detail::free_uncached(each);
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

TEST_CASE("where a depot is full, the class with most magazines gives way", "[frame_cache]") {
    if (!caching) return;
    constexpr std::size_t many = 1024;
    constexpr std::size_t few = 512;
    constexpr std::size_t few_class = weft::detail::frame_class_of(few);
    frame_depot depot(4 * weft::detail::magazine_bytes);
    for (const std::size_t size : {many, few})
        for (int count = 0; count < 10; ++count) depot.allow_one_more(weft::detail::frame_class_of(size));
    frame_cache cache(&depot);
    // Far more than the limit of one class; then of the other as much as passes one magazine on.
    for (const auto& [size, magazines] : {std::pair{many, std::size_t{10}}, std::pair{few, std::size_t{3}}}) {
        std::vector<void*> frames;
        for (std::size_t count = 0; count < magazines * weft::detail::magazine_bytes / size; ++count)
            frames.push_back(allocate_elsewhere(size));
        for (void* const each : frames) give_back(cache, each, size);
    }
    auto* const magazine = depot.take(few_class);
    CHECK(magazine != nullptr);
    if (magazine) weft::detail::free_magazine(magazine);
}

TEST_CASE("a depot takes magazines as long as it has room, however many have passed through", "[frame_cache]") {
    constexpr std::size_t size_class = 10;
    frame_depot depot(weft::detail::magazine_bytes);
    depot.allow_one_more(size_class);
    weft::detail::spare_frame bottom{nullptr, {0}};
    weft::detail::spare_frame magazine{&bottom, {0}};
    bool all = true;
    for (int round = 0; round < 3000; ++round) all = all && depot.put(size_class, &magazine) && depot.take(size_class) == &magazine;
    CHECK(all);
    CHECK(depot.take(size_class) == nullptr);
}

TEST_CASE("what a full depot does not take costs the others nothing", "[frame_cache]") {
    constexpr std::size_t full_class = 10;
    constexpr std::size_t other_class = 11;
    frame_depot depot(weft::detail::magazine_bytes);
    depot.allow_one_more(full_class);
    weft::detail::spare_frame bottom{nullptr, {0}};
    weft::detail::spare_frame kept{&bottom, {0}};
    weft::detail::spare_frame refused{&bottom, {0}};
    REQUIRE(depot.put(full_class, &kept));
    CHECK_FALSE(depot.put(other_class, &refused));
    CHECK(depot.take(full_class) == &kept);
}

// Also under ThreadSanitizer, where the caches use no depot.
TEST_CASE("every magazine in a depot comes out once, whoever takes it", "[frame_cache]") {
    const weft::test::watchdog guard{60s, "threads put magazines into a depot and take them"};
    constexpr std::size_t classes = 3;
    constexpr std::size_t of_a_class = 8;
    constexpr int rounds = config::tsan ? 20'000 : 200'000;
    struct magazine {
        weft::detail::spare_frame top;
        int holders = 0;  // a plain variable: only who has taken it may touch it
        std::size_t size_class = 0;
    };
    static_assert(offsetof(magazine, top) == 0);
    weft::detail::spare_frame bottom{nullptr, {0}};
    std::vector<magazine> all(classes * of_a_class, magazine{{&bottom, {0}}, 0, 0});
    frame_depot depot;
    for (std::size_t which = 0; which < all.size(); ++which) {
        all[which].size_class = 1 + which % classes;
        depot.allow_one_more(all[which].size_class);
        REQUIRE(depot.put(all[which].size_class, &all[which].top));
    }
    std::atomic<bool> wrong{false};
    {
        std::vector<std::jthread> threads;
        for (unsigned thread = 0; thread < 3; ++thread)
            threads.emplace_back([&, thread] {
                std::minstd_rand random(thread + 1);
                for (int round = 0; round < rounds; ++round) {
                    const std::size_t size_class = 1 + random() % classes;
                    auto* const taken = reinterpret_cast<magazine*>(depot.take(size_class));
                    if (!taken) continue;
                    if (taken->size_class != size_class || ++taken->holders != 1) wrong = true;
                    --taken->holders;
                    if (!depot.put(size_class, &taken->top)) wrong = true;
                }
            });
    }
    CHECK_FALSE(wrong);
    std::size_t left = 0;
    for (std::size_t size_class = 1; size_class <= classes; ++size_class)
        while (depot.take(size_class)) ++left;
    CHECK(left == all.size());
}

TEST_CASE("caches and depots give everything back when they end", "[frame_cache]") {
    if (!caching) return;
    constexpr std::size_t size = 1024;
    constexpr std::size_t frames_at_once = 5 * weft::detail::magazine_bytes / size;
    std::set<void*> seen;
    for (int life = 0; life < 500; ++life) {
        frame_depot depot;
        frame_cache cache(&depot);
        std::vector<void*> frames;
        for (std::size_t count = 0; count < frames_at_once; ++count) frames.push_back(allocate(cache, size));
        seen.insert(frames.begin(), frames.end());
        for (void* const each : frames) give_back(cache, each, size);
    }
    // 160 MB, if each life kept its own; of what is given back the allocator makes the next.
    CHECK(seen.size() < 20 * frames_at_once);
}

TEST_CASE("frames from other threads do not fill the depot, those of workers come back", "[frame_cache]") {
    if (!caching) return;
    constexpr std::size_t size = 1024;
    frame_depot depot;
    frame_cache worker(&depot);
    // A few frames of the worker's own allow nothing yet.
    std::vector<void*> own;
    for (int count = 0; count < 10; ++count) own.push_back(allocate(worker, size));
    for (void* const each : own) give_back(worker, each, size);
    // As when tasks are submitted from outside: allocated there, freed here.
    std::set<void*> given;
    for (int count = 0; count < 10'000; ++count) {
        void* const from_elsewhere = allocate_elsewhere(size);
        given.insert(from_elsewhere);
        give_back(worker, from_elsewhere, size);
    }
    CHECK(given.size() <= 4 * weft::detail::magazine_bytes / size);

    // As in a wide gather: many at once, again and again. 10,000 frames are 156 magazines and a bit, of which the cache keeps two:
    // the depot, which may keep 156, takes the others.
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

TEST_CASE("a producer and a consumer on two threads make no stack grow without limit", "[frame_cache]") {
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

// Sizes around a step of the allocator behind it, so that a frame of the wrong class overlaps its neighbour; and so many at once
// that magazines go to and fro.
TEST_CASE("any sequence of allocating and freeing keeps frames apart", "[frame_cache]") {
    std::mt19937_64 engine(weft::test::seed());
    frame_depot depot;
    frame_cache first(&depot);
    frame_cache second(&depot);
    std::vector<frame> alive;
    bool apart = true;
    for (int burst = 0; burst < 1000; ++burst) {
        const std::uint64_t choice = engine();
        frame_cache& cache = choice & 1 ? first : second;
        const bool allocates = alive.empty() || (alive.size() < 4000 && choice & 2);
        for (std::uint64_t count = (choice >> 2) % 1000; count > 0; --count) {
            if (allocates) {
                alive.push_back(take(cache, 290 + engine() % 60));
            } else if (!alive.empty()) {
                std::swap(alive[engine() % alive.size()], alive.back());
                apart = apart && whole(alive.back());
                give_back(cache, alive.back().at, alive.back().size);
                alive.pop_back();
            }
        }
    }
    for (const frame& each : alive) {
        apart = apart && whole(each);
        give_back(first, each.at, each.size);
    }
    CHECK(apart);
}
