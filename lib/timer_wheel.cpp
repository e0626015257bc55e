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

// Invariants (1) and (2), as a function.
std::size_t timer_wheel::slot_of(std::int64_t deadline) const noexcept {
    const std::uint64_t tick = tick_of(std::max(deadline, now_));
    const std::uint64_t differing = tick ^ tick_of(now_);
    const auto highest_bit = static_cast<std::size_t>(std::bit_width(differing | 1) - 1);  // | 1: no difference is level 0 too
    const level& on = levels[level_of_bit[highest_bit]];
    return on.first_slot + ((tick >> on.shift) & (on.slots - 1));
}

// Only called when there is one.
std::size_t timer_wheel::first_occupied() const noexcept {
    const auto word = static_cast<std::size_t>(std::countr_zero(occupied_words_));
    return word * word_bits + static_cast<std::size_t>(std::countr_zero(occupied_[word]));
}

// The tick with which an occupied slot begins: above the slot's digit it shares c's digits, below it has zeros.
std::uint64_t timer_wheel::first_tick_of(std::size_t slot) const noexcept {
    const level& on = levels[level_of_word[slot / word_bits]];
    const std::uint64_t digit = slot - on.first_slot;
    return ((tick_of(now_) >> on.shift & ~std::uint64_t{on.slots - 1}) | digit) << on.shift;
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

// Leaves `earliest` as it is: finding the next one would take a walk through the slot, and a lower bound is all that (3) asks.
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

// Goes from occupied slot to occupied slot, in the order of expiry, and moves c along: to the first tick of a higher level's slot
// when its entries are spread over the lower levels, and at last to the tick of `now`.
//
// Whenever c moves, say to d, every slot that begins before d has been emptied, and so has one of a higher level that begins at d.
// Why that keeps (1) for an entry that stays: let L be its level and f the first tick of its slot, so c <= d < f. All digits above
// L are the same in c and f, hence in d; and d's digit L is below f's, which is the entry's. So L is still the highest digit in
// which d and the entry's tick differ. (Where d = f, on level 0, the entry is in the slot of d, as (2) wants it.) And (2) for the
// old c: its slot begins before d, so nobody stays in it.
timer_list timer_wheel::advance(std::int64_t now) noexcept {
    timer_list due;
    now = std::max(now, now_);
    const std::uint64_t last_tick = tick_of(now);
    while (occupied_words_ != 0) {
        const std::size_t slot = first_occupied();
        const std::uint64_t tick = first_tick_of(slot);
        if (tick > last_tick) break;
        if (slot >= levels.front().slots) {
            // A slot of a higher level begins: its entries spread over the levels below. None of them is before the new c.
            timer_entry* entry = take_all(slot);
            now_ = start_of(tick);
            while (entry != nullptr) {
                timer_entry* const next = entry->next;
                place(*entry);
                entry = next;
            }
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
    now_ = now;
    return due;
}

std::int64_t timer_wheel::next_expiry() const noexcept {
    return empty() ? forever : slots_[first_occupied()].earliest;
}

}  // namespace weft::detail
