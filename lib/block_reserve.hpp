// SPDX-License-Identifier: MIT
// Memory that is secured before it is needed.
#pragma once

#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <utility>

#include <weft/detail/config.hpp>

namespace weft::detail {

// For a container that does not survive that an allocation fails. Around each of its calls that may need a block, and never more
// than one, stand secure(), which throws beforehand, and release(); in between take() cannot fail.
//
// Let P be the blocks in the store, C the calls that have secured one and taken none yet, and T those that have taken theirs and
// are not released yet. Then spare_ = P - C - T, but for who is about to write it: each function changes both sides alike. Who
// secures, and finds spare_ > 0, leaves it >= 0: P >= C + T, so there is a block for each of C, of which it is one now. Who finds
// less adds a block of its own first. That spare_ is not written in the same moment does no harm: it grows after the block is
// there, and shrinks before the claim counts. Only take() lowers it late; until it has, spare_ may be one too large, but who takes
// is in T already, and P >= C is all that is needed.
class block_reserve {
public:
    // A page of oneTBB's queue of pointers: 32 of them, and two words.
    static constexpr std::size_t block_bytes = 34 * sizeof(void*);

    block_reserve() noexcept = default;
    block_reserve(block_reserve const&) = delete;
    block_reserve& operator=(block_reserve const&) = delete;
    ~block_reserve() { clear(); }

    // Throws std::bad_alloc, and then has done nothing.
    void secure() {
        // acquire. Pairs with: `put`. Makes visible: that the blocks are in the store. If weaker: `take`, which comes for one of
        // them, may have the mutex before it is there.
        if (spare_.fetch_sub(1, std::memory_order_acquire) <= 0) [[unlikely]] add_one();
    }
    // relaxed, also in `take`: what others must see, `put` has published, and these do not interrupt its release sequence.
    void release() noexcept { spare_.fetch_add(1, std::memory_order_relaxed); }

    // Between the two, at most once.
    [[nodiscard]] void* take() noexcept {
        std::unique_lock lock(mutex_);
        block* const taken = std::exchange(first_, first_->next);
        lock.unlock();
        spare_.fetch_sub(1, std::memory_order_relaxed);
        return taken;
    }
    // What was taken. Any time.
    void give_back(void* memory) noexcept {
        auto* const given = new (memory) block;
        // relaxed: whether it is kept decides nothing but how much memory lies here.
        if (spare_.load(std::memory_order_relaxed) < most_spare)
            put(given);
        else
            delete given;
    }

    // While nobody else uses it, and nothing is secured.
    void clear() noexcept {
        while (first_) {
            delete std::exchange(first_, first_->next);
            spare_.fetch_sub(1, std::memory_order_relaxed);
        }
    }

private:
    union block {
        block* next = nullptr;
        std::array<std::byte, block_bytes> room;
    };

    // A queue that is pushed to and popped from takes pages in turns from eight lists.
    static constexpr std::int64_t most_spare = 16;

    WEFT_NOINLINE void add_one() {
        try {
            put(new block);
        } catch (...) {
            release();
            throw;
        }
    }
    void put(block* given) noexcept {
        {
            std::lock_guard const lock(mutex_);
            given->next = first_;
            first_ = given;
        }
        // release. Pairs with: `secure`.
        spare_.fetch_add(1, std::memory_order_release);
    }

    std::atomic<std::int64_t> spare_{0};
    std::mutex mutex_;
    block* first_ = nullptr;
};

// A container's allocator that takes its blocks from there.
template <class Type>
class reserve_allocator {
public:
    using value_type = Type;

    explicit reserve_allocator(block_reserve& from) noexcept : from_(&from) {}
    template <class Other>
    explicit(false) reserve_allocator(reserve_allocator<Other> const& other) noexcept : from_(other.from_) {}

    [[nodiscard]] Type* allocate([[maybe_unused]] std::size_t count) noexcept {
        static_assert(sizeof(Type) <= block_reserve::block_bytes && alignof(Type) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
        assert(count == 1);
        return static_cast<Type*>(from_->take());
    }
    void deallocate(Type* block, std::size_t) noexcept { from_->give_back(block); }

    friend bool operator==(reserve_allocator const&, reserve_allocator const&) noexcept = default;

private:
    template <class Other>
    friend class reserve_allocator;

    block_reserve* from_;
};

}  // namespace weft::detail
