// SPDX-License-Identifier: MIT
#include "failing_memory.hpp"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

// How many more allocations succeed on this thread; negative: all.
constinit thread_local long left_on_this_thread = -1;

constinit std::atomic<bool> counting{false};
constinit std::atomic<long> until_first{0};  // allocations that come before it
constinit std::atomic<long> to_fail{0};
constinit std::atomic<long> failed{0};

[[gnu::noinline]] bool fails() noexcept {
    if (!counting.load(std::memory_order_relaxed)) return false;
    long const number = until_first.fetch_sub(1, std::memory_order_relaxed);
    if (number > 0 || number <= -to_fail.load(std::memory_order_relaxed)) return false;
    failed.fetch_add(1, std::memory_order_relaxed);
    return true;
}

[[gnu::noinline]] bool fails_here() noexcept {
    if (left_on_this_thread == 0) return true;
    if (left_on_this_thread > 0) --left_on_this_thread;
    return fails();
}

void* memory_of(std::size_t size) noexcept {
    return fails_here() ? nullptr : std::malloc(size == 0 ? 1 : size);
}
void* memory_of(std::size_t size, std::align_val_t alignment) noexcept {
    auto const boundary = static_cast<std::size_t>(alignment);
    return fails_here() ? nullptr : std::aligned_alloc(boundary, (size + boundary - 1) / boundary * boundary);
}
void* or_throw(void* memory) {
    if (!memory) throw std::bad_alloc();
    return memory;
}

}  // namespace

void* operator new(std::size_t size) { return or_throw(memory_of(size)); }
void* operator new(std::size_t size, std::align_val_t alignment) { return or_throw(memory_of(size, alignment)); }
void* operator new(std::size_t size, std::nothrow_t const&) noexcept { return memory_of(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::nothrow_t const&) noexcept { std::free(memory); }

// CMakeLists.txt asks the linker for these: the names are weft::detail::allocate_cached_frame, weft::detail::allocate_large_frame
// and tbb::detail::r1::cache_aligned_allocate.
extern "C" {
void* __real__ZN4weft6detail21allocate_cached_frameEm(std::size_t size);
void* __wrap__ZN4weft6detail21allocate_cached_frameEm(std::size_t size) {
    if (fails()) throw std::bad_alloc();
    return __real__ZN4weft6detail21allocate_cached_frameEm(size);
}
void* __real__ZN4weft6detail20allocate_large_frameEm(std::size_t size);
void* __wrap__ZN4weft6detail20allocate_large_frameEm(std::size_t size) {
    if (fails()) throw std::bad_alloc();
    return __real__ZN4weft6detail20allocate_large_frameEm(size);
}
void* __real__ZN3tbb6detail2r122cache_aligned_allocateEm(std::size_t size);
void* __wrap__ZN3tbb6detail2r122cache_aligned_allocateEm(std::size_t size) {
    if (fails()) throw std::bad_alloc();
    return __real__ZN3tbb6detail2r122cache_aligned_allocateEm(size);
}
}

namespace weft::test {

void let_memory_fail_after(long successes) noexcept { left_on_this_thread = successes; }
void let_memory_succeed() noexcept { left_on_this_thread = -1; }

failing_memory::failing_memory(long first, long how_many) noexcept {
    failed.store(0);
    until_first.store(first - 1);
    to_fail.store(how_many);
    counting.store(true);
}

long failing_memory::stop() noexcept {
    counting.store(false);
    return failed.load();
}

}  // namespace weft::test
