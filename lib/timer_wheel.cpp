// SPDX-License-Identifier: MIT
// The timer wheel's operations; each says why it keeps the invariant that stands in the header.
#include "timer_wheel.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <limits>

namespace weft::detail {

timer_list merged(timer_list first, timer_list second) noexcept {
    timer_list both;
    while (!first.empty() && !second.empty()) {
        timer_entry const& a = *first.front();
        timer_entry const& b = *second.front();
        const std::uint64_t a_tick = timer_wheel::tick_of(a.deadline);
        const std::uint64_t b_tick = timer_wheel::tick_of(b.deadline);
        const bool b_first = b_tick != a_tick ? b_tick < a_tick : b.armed < a.armed;
        both.push_back(*(b_first ? second : first).pop_front());
    }
    both.append(first);
    both.append(second);
    return both;
}

timer_wheel::timer_wheel(std::int64_t now) noexcept : now_(now) {}

// The sign bit is turned over, so that ticks are unsigned and in the same order as times, the negative ones included.
std::uint64_t timer_wheel::tick_of(std::int64_t time) noexcept {
    return (static_cast<std::uint64_t>(time) ^ (std::uint64_t{1} << 63)) >> tick_bits;
}

std::int64_t timer_wheel::start_of(std::uint64_t tick) noexcept {
    return static_cast<std::int64_t>((tick << tick_bits) ^ (std::uint64_t{1} << 63));
}

// That of the highest digit in which the two differ; 0 where they do not.
std::size_t timer_wheel::highest_level_between(std::uint64_t tick, std::uint64_t other) noexcept {
    return level_of_bit[static_cast<std::size_t>(std::bit_width((tick ^ other) | 1) - 1)];
}

std::uint64_t timer_wheel::block_of(std::uint64_t tick, level const& on) noexcept {
    return tick >> on.block_shift;
}

// The lowest bit of the block's number and the digit.
std::size_t timer_wheel::slot_on(level const& on, std::uint64_t tick) noexcept {
    return on.first_slot + ((tick >> on.shift) & (on.slots - 1));
}

// Invariant (1), as a function.
std::size_t timer_wheel::slot_of(std::int64_t deadline) const noexcept {
    const std::uint64_t now = tick_of(now_);
    const std::uint64_t tick = tick_of(std::max(deadline, now_));
    // The lowest level of which both are in one block; but it may be the next block of a lower one.
    std::size_t on = highest_level_between(tick, now);
    while (on > 0 && block_of(tick, levels[on - 1]) - block_of(now, levels[on - 1]) <= 1) --on;
    return slot_on(levels[on], tick);
}

// Only called when there is one.
timer_wheel::place_in_time timer_wheel::first_occupied() const noexcept {
    const std::uint64_t now = tick_of(now_);
    for (std::size_t index = 0;; ++index) {
        const level& on = levels[index];
        const std::size_t words_of_block = on.slots / 2 / word_bits;
        for (const std::uint64_t block : {block_of(now, on), block_of(now, on) + 1}) {
            const std::size_t first_word = on.first_slot / word_bits + (block & 1) * words_of_block;
            const std::uint64_t occupied = occupied_words_ >> first_word & ((std::uint64_t{1} << words_of_block) - 1);
            if (occupied == 0) continue;
            const std::size_t word = first_word + static_cast<std::size_t>(std::countr_zero(occupied));
            const std::size_t slot = word * word_bits + static_cast<std::size_t>(std::countr_zero(occupied_[word]));
            const std::uint64_t digit = (slot - on.first_slot) & (on.slots / 2 - 1);
            return {slot, index, block << on.block_shift | digit << on.shift};
        }
    }
}

void timer_wheel::place(timer_entry& entry) noexcept {
    const std::size_t slot = slot_of(entry.deadline);
    slot_list& list = slots_[slot];
    entry.slot = static_cast<std::uint16_t>(slot);
    entry.next = nullptr;
    if (list.head == nullptr) {
        entry.prev = nullptr;
        list.head = &entry;
        list.earliest = entry.deadline;
        occupied_[slot / word_bits] |= std::uint64_t{1} << (slot % word_bits);
        occupied_words_ |= std::uint64_t{1} << (slot / word_bits);
    } else {
        entry.prev = list.tail;
        list.tail->next = &entry;
        list.earliest = std::min(list.earliest, entry.deadline);
    }
    list.tail = &entry;
}

void timer_wheel::clear_bit(std::size_t slot) noexcept {
    std::uint64_t& word = occupied_[slot / word_bits];
    word &= ~(std::uint64_t{1} << (slot % word_bits));
    if (word == 0) occupied_words_ &= ~(std::uint64_t{1} << (slot / word_bits));
}

// Leaves `earliest` as it is: finding the next one would take a walk through the slot, and a lower bound is all that (2) asks.
void timer_wheel::unlink(timer_entry& entry) noexcept {
    const std::size_t slot = entry.slot;
    slot_list& list = slots_[slot];
    (entry.prev == nullptr ? list.head : entry.prev->next) = entry.next;
    (entry.next == nullptr ? list.tail : entry.next->prev) = entry.prev;
    if (list.head == nullptr) clear_bit(slot);
    entry.slot = timer_entry::in_no_wheel;
}

timer_entry* timer_wheel::take_all(std::size_t slot) noexcept {
    timer_entry* const head = slots_[slot].head;
    slots_[slot].head = nullptr;
    clear_bit(slot);
    return head;
}

void timer_wheel::insert(timer_entry& entry) noexcept {
    assert(entry.slot == timer_entry::in_no_wheel && "the entry is in a wheel already");
    place(entry);
    ++size_;
}

void timer_wheel::erase(timer_entry& entry) noexcept {
    assert(entry.slot != timer_entry::in_no_wheel && "the entry is in no wheel");
    unlink(entry);
    --size_;
}

// Of a slot only some of whose entries may be due: returns those, keeps the others in their order, and makes `earliest` exact. The
// walk happens when `earliest` says that there may be one due, so a slot is not walked again before its next deadline has come.
void timer_wheel::take_due(std::size_t slot, std::int64_t now, timer_list& due) noexcept {
    std::int64_t earliest = forever;
    for (timer_entry* entry = slots_[slot].head; entry != nullptr;) {
        timer_entry* const next = entry->next;
        if (entry->deadline <= now) {
            erase(*entry);
            due.push_back(*entry);
        } else {
            earliest = std::min(earliest, entry->deadline);
        }
        entry = next;
    }
    slots_[slot].earliest = earliest;
}

// The entries of a slot that (1) wants elsewhere, in their order.
void timer_wheel::spread(std::size_t slot) noexcept {
    if (!occupied(slot)) return;
    for (timer_entry* entry = take_all(slot); entry != nullptr;) {
        timer_entry* const next = entry->next;
        place(*entry);
        entry = next;
    }
}

// Moves c, when no slot before the new one is occupied, and keeps (1).
//
// An entry has to move exactly when t comes into the block after c's, or into c's own, of a lower level than its own: say of L. It
// then stands on a level above, in the one slot that this block of L is there. From the highest level down, because what leaves one
// slot may land in one that is itself to be looked at. No entry of the same deadline is where one lands: it would have been on the
// level above, too.
void timer_wheel::move_to(std::int64_t now) noexcept {
    const std::uint64_t before = tick_of(now_);
    const std::uint64_t tick = tick_of(now);
    now_ = now;
    for (std::size_t above = highest_level_between(tick, before); above > 0; --above) {
        const level& below = levels[above - 1];
        const std::uint64_t block = block_of(tick, below);
        spread(slot_on(levels[above], block << below.block_shift));
        spread(slot_on(levels[above], (block + 1) << below.block_shift));
    }
}

// Goes from occupied slot to occupied slot, in the order of expiry, and moves c along: to the first tick of a higher level's slot,
// whose entries are then on the levels below, and at last to `now`.
timer_list timer_wheel::advance(std::int64_t now) noexcept {
    timer_list due;
    now = std::max(now, now_);
    const std::uint64_t last_tick = tick_of(now);
    while (occupied_words_ != 0) {
        const auto [slot, on, tick] = first_occupied();
        if (tick > last_tick) break;
        if (on > 0) {
            move_to(start_of(tick));
        } else if (tick < last_tick) {
            // A tick that has passed: all of it is due.
            for (timer_entry* entry = take_all(slot); entry != nullptr;) {
                timer_entry* const next = entry->next;
                entry->slot = timer_entry::in_no_wheel;
                due.push_back(*entry);
                --size_;
                entry = next;
            }
        } else {
            // The tick that `now` is in. What comes after it is not due.
            if (slots_[slot].earliest <= now) take_due(slot, now, due);
            break;
        }
    }
    move_to(now);
    return due;
}

std::int64_t timer_wheel::next_expiry() const noexcept {
    return empty() ? forever : slots_[first_occupied().slot].earliest;
}

}  // namespace weft::detail
