// SPDX-License-Identifier: MIT
#include "shadow.hpp"

#include <link.h>
#include <sys/mman.h>
#include <array>
#include <cstdio>
#include <cstring>
#include <vector>

#include "execution.hpp"
#include "memory.hpp"

namespace weft::model::engine::shadow {

namespace {

struct entry {
    std::uint32_t clock;
    std::uint8_t thread;
    std::uint8_t bytes;  // of the eight, one bit each
    bool writes;
};

// Those of entries that an ordered later access stands for are dropped, so that few remain.
struct cell {
    std::uint32_t generation;
    std::uint8_t count;
    std::uint8_t atomic_bytes;
    bool forbidden;
    std::array<entry, 7> entries;
};
static_assert(sizeof(cell) == 64);

struct region {
    std::uintptr_t begin = 0;
    std::size_t size = 0;
    cell* cells = nullptr;
};

region arena;
region globals;
std::uint32_t generation = 1;

struct former {
    std::uintptr_t address;
    std::uint64_t value;
    std::uint8_t size;
};
std::vector<former> formers;
std::uintptr_t racy = 0;

void cover(region& with, std::uintptr_t begin, std::size_t size) {
    with.begin = begin & ~std::uintptr_t{7};
    with.size = size + 16;
    void* const memory =
        mmap(nullptr, with.size * sizeof(cell) / 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) std::perror("model checker: shadow memory");
    with.cells = static_cast<cell*>(memory);
}

int find_globals(dl_phdr_info* object, std::size_t, void*) {
    std::uintptr_t begin = UINTPTR_MAX;
    std::uintptr_t end = 0;
    for (int i = 0; i < object->dlpi_phnum; ++i) {
        ElfW(Phdr) const& header = object->dlpi_phdr[i];
        if (header.p_type != PT_LOAD || (header.p_flags & PF_W) == 0) continue;
        begin = std::min<std::uintptr_t>(begin, object->dlpi_addr + header.p_vaddr);
        end = std::max<std::uintptr_t>(end, object->dlpi_addr + header.p_vaddr + header.p_memsz);
    }
    if (begin < end) cover(globals, begin, end - begin);
    return 1;
}

// Entries beyond its count say nothing, and stay as they are.
void renew(cell& one) noexcept {
    one.generation = generation;
    one.count = 0;
    one.atomic_bytes = 0;
    one.forbidden = false;
}

cell* find_global(std::uintptr_t address) noexcept {
    if (address - globals.begin >= globals.size) return nullptr;
    cell& found = globals.cells[(address - globals.begin) / 8];
    if (found.generation != generation) {
        remember(address & ~std::uintptr_t{7}, 8);
        renew(found);
    }
    return &found;
}

// Null: nobody keeps account of this memory.
[[gnu::always_inline]] inline cell* find(std::uintptr_t address) noexcept {
    if (address - arena.begin >= arena.size) [[unlikely]]
        return find_global(address);
    cell& found = arena.cells[(address - arena.begin) / 8];
    if (found.generation != generation) renew(found);
    return &found;
}

[[noreturn, gnu::cold]] void race(std::uintptr_t address, entry const& before, bool atomic, bool writes) {
    racy = address & ~std::uintptr_t{7};
    std::array<char, 200> text{};
    std::snprintf(text.data(), text.size(), "data race: %s of T%d and %s%s of T%d, unordered",
                  before.writes ? "plain write" : "plain read", before.thread, atomic ? "atomic " : "plain ",
                  writes ? "write" : "read", current_thread());
    fail(text.data());
}

[[noreturn, gnu::cold]] void touched_forbidden(std::uintptr_t address, access kind) {
    racy = address & ~std::uintptr_t{7};
    fail(kind == access::free ? "double free, or free of a part" : "use of freed memory, or beyond an allocation");
}

template <class Visit>
void each_cell(std::uintptr_t address, std::size_t size, Visit visit) noexcept {
    while (size > 0) {
        std::size_t const offset = address & 7U;
        std::size_t const here = std::min<std::size_t>(8 - offset, size);
        if (cell* const found = find(address))
            visit(*found, address, here, static_cast<std::uint8_t>(((1U << here) - 1U) << offset));
        address += here;
        size -= here;
    }
}

void drop(cell& of, std::uint8_t index) noexcept { of.entries[index] = of.entries[--of.count]; }

void add(cell& to, entry added) noexcept {
    if (to.count == to.entries.size()) drop(to, 0);  // more than seven unordered readers of eight bytes
    to.entries[to.count++] = added;
}

}  // namespace

void prepare(char* memory, std::size_t size) {
    cover(arena, reinterpret_cast<std::uintptr_t>(memory), size);
    dl_iterate_phdr(find_globals, nullptr);
}

void reset() noexcept {
    while (!formers.empty()) {
        former const& last = formers.back();
        // Some of what the executable could write to when it was loaded is read-only since.
        auto* const at = reinterpret_cast<void*>(last.address);
        if (std::memcmp(at, &last.value, last.size) != 0) std::memcpy(at, &last.value, last.size);
        formers.pop_back();
    }
    ++generation;
}

void remember(std::uintptr_t address, std::size_t size) noexcept {
    engine_scope const engine;
    former kept{address, 0, static_cast<std::uint8_t>(size)};
    std::memcpy(&kept.value, reinterpret_cast<void*>(address), size);
    formers.push_back(kept);
}

void plain(int thread, vector_clock const& clock, std::uintptr_t address, std::size_t size, access kind) noexcept {
    bool const writes = kind != access::read;
    each_cell(address, size, [&](cell& at, std::uintptr_t first, std::size_t, std::uint8_t bytes) {
        if (at.forbidden) [[unlikely]]
            touched_forbidden(first, kind);
        if ((at.atomic_bytes & bytes) != 0) [[unlikely]] {
            racy = first & ~std::uintptr_t{7};
            memory::plain_access(first & ~std::uintptr_t{7}, bytes, writes);
            if (writes) at.atomic_bytes = static_cast<std::uint8_t>(at.atomic_bytes & ~bytes);
        }
        // Most accesses are by the thread of the only one before: what the loop below would come to.
        if (entry& last = at.entries[0]; at.count == 1 && last.thread == thread && last.bytes == bytes && (writes || !last.writes)) {
            last.clock = clock[static_cast<std::size_t>(thread)];
            last.writes = writes;
            if (kind == access::free) at.forbidden = true;
            return;
        }
        for (std::uint8_t i = 0; i < at.count;) {
            entry const& old = at.entries[i];
            bool const ordered = old.clock <= clock[old.thread] || old.thread == thread;
            if (!ordered && (old.bytes & bytes) != 0 && (writes || old.writes)) race(first, old, false, writes);
            if (ordered && (old.bytes & ~bytes) == 0 && (writes || !old.writes))
                drop(at, i);
            else
                ++i;
        }
        add(at, {clock[static_cast<std::size_t>(thread)], static_cast<std::uint8_t>(thread), bytes, writes});
        if (kind == access::free) at.forbidden = true;
    });
}

void atomic(int thread, vector_clock const& clock, std::uintptr_t address, std::size_t size, bool writes) noexcept {
    each_cell(address, size, [&](cell& at, std::uintptr_t first, std::size_t, std::uint8_t bytes) {
        if (at.forbidden) [[unlikely]]
            touched_forbidden(first, access::read);
        for (std::uint8_t i = 0; i < at.count; ++i) {
            entry const& old = at.entries[i];
            bool const ordered = old.clock <= clock[old.thread] || old.thread == thread;
            if (!ordered && (old.bytes & bytes) != 0 && (writes || old.writes)) race(first, old, true, writes);
        }
    });
}

void mark_atomic(std::uintptr_t address, std::size_t size) noexcept {
    bool covered = false;
    each_cell(address, size, [&](cell& at, std::uintptr_t, std::size_t, std::uint8_t bytes) {
        at.atomic_bytes |= bytes;
        covered = true;
    });
    if (!covered) remember(address, size);
}

void forbid(std::uintptr_t address, std::size_t size) noexcept {
    each_cell(address, size, [](cell& at, std::uintptr_t, std::size_t, std::uint8_t) { at.forbidden = true; });
}

bool forbidden(std::uintptr_t address) noexcept {
    cell const* const at = find(address);
    return at != nullptr && at->forbidden;
}

std::uintptr_t racy_address() noexcept { return racy; }

}  // namespace weft::model::engine::shadow
