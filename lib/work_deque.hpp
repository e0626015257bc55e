// SPDX-License-Identifier: MIT
// The queue of one worker from which the others steal.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <weft/detail/config.hpp>

namespace weft::detail {

// Chase & Lev, "Dynamic circular work-stealing deque" (SPAA 2005), with the orders of Le, Pop, Cohen & Zappa Nardelli, "Correct and
// efficient work-stealing for weak memory models" (PPoPP 2013), their two fences replaced by seq_cst operations: x86 pays the same
// for a read-modify-write as for a fence or less, and thread sanitizers understand operations but not fences.
//
// Elements are the slots [top, bottom). Both counters only grow, but for the moment in which pop has taken one off bottom. The
// owner adds at bottom. A deque is used in one of two ways, never both:
//   LIFO: the owner takes from bottom (pop), thieves one at a time from top (steal).
//   FIFO: the owner takes from top as a thief does (take_oldest), and so nobody ever takes from bottom: a thief may take half
//   (steal_half).
//
// Why no element is taken twice, and none is lost
//   Whoever takes slot t from top has moved top from t to t+1 by compare-exchange, and top never returns to t: one winner. pop
//   takes slot b without that only when it saw top < b after it had published bottom = b. A thief that takes slot b must have read
//   top == b and, after that, bottom > b. All four accesses are seq_cst, so they stand in one order: if the thief's load of bottom
//   comes before pop's read-modify-write, so does its load of top == b, and then pop, loading top later still, cannot have seen top
//   < b. If it comes after, it reads bottom <= b and takes nothing. For the last element (top == b) pop competes by
//   compare-exchange like a thief. steal_half moves top from t to t+k. The slots t..t+k-1 were published (it saw bottom >= t+k) and
//   can be reused only once top has passed them, so the copies it made before its compare-exchange succeeded are theirs.
//
// Growth doubles the array. The old one is kept until the deque dies, because a thief may still read it; what it reads there is
// right, for the owner never writes to it again. All old ones together are smaller than the current one.
template <class Value, template <class> class Atomic = std::atomic>
class work_deque {
public:
    enum class status : std::uint8_t { taken, empty, retry };
    struct stolen {
        status outcome;
        Value value;
    };

    explicit work_deque(std::size_t capacity) { adopt(std::make_unique<array>(std::max<std::size_t>(capacity, 2))); }
    work_deque(work_deque const&) = delete;
    work_deque& operator=(work_deque const&) = delete;

    // Owner. Whether one more push needs no memory.
    [[nodiscard]] bool has_room() const noexcept { return bottom_.load(std::memory_order_relaxed) < full_at_; }
    // Owner. After it, `count` pushes need no memory. Throws std::bad_alloc with nothing changed.
    void reserve(std::size_t count) {
        auto const needed = static_cast<std::int64_t>(count);
        if (bottom_.load(std::memory_order_relaxed) + needed > full_at_) [[unlikely]] make_room(needed);
    }

    // Owner. Throws std::bad_alloc where it was not reserved, with nothing changed.
    void push(Value value) {
        if (try_push(value)) [[likely]] return;
        make_room(1);
        static_cast<void>(try_push(value));
    }

    // Owner. False, with nothing changed, where that needs memory.
    [[nodiscard]] bool try_push(Value value) noexcept {
        std::int64_t const b = bottom_.load(std::memory_order_relaxed);
        if (b >= full_at_) [[unlikely]] return false;
        slot(b).store(value, std::memory_order_relaxed);
        publish(b + 1);
        return true;
    }

    // Owner. Pushes values[count-1] first and values[0] last, in one step, and leaves empty values behind. They must have been
    // reserved.
    void push_reversed(Value* values, std::size_t count) noexcept {
        std::int64_t b = bottom_.load(std::memory_order_relaxed);
        Atomic<Value>* const slots = own_slots_;  // for all the compiler knows, the stores below change the members
        std::size_t const mask = own_mask_;
        while (count > 0)
            slots[static_cast<std::size_t>(b++) & mask].store(std::exchange(values[--count], Value{}), std::memory_order_relaxed);
        publish(b);
    }

    // Owner, LIFO. Null when empty.
    [[nodiscard]] Value pop() noexcept {
        popping const begun = begin_pop();
        return begun.decided() ? popped(begun) : finish_pop(begun);
    }

    // pop in two steps, for a caller whose fast path must stay free of calls: where the first one has decided, `popped` is the
    // answer; else finish_pop must follow at once.
    struct popping {
        std::int64_t top;
        std::int64_t bottom;
        [[nodiscard]] bool decided() const noexcept { return top < bottom; }
    };
    [[nodiscard]] popping begin_pop() noexcept {
        // seq_cst, this and the next. Pair with: the two loads in steal. Proof above. If weaker (a release store, or a relaxed load
        // of top): this and a thief both take the last element.
        std::int64_t const b = bottom_.fetch_sub(1, std::memory_order_seq_cst) - 1;
        return {top_.load(std::memory_order_seq_cst), b};
    }
    [[nodiscard]] Value popped(popping begun) const noexcept { return slot(begun.bottom).load(std::memory_order_relaxed); }
    [[nodiscard]] WEFT_NOINLINE Value finish_pop(popping begun) noexcept {
        auto [t, b] = begun;
        Value value{};
        if (t == b) {
            Value const last = popped(begun);
            if (top_.compare_exchange_strong(t, t + 1, std::memory_order_seq_cst, std::memory_order_relaxed)) value = last;
        }
        // release, so that bottom is published in one way only.
        publish(b + 1);
        return value;
    }

    // Any thread: the oldest element. `retry`: another took it just now.
    [[nodiscard]] stolen steal() noexcept {
        // seq_cst, both. Pair with: pop. The load of bottom is also the acquire of push's release: it makes the slot visible.
        std::int64_t t = top_.load(std::memory_order_seq_cst);
        std::int64_t const b = bottom_.load(std::memory_order_seq_cst);
        if (t >= b) return {status::empty, Value{}};
        // acquire. Pairs with: adopt. Makes visible: the array's contents. If weaker: slots of a new array read before they are
        // filled.
        Value const value = array_.load(std::memory_order_acquire)->at(t).load(std::memory_order_relaxed);
        // seq_cst. Pairs with: pop's load of top, and the other thieves. If weaker: pop may not see that this thief was faster.
        if (!top_.compare_exchange_strong(t, t + 1, std::memory_order_seq_cst, std::memory_order_relaxed)) return {status::retry, Value{}};
        return {status::taken, value};
    }

    // Owner, FIFO: the oldest element, by the thieves' own step. Null when empty.
    [[nodiscard]] Value take_oldest() noexcept {
        // relaxed: only the owner writes it.
        std::int64_t const b = bottom_.load(std::memory_order_relaxed);
        // relaxed, here and where the exchange fails: the slots are this thread's own, and nobody pops. What an old value of top
        // comes to is another try.
        std::int64_t t = top_.load(std::memory_order_relaxed);
        while (t < b) {
            Value const value = slot(t).load(std::memory_order_relaxed);
            // seq_cst: the thieves' own step, with which it competes. Nobody pops here; what counts is that one of those who take wins.
            if (top_.compare_exchange_weak(t, t + 1, std::memory_order_seq_cst, std::memory_order_relaxed)) return value;
        }
        return Value{};
    }

    // FIFO; called by the owner of `into`. Moves half of the elements, at most `limit` of them: the oldest is returned, the others
    // are put into `into` in their order.
    [[nodiscard]] stolen steal_half(work_deque& into, std::int64_t limit) {
        // The same pairs as in steal.
        std::int64_t t = top_.load(std::memory_order_seq_cst);
        std::int64_t const b = bottom_.load(std::memory_order_seq_cst);
        if (t >= b) return {status::empty, Value{}};
        std::int64_t const count = std::min((b - t + 1) / 2, limit);
        into.reserve(static_cast<std::size_t>(count - 1));
        array* const from = array_.load(std::memory_order_acquire);
        Value const value = from->at(t).load(std::memory_order_relaxed);
        std::int64_t const into_b = into.bottom_.load(std::memory_order_relaxed);
        // Written behind into's bottom, where nobody looks before publish.
        for (std::int64_t i = 1; i < count; ++i)
            into.slot(into_b + i - 1).store(from->at(t + i).load(std::memory_order_relaxed), std::memory_order_relaxed);
        if (!top_.compare_exchange_strong(t, t + count, std::memory_order_seq_cst, std::memory_order_relaxed))
            return {status::retry, Value{}};
        if (count > 1) into.publish(into_b + count - 1);
        return {status::taken, value};
    }

    // Owner: how many have ever been pushed. All of these are gone once as many have left at the top.
    [[nodiscard]] std::int64_t pushed() const noexcept { return bottom_.load(std::memory_order_relaxed); }
    // relaxed: an old value of top, which thieves write, only says "not yet".
    [[nodiscard]] bool all_gone(std::int64_t of_first) const noexcept { return top_.load(std::memory_order_relaxed) >= of_first; }

    // Any thread; a snapshot. For whoever is about to sleep, the fence that makes it reliable stands at the caller.
    [[nodiscard]] std::size_t size() const noexcept {
        std::int64_t const t = top_.load(std::memory_order_acquire);
        std::int64_t const b = bottom_.load(std::memory_order_acquire);
        return b > t ? static_cast<std::size_t>(b - t) : 0;
    }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }

private:
    class array {
    public:
        explicit array(std::size_t capacity) : mask_(capacity - 1), slots_(std::make_unique<Atomic<Value>[]>(capacity)) {}
        [[nodiscard]] Atomic<Value>& at(std::int64_t index) const noexcept { return slots_[static_cast<std::size_t>(index) & mask_]; }
        [[nodiscard]] std::size_t capacity() const noexcept { return mask_ + 1; }
        [[nodiscard]] Atomic<Value>* slots() const noexcept { return slots_.get(); }

    private:
        std::size_t mask_;
        std::unique_ptr<Atomic<Value>[]> slots_;
    };

    // The owner's short cut into its array.
    Atomic<Value>& slot(std::int64_t index) const noexcept { return own_slots_[static_cast<std::size_t>(index) & own_mask_]; }

    void publish(std::int64_t b) noexcept {
        // release. Pairs with: the load of bottom in steal. Makes visible: the slots below b, and all that their jobs refer to. If
        // weaker: a thief resumes a coroutine that is not set up yet.
        bottom_.store(b, std::memory_order_release);
    }

    WEFT_NOINLINE void make_room(std::int64_t count) {
        std::int64_t const b = bottom_.load(std::memory_order_relaxed);
        // acquire. Pairs with: the thieves' compare-exchange of top. Makes visible: that they have read the slots which are reused
        // now.
        std::int64_t const t = top_.load(std::memory_order_acquire);
        std::size_t capacity = own_mask_ + 1;
        if (b - t + count > static_cast<std::int64_t>(capacity)) {
            while (b - t + count > static_cast<std::int64_t>(capacity)) capacity *= 2;
            arrays_.reserve(arrays_.size() + 1);
            auto larger = std::make_unique<array>(capacity);
            for (std::int64_t i = t; i < b; ++i) larger->at(i).store(slot(i).load(std::memory_order_relaxed), std::memory_order_relaxed);
            adopt(std::move(larger));
        }
        full_at_ = t + static_cast<std::int64_t>(capacity);
    }

    void adopt(std::unique_ptr<array> next) {
        arrays_.push_back(std::move(next));
        array* const current = arrays_.back().get();
        own_slots_ = current->slots();
        own_mask_ = current->capacity() - 1;
        full_at_ = top_.load(std::memory_order_relaxed) + static_cast<std::int64_t>(current->capacity());
        // release. Pairs with: the loads of array_ in steal and steal_half.
        array_.store(current, std::memory_order_release);
    }

    // Written by the owner.
    alignas(config::destructive_interference) Atomic<std::int64_t> bottom_{0};
    Atomic<Value>* own_slots_ = nullptr;
    std::size_t own_mask_ = 0;
    std::int64_t full_at_ = 0;  // bottom may go so far; a lower bound, because top may have moved on since
    Atomic<array*> array_{nullptr};
    std::vector<std::unique_ptr<array>> arrays_;  // the last one is in use
    // Written by thieves.
    alignas(config::destructive_interference) Atomic<std::int64_t> top_{0};
};

}  // namespace weft::detail
