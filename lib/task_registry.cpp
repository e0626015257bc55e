// SPDX-License-Identifier: MIT
#include "task_registry.hpp"

#include <algorithm>
#include <bit>
#include <memory>
#include <new>
#include <numeric>
#include <type_traits>

namespace weft::detail {

task_registry::~task_registry() {
    static_assert(std::is_trivially_destructible_v<entry>);
    std::size_t length = 1;
    for (row_of_entries const& each : rows_) {
        if (each.entries) std::allocator<entry>().deallocate(each.entries, length);
        if (each.occupied) std::allocator<std::atomic<bool>>().deallocate(each.occupied, length);
        length *= 2;
    }
}

std::uint32_t task_registry::take_outside() {
    std::lock_guard const lock(outside_mutex_);
    std::uint32_t const place = next(outside_);
    take_next(outside_);
    return place;
}

void task_registry::give_back_outside(std::uint32_t unoccupied) noexcept {
    std::lock_guard const lock(outside_mutex_);
    give_back(outside_, unoccupied);
}

void task_registry::fill(free_places& empty) {
    std::lock_guard const lock(store_mutex_);
    if (!store_.empty()) {
        std::ranges::copy(store_.back(), empty.places.begin());
        store_.pop_back();
        empty.count = batch;
        return;
    }
    auto const first = static_cast<std::uint32_t>(made_.load(std::memory_order_relaxed));
    if (number_of(first) < first) throw std::bad_alloc();  // 4 billion tasks
    // Where a row begins, its first entries are not there yet: it is as long as all before, and a batch.
    std::uint32_t const row = row_of(number_of(first));
    row_of_entries& places = rows_[row];
    if (!places.entries) places.entries = std::allocator<entry>().allocate(std::size_t{1} << row);
    if (!places.occupied) places.occupied = std::allocator<std::atomic<bool>>().allocate(std::size_t{1} << row);
    for (std::uint32_t each = first; each < first + batch; ++each) {
        std::construct_at(&at(each));
        std::construct_at(&occupied(each), false);
    }
    // release. Pairs with: visit_from.
    made_.store(first + batch, std::memory_order_release);
    std::iota(empty.places.begin(), empty.places.begin() + batch, first);
    empty.count = batch;
}

void task_registry::empty_half(free_places& full) noexcept {
    full.count -= batch;
    std::array<std::uint32_t, batch> half;
    std::copy_n(full.places.begin() + static_cast<std::ptrdiff_t>(full.count), batch, half.begin());
    std::lock_guard const lock(store_mutex_);
    try {
        store_.push_back(half);
    } catch (std::bad_alloc const&) {
        // They stay empty for ever; new ones will be made when there is memory again.
    }
}

}  // namespace weft::detail
