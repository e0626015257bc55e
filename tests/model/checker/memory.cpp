// SPDX-License-Identifier: MIT
#include "memory.hpp"

#include <sys/mman.h>
#include <array>
#include <cstring>
#include <vector>

#include "address_map.hpp"
#include "execution.hpp"
#include "schedule.hpp"
#include "shadow.hpp"
#include "trace.hpp"

namespace weft::model::engine::memory {

namespace {

struct stored {
    std::uint64_t value;
    message const* passes_on;  // null: nothing
    int by;
};

struct stale_read {
    std::int16_t store;
    std::uint8_t repeats;
};

struct location {
    std::uintptr_t address = 0;
    std::size_t size = 0;
    int index = 0;
    std::vector<stored> stores;
    vector_clock read{};  // when each thread last read and wrote it, for races with plain accesses
    vector_clock written{};
    std::array<stale_read, max_threads> stale{};

    [[nodiscard]] std::int16_t last() const noexcept { return static_cast<std::int16_t>(stores.size() - 1); }
};

std::vector<location> locations;  // those of earlier executions are used again
int used = 0;
address_map<int, std::size_t{1} << 14U> by_address;
view seq_cst;  // only what has been seen: the latest seq_cst store, or store known at a seq_cst fence, of each location

// Messages, one behind the other.
constexpr std::size_t pool_size = std::size_t{1} << 28U;
char* pool = nullptr;
std::size_t pool_used = 0;

bool acquires(int order) noexcept {
    return order == __ATOMIC_ACQUIRE || order == __ATOMIC_CONSUME || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}
bool releases(int order) noexcept { return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST; }
bool sequential(int order) noexcept { return order == __ATOMIC_SEQ_CST; }

message* new_message(int count) noexcept {
    std::size_t const size = (sizeof(message) + static_cast<std::size_t>(count) * sizeof(std::int16_t) + 7U) & ~std::size_t{7};
    if (pool_used + size > pool_size) fail("too long an execution: no memory is left for what its releases pass on");
    auto* const made = reinterpret_cast<message*>(pool + pool_used);
    pool_used += size;
    made->count = count;
    return made;
}

message const* message_of(view const& from) noexcept {
    message* const made = new_message(from.count());
    made->clock = from.clock;
    std::memcpy(made->seen(), from.data(), static_cast<std::size_t>(from.count()) * sizeof(std::int16_t));
    return made;
}

message const* both(message const* one, message const* other) noexcept {
    if (one == nullptr) return other;
    if (other == nullptr) return one;
    message* const made = new_message(std::max(one->count, other->count));
    for (std::size_t i = 0; i < made->clock.size(); ++i) made->clock[i] = std::max(one->clock[i], other->clock[i]);
    for (int i = 0; i < made->count; ++i)
        made->seen()[i] =
            std::max(i < one->count ? one->seen()[i] : std::int16_t{0}, i < other->count ? other->seen()[i] : std::int16_t{0});
    return made;
}

std::uint64_t read_memory(std::uintptr_t address, std::size_t size) noexcept {
    std::uint64_t value = 0;
    std::memcpy(&value, reinterpret_cast<void const*>(address), size);
    return value;
}

std::uint64_t cut(std::uint64_t value, std::size_t size) noexcept {
    return size == 8 ? value : value & ((std::uint64_t{1} << (8 * size)) - 1);
}

location& location_of(std::uintptr_t address, std::size_t size) noexcept {
    if (int const* const known = by_address.find(address); known != nullptr && *known >= 0) {
        location& found = locations[static_cast<std::size_t>(*known)];
        if (found.size != size) fail("atomic operations of different sizes at one address");
        return found;
    }
    engine_scope const engine;
    shadow::mark_atomic(address, size);
    if (used == max_locations) fail("more atomic objects than the checker can hold");
    if (static_cast<std::size_t>(used) == locations.size()) locations.emplace_back();
    location& made = locations[static_cast<std::size_t>(used)];
    made.address = address;
    made.size = size;
    made.index = used;
    // What it was made with came before all that its users do, or it is a race.
    made.stores.clear();
    made.stores.push_back({read_memory(address, size), nullptr, -1});
    made.read.fill(0);
    made.written.fill(0);
    made.stale.fill({0, 0});
    if (int* const known = by_address.find(address))
        *known = used;
    else if (by_address.insert(address, used) == nullptr)
        fail("more atomic objects than the checker can hold");
    ++used;
    return made;
}

location& begin_access(std::uintptr_t address, std::size_t size, bool writes) noexcept {
    shadow::atomic(current_thread(), me().now.clock, address, size, writes);
    location& at = location_of(address, size);
    auto const thread = static_cast<std::size_t>(current_thread());
    (writes ? at.written : at.read)[thread] = me().now.clock[thread];
    return at;
}

next_step access_of(std::uintptr_t address, int order, unsigned effect) noexcept {
    return {address, effect | (sequential(order) ? next_step::sequential : 0U)};
}

void acquire_from(stored const& from, int order) noexcept {
    if (from.passes_on == nullptr) return;
    if (acquires(order))
        me().now.join(*from.passes_on);
    else
        me().to_acquire.join(*from.passes_on);
}

message const* to_pass_on(int order) noexcept {
    if (releases(order)) return message_of(me().now);
    return me().has_released ? message_of(me().released) : nullptr;
}

void append(location& at, std::uint64_t value, int order, message const* also) noexcept {
    if (at.stores.size() >= 32'000) fail("livelock: 32000 stores to one atomic object");
    auto const index = static_cast<std::int16_t>(at.stores.size());
    me().now.see(at.index, index);
    if (sequential(order)) seq_cst.see(at.index, index);
    message const* const passed = both(to_pass_on(order), also);
    {
        engine_scope const engine;
        at.stores.push_back({value, passed, current_thread()});
    }
    std::memcpy(reinterpret_cast<void*>(at.address), &value, at.size);
}

// The oldest store that the current thread may still read there.
std::int16_t oldest(location& at, int order) noexcept {
    std::int16_t const last = at.last();
    if (!execution.wanted->stale_reads || (execution.fresh & me().bit()) != 0) return last;
    std::int16_t first = me().now.seen(at.index);
    if (sequential(order)) first = std::max(first, seq_cst.seen(at.index));
    stale_read const& before = at.stale[static_cast<std::size_t>(current_thread())];
    if (before.store == first && first != last && before.repeats >= max_stale_repeats) ++first;
    return first;
}

void note_read(location& at, std::int16_t index, int order) noexcept {
    me().now.see(at.index, index);
    if (sequential(order)) seq_cst.see(at.index, index);
    stale_read& mine = at.stale[static_cast<std::size_t>(current_thread())];
    if (index == at.last() || mine.store != index)
        mine = {index, static_cast<std::uint8_t>(index == at.last() ? 0 : 1)};
    else if (mine.repeats < 255)
        ++mine.repeats;
}

std::uint64_t result_of(operation what, std::uint64_t before, std::uint64_t operand) noexcept {
    switch (what) {
        case operation::exchange:
            return operand;
        case operation::add:
            return before + operand;
        case operation::sub:
            return before - operand;
        case operation::bit_and:
            return before & operand;
        case operation::bit_or:
            return before | operand;
        case operation::bit_xor:
            return before ^ operand;
        case operation::bit_nand:
            return ~(before & operand);
    }
    __builtin_unreachable();
}

char const* name_of(operation what) noexcept {
    constexpr std::array<char const*, 7> names{"exchange", "fetch_add", "fetch_sub", "fetch_and",
                                               "fetch_or", "fetch_xor", "fetch_nand"};
    return names[static_cast<std::size_t>(what)];
}

void acquire_fence(model_thread& by) noexcept { by.now.join(by.to_acquire); }
void release_fence(model_thread& by) noexcept {
    by.released.copy(by.now);
    by.has_released = true;
}

}  // namespace

void reset() noexcept {
    if (pool == nullptr)
        pool = static_cast<char*>(
            mmap(nullptr, pool_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    pool_used = 0;
    used = 0;
    by_address.clear();
    seq_cst.reset();
}

std::uint64_t load(std::uintptr_t address, std::size_t size, int order) noexcept {
    step(access_of(address, order, next_step::reads));
    location& at = begin_access(address, size, false);
    std::int16_t const first = oldest(at, order);
    // The latest one is the first to be tried.
    auto const index = static_cast<std::int16_t>(at.last() - choose_store(at.last() - first + 1));
    note_read(at, index, order);
    stored const& found = at.stores[static_cast<std::size_t>(index)];
    acquire_from(found, order);
    trace::load(at.address, order, found.value, at.last() - index, found.by);
    stepped(false);
    return found.value;
}

void store(std::uintptr_t address, std::size_t size, std::uint64_t value, int order) noexcept {
    step(access_of(address, order, next_step::writes));
    location& at = begin_access(address, size, true);
    append(at, cut(value, size), order, nullptr);
    trace::store(at.address, order, cut(value, size));
    stepped(true);
}

std::uint64_t read_modify_write(std::uintptr_t address, std::size_t size, operation what, std::uint64_t operand,
                                int order) noexcept {
    step(access_of(address, order, next_step::writes));
    location& at = begin_access(address, size, true);
    stored const before = at.stores.back();
    note_read(at, at.last(), order);
    acquire_from(before, order);
    std::uint64_t const value = cut(result_of(what, before.value, operand), size);
    append(at, value, order, before.passes_on);
    trace::modified(name_of(what), at.address, order, before.value, value);
    stepped(value != before.value);
    return before.value;
}

bool compare_exchange(std::uintptr_t address, std::size_t size, std::uint64_t& expected, std::uint64_t desired, int success,
                      int failure, bool weak) noexcept {
    step(access_of(address, sequential(failure) ? failure : success, next_step::writes));
    location& at = begin_access(address, size, true);
    expected = cut(expected, size);
    stored const latest_one = at.stores.back();
    execution_state& e = execution;
    if (latest_one.value == expected && weak && e.spurious_cas_failures < e.wanted->spurious_cas_failures && choose_one(2) == 1) {
        ++e.spurious_cas_failures;
        note_read(at, at.last(), failure);
        acquire_from(latest_one, failure);
        trace::load(at.address, failure, latest_one.value, 0, latest_one.by, "compare_exchange fails spuriously, reads");
        stepped(false);
        return false;
    }
    // One that fails is a load, which may be of an older store, if that holds something else.
    std::array<std::int16_t, 64> others{};
    int count = latest_one.value == expected ? 1 : 0;
    for (int i = at.last(); i >= oldest(at, failure) && count < static_cast<int>(others.size()); --i)
        if (at.stores[static_cast<std::size_t>(i)].value != expected)
            others[static_cast<std::size_t>(count++)] = static_cast<std::int16_t>(i);
    int const chosen = choose_store(count);
    if (latest_one.value == expected && chosen == 0) {
        note_read(at, at.last(), success);
        acquire_from(latest_one, success);
        append(at, cut(desired, size), success, latest_one.passes_on);
        trace::modified("compare_exchange", at.address, success, latest_one.value, cut(desired, size));
        stepped(cut(desired, size) != latest_one.value);
        return true;
    }
    std::int16_t const index = others[static_cast<std::size_t>(chosen)];
    stored const& found = at.stores[static_cast<std::size_t>(index)];
    note_read(at, index, failure);
    acquire_from(found, failure);
    expected = found.value;
    trace::load(at.address, failure, found.value, at.last() - index, found.by, "compare_exchange fails, reads");
    stepped(false);
    return false;
}

void fence(int order) noexcept {
    if (order == __ATOMIC_RELAXED) return;
    // Only seq_cst fences see what other threads did meanwhile.
    if (sequential(order)) step({0, next_step::fence | next_step::sequential});
    model_thread& mine = me();
    if (acquires(order)) acquire_fence(mine);
    if (sequential(order)) {
        mine.now.join_seen(seq_cst);
        seq_cst.join_seen(mine.now);
    }
    if (releases(order)) release_fence(mine);
    trace::fence(order);
    stepped(false);
}

void fence_everywhere() noexcept {
    step();
    execution_state& e = execution;
    for (int i = 0; i < e.thread_count; ++i) {
        model_thread& each = e.threads[static_cast<std::size_t>(i)];
        // One that has ended, too: the processor that ran it has executed a barrier since.
        acquire_fence(each);
        seq_cst.join_seen(each.now);
    }
    for (int i = 0; i < e.thread_count; ++i) {
        model_thread& each = e.threads[static_cast<std::size_t>(i)];
        if (each.finished) continue;
        each.now.join_seen(seq_cst);
        release_fence(each);
        ++each.now.clock[static_cast<std::size_t>(i)];
    }
    trace::event("process barrier");
    stepped(false);
}

std::uint64_t latest(std::uintptr_t address, std::size_t size) noexcept {
    location& at = begin_access(address, size, false);
    return at.stores.back().value;
}

void plain_access(std::uintptr_t cell, std::uint8_t bytes, bool writes) noexcept {
    vector_clock const& clock = me().now.clock;
    for (unsigned offset = 0; offset < 8; ++offset) {
        int* const known = by_address.find(cell + offset);
        if (known == nullptr || *known < 0) continue;
        location const& at = locations[static_cast<std::size_t>(*known)];
        auto const its_bytes = ((1U << at.size) - 1U) << offset;
        if ((its_bytes & bytes) == 0) continue;
        for (std::size_t thread = 0; thread < clock.size(); ++thread) {
            if (thread == static_cast<std::size_t>(current_thread())) continue;
            if (at.written[thread] > clock[thread] || (writes && at.read[thread] > clock[thread]))
                fail(writes ? "data race: atomic access and plain write, unordered"
                            : "data race: atomic write and plain read, unordered");
        }
        if (writes) *known = -1;  // something new is there
    }
}

message const* publish() noexcept { return message_of(me().now); }

}  // namespace weft::model::engine::memory
