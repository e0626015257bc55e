// SPDX-License-Identifier: MIT
#include "arena.hpp"

#include <sys/mman.h>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "execution.hpp"
#include "shadow.hpp"
#include "trace.hpp"

namespace weft::model::engine::arena {

namespace {

// In front of each block; nobody may touch it.
struct header {
    std::size_t size;
    std::uint32_t number;
    bool allocated;
};
static_assert(sizeof(header) == 16);

constexpr std::size_t guard_size = 4096;
constexpr std::size_t stacks_size = max_threads * stack_size;

char* memory = nullptr;
char* heap = nullptr;
std::size_t used = 0;
std::uint32_t blocks = 0;
std::uint32_t allocated = 0;

header* header_of(void const* block) noexcept { return const_cast<header*>(static_cast<header const*>(block)) - 1; }

}  // namespace

void prepare() {
    if (memory != nullptr) return;
    void* const mapped =
        mmap(nullptr, stacks_size + heap_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) {
        std::perror("model checker: memory");
        std::abort();
    }
    memory = static_cast<char*>(mapped);
    heap = memory + stacks_size;
    for (int i = 0; i < max_threads; ++i) mprotect(memory + static_cast<std::size_t>(i) * stack_size, guard_size, PROT_NONE);
    shadow::prepare(memory, stacks_size + heap_size);
}

void reset() noexcept {
    used = 0;
    blocks = 0;
    allocated = 0;
}

char* stack_of(int thread) noexcept { return memory + static_cast<std::size_t>(thread) * stack_size; }

bool owns(void const* block) noexcept {
    auto const* const at = static_cast<char const*>(block);
    return at >= heap && at < heap + heap_size;
}

void* allocate(std::size_t size, std::size_t alignment) noexcept {
    if (alignment < 16) alignment = 16;
    if (size == 0) size = 1;
    std::size_t const begin = (used + sizeof(header) + alignment - 1) & ~(alignment - 1);
    if (size > heap_size || begin + size > heap_size) fail("more memory than the checker's heap has, or a loop that allocates");
    used = (begin + size + 7) & ~std::size_t{7};
    char* const block = heap + begin;
    *header_of(block) = {size, blocks++, true};
    ++allocated;
    shadow::forbid(reinterpret_cast<std::uintptr_t>(block) - sizeof(header), sizeof(header));
    return block;
}

void release(void* block) noexcept {
    if (block == nullptr) return;
    header* const front = header_of(block);
    auto const address = reinterpret_cast<std::uintptr_t>(block);
    if (shadow::forbidden(address) || !shadow::forbidden(address - sizeof(header)) || !front->allocated) {
        fail("double free, or free of what was not allocated");
    }
    shadow::plain(current_thread(), me().now.clock, address, front->size, shadow::access::free);
    front->allocated = false;
    --allocated;
}

std::size_t size_of(void const* block) noexcept { return header_of(block)->size; }

void check_leaks() noexcept {
    if (allocated == 0) return;
    std::array<char, 80> text{};
    std::snprintf(text.data(), text.size(), "leak: %u of %u allocations have not been freed", allocated, blocks);
    fail(text.data());
}

}  // namespace weft::model::engine::arena
