// SPDX-License-Identifier: MIT
// The C library's heap, and oneTBB's allocators. operator new and delete call these.
#include <cerrno>
#include <cstring>

#include "arena.hpp"
#include "entry.hpp"

// The C library's own, by the names under which it also exports them.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);
}

namespace weft::model::engine {

namespace {

constexpr std::size_t cache_line = 128;

bool in_execution() noexcept { return in_model && !execution.warming_up; }

void* allocate(std::size_t size, std::size_t alignment, void const* place) noexcept {
    if (!in_execution()) return alignment <= 16 ? __libc_malloc(size) : __libc_memalign(alignment, size);
    entry const in(place);
    return arena::allocate(size, alignment);
}

void release(void* block, void const* place) noexcept {
    if (arena::owns(block)) {
        if (!in_execution()) return;  // something that outlived its execution
        entry const in(place);
        arena::release(block);
    } else if (!in_model) {
        __libc_free(block);
    }
    // What is older than the execution is there for the next one, too.
}

void* reallocate(void* block, std::size_t size, void const* place) noexcept {
    if (!arena::owns(block) && !in_execution()) return __libc_realloc(block, size);
    void* const larger = allocate(size, 16, place);
    if (larger != nullptr && block != nullptr) {
        std::size_t const before = arena::owns(block) ? arena::size_of(block) : size;
        std::memcpy(larger, block, before < size ? before : size);
        release(block, place);
    }
    return larger;
}

}  // namespace

}  // namespace weft::model::engine

#define PLACE __builtin_return_address(0)
namespace engine = weft::model::engine;

WEFT_MODEL_ENTRY void* malloc(std::size_t size) { return engine::allocate(size, 16, PLACE); }
WEFT_MODEL_ENTRY void free(void* block) { engine::release(block, PLACE); }
WEFT_MODEL_ENTRY void* calloc(std::size_t count, std::size_t size) {
    if (!engine::in_execution()) return __libc_calloc(count, size);
    void* const block = engine::allocate(count * size, 16, PLACE);
    std::memset(block, 0, count * size);
    return block;
}
WEFT_MODEL_ENTRY void* realloc(void* block, std::size_t size) { return engine::reallocate(block, size, PLACE); }
WEFT_MODEL_ENTRY void* memalign(std::size_t alignment, std::size_t size) { return engine::allocate(size, alignment, PLACE); }
WEFT_MODEL_ENTRY void* aligned_alloc(std::size_t alignment, std::size_t size) { return engine::allocate(size, alignment, PLACE); }
WEFT_MODEL_ENTRY int posix_memalign(void** block, std::size_t alignment, std::size_t size) {
    *block = engine::allocate(size, alignment, PLACE);
    return *block != nullptr ? 0 : ENOMEM;
}

WEFT_MODEL_ENTRY void* scalable_malloc(std::size_t size) { return engine::allocate(size, 16, PLACE); }
WEFT_MODEL_ENTRY void scalable_free(void* block) { engine::release(block, PLACE); }
WEFT_MODEL_ENTRY void* scalable_calloc(std::size_t count, std::size_t size) { return calloc(count, size); }
WEFT_MODEL_ENTRY void* scalable_realloc(void* block, std::size_t size) { return engine::reallocate(block, size, PLACE); }
WEFT_MODEL_ENTRY void* scalable_aligned_malloc(std::size_t size, std::size_t alignment) {
    return engine::allocate(size, alignment, PLACE);
}
WEFT_MODEL_ENTRY void scalable_aligned_free(void* block) { engine::release(block, PLACE); }
WEFT_MODEL_ENTRY std::size_t scalable_msize(void* block) { return engine::arena::owns(block) ? engine::arena::size_of(block) : 0; }

// tbb::detail::r1::cache_aligned_allocate and its like, which oneTBB's containers call (oneapi/tbb/cache_aligned_allocator.h).
WEFT_MODEL_ENTRY void* _ZN3tbb6detail2r122cache_aligned_allocateEm(std::size_t size) {
    return engine::allocate(size, engine::cache_line, PLACE);
}
WEFT_MODEL_ENTRY void _ZN3tbb6detail2r124cache_aligned_deallocateEPv(void* block) { engine::release(block, PLACE); }
WEFT_MODEL_ENTRY void* _ZN3tbb6detail2r115allocate_memoryEm(std::size_t size) { return engine::allocate(size, 16, PLACE); }
WEFT_MODEL_ENTRY void _ZN3tbb6detail2r117deallocate_memoryEPv(void* block) { engine::release(block, PLACE); }
