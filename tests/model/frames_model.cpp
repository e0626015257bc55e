// SPDX-License-Identifier: MIT
// lib/frame_cache.hpp and lib/frame_depot.hpp: frames go from worker to worker, none is given out twice, none is lost, and whoever
// gets one sees what stands in it.
#include "support/catch.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include <frame_cache.hpp>

#include "verify.hpp"

namespace {

namespace model = weft::model;
using weft::detail::frame_cache;
using weft::detail::frame_classes;
using weft::detail::frame_depot;
using weft::detail::frame_granularity;
using weft::detail::magazine_capacity;
using weft::detail::spare_frame;

// The largest frames have the smallest magazines.
constexpr std::size_t large = frame_classes - 1;
constexpr std::size_t size_of(std::size_t size_class) { return size_class * frame_granularity; }
constexpr std::size_t magazine = magazine_capacity(large);

model::options bounded(std::string name, int preemptions) {
    model::options with;
    with.name = std::move(name);
    with.preemptions = preemptions;
    return with;
}

// What a coroutine has in its frame: written as long as somebody has the frame, so that having it twice is a race or is found at the
// end.
struct content {
    void const* owner;
    std::size_t number;
};

// A worker, as far as frames are concerned, and the frames that its coroutines have.
class workshop {
public:
    explicit workshop(frame_depot& depot) : cache_(&depot) {}
    workshop(workshop const&) = delete;
    workshop& operator=(workshop const&) = delete;

    // The calling thread is that worker.
    void begin_shift() { weft::detail::this_frame_cache = &cache_; }
    static void end_shift() { weft::detail::this_frame_cache = &weft::detail::no_frame_cache(); }

    void make(std::size_t count, std::size_t size_class = large) {
        for (std::size_t i = 0; i < count; ++i) {
            void* const frame = weft::detail::allocate_frame(size_of(size_class));
            frames_.push_back(new (frame) content{this, frames_.size()});
        }
    }
    void destroy(std::size_t count, std::size_t size_class = large) {
        for (std::size_t i = 0; i < count; ++i) {
            content* const last = frames_.back();
            frames_.pop_back();
            model::check(last->owner == this && last->number == frames_.size(), "nobody else has had this frame");
            weft::detail::free_frame(last, size_of(size_class));
        }
    }
    // Its coroutines go to another worker.
    void take_from(workshop& other) {
        for (content* const each : other.frames_) frames_.push_back(new (each) content{this, frames_.size()});
        other.frames_.clear();
    }
    [[nodiscard]] std::size_t frames() const { return frames_.size(); }

private:
    frame_cache cache_;
    std::vector<content*> frames_;
};

// Frees all of its frames.
void close(workshop& shop, std::size_t size_class = large) {
    shop.begin_shift();
    shop.destroy(shop.frames(), size_class);
    workshop::end_shift();
}

}  // namespace

// One worker frees more than it keeps while the other wants frames, and the other way round.
TEST_CASE("frame_cache: magazines are exchanged between two workers", "[model]") {
    model::verify(bounded("a producer and a consumer", 2), [] {
        frame_depot depot;
        workshop producer(depot);
        workshop consumer(depot);
        producer.begin_shift();
        producer.make(3 * magazine);
        consumer.take_from(producer);
        workshop::end_shift();
        std::thread other([&] {
            consumer.begin_shift();
            consumer.destroy(3 * magazine);  // the third magazine pushes the first one into the depot
            consumer.make(2 * magazine + 1);
            workshop::end_shift();
        });
        producer.begin_shift();
        producer.make(2);
        producer.destroy(1);
        workshop::end_shift();
        other.join();
        close(producer);
        close(consumer);
    });
}

TEST_CASE("frame_cache: two workers want the same magazine", "[model]") {
    model::verify(bounded("1 magazine, 2 takers, 1 giver", 2), [] {
        frame_depot depot;
        workshop giver(depot);
        workshop one(depot);
        workshop other(depot);
        giver.begin_shift();
        giver.make(4 * magazine);
        giver.destroy(3 * magazine);  // one of them is in the depot, and there may be one more
        workshop::end_shift();
        auto const take = [](workshop& own) {
            own.begin_shift();
            own.make(1);
            workshop::end_shift();
        };
        std::thread first([&] { take(one); });
        std::thread second([&] { take(other); });
        giver.begin_shift();
        giver.destroy(magazine);
        workshop::end_shift();
        first.join();
        second.join();
        close(one);
        close(other);
    });
}

// A depot for one magazine: what one worker puts in pushes the other's out, while a third takes some.
TEST_CASE("frame_depot: what is too much goes to the allocator", "[model]") {
    model::verify(bounded("eviction", 2), [] {
        constexpr std::size_t next_large = large - 1;
        frame_depot depot(weft::detail::magazine_bytes);
        workshop one(depot);
        workshop other(depot);
        workshop taker(depot);
        one.begin_shift();
        one.make(3 * magazine);
        workshop::end_shift();
        other.begin_shift();
        other.make(3 * magazine_capacity(next_large), next_large);
        workshop::end_shift();
        std::thread first([&] { close(other, next_large); });
        std::thread second([&] {
            taker.begin_shift();
            taker.make(1);
            workshop::end_shift();
        });
        close(one);
        first.join();
        second.join();
        close(taker);
    });
}

TEST_CASE("frame_cache: a worker ends, and threads that are none free frames", "[model][end]") {
    model::verify(bounded("an end, and an outsider", 2), [] {
        frame_depot depot;
        auto ending = std::make_unique<workshop>(depot);
        workshop staying(depot);
        workshop outsider(depot);
        ending->begin_shift();
        ending->make(3 * magazine);
        outsider.take_from(*ending);
        ending->make(3 * magazine);
        workshop::end_shift();
        std::thread thread([&] {
            close(*ending);
            ending.reset();
        });
        std::thread no_worker([&] {
            outsider.destroy(2);  // without a shift
            outsider.make(1);
        });
        staying.begin_shift();
        staying.make(2);
        workshop::end_shift();
        thread.join();
        no_worker.join();
        outsider.destroy(outsider.frames());
        close(staying);
    });
}

namespace {

// A full stack, as a cache hands it over.
spare_frame* make_magazine() {
    static spare_frame bottom{nullptr, {0}};
    return new (weft::detail::allocate_uncached(frame_granularity)) spare_frame{&bottom, {0}};
}

}  // namespace

// The count of all magazines is no part of any shelf's.
TEST_CASE("frame_depot: nothing is evicted from one that is not full", "[model]") {
    model::verify(bounded("not full", model::unbounded), [] {
        frame_depot depot;
        for (std::size_t size_class = 1; size_class <= 2; ++size_class) depot.allow_one_more(size_class);
        std::thread giver([&] { model::check(depot.put(1, make_magazine()), "it takes what is allowed"); });
        std::thread taker([&] {
            if (spare_frame* const taken = depot.take(1)) weft::detail::free_magazine(taken);
        });
        model::check(depot.put(2, make_magazine()), "it takes what is allowed");
        giver.join();
        taker.join();
        spare_frame* const kept = depot.take(2);
        model::check(kept != nullptr, "nobody has taken this one, and there was room");
        weft::detail::free_magazine(kept);
    });
}
