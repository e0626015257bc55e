// SPDX-License-Identifier: MIT
// What `-fsanitize=thread` calls at each access and atomic operation. The names and parameters are those of compiler-rt's
// lib/tsan/rtl/tsan_interface.h and tsan_interface_atomic.h, which g++ and clang share.
#include <cstring>

#include "entry.hpp"
#include "memory.hpp"
#include "shadow.hpp"
#include "trace.hpp"

namespace weft::model::engine {

namespace {

using memory::operation;

template <class Value>
std::uint64_t bits_of(Value value) noexcept {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof value);
    return bits;
}

std::uintptr_t number(void const volatile* address) noexcept { return reinterpret_cast<std::uintptr_t>(address); }

[[gnu::always_inline]] inline void plain(void const volatile* at, std::size_t size, shadow::access kind,
                                         void const* place) noexcept {
    if (!in_model) return;
    std::uintptr_t const address = number(at);
    if (is_thread_local(address)) return;
    model_thread& mine = me();
    mine.place = place;
    if (execution.tracing && address - shadow::racy_address() < 8) trace::record_plain(address, size, kind != shadow::access::read);
    shadow::plain(mine.id, mine.now.clock, address, size, kind);
}

// The order's upper bits are flags of the sanitizer's own.
constexpr int order_of(int order) noexcept { return order & 0xF; }

template <class Value>
Value load(Value const volatile* at, int order, void const* place) noexcept {
    if (!in_model) return __atomic_load_n(at, __ATOMIC_SEQ_CST);
    entry const in(place);
    return static_cast<Value>(memory::load(number(at), sizeof(Value), order_of(order)));
}

template <class Value>
void store(Value volatile* at, Value value, int order, void const* place) noexcept {
    if (!in_model) return __atomic_store_n(at, value, __ATOMIC_SEQ_CST);
    entry const in(place);
    memory::store(number(at), sizeof(Value), bits_of(value), order_of(order));
}

template <class Value>
Value modify(Value volatile* at, Value value, operation what, int order, void const* place) noexcept {
    if (!in_model) {
        switch (what) {
            case operation::exchange:
                return __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST);
            case operation::add:
                return __atomic_fetch_add(at, value, __ATOMIC_SEQ_CST);
            case operation::sub:
                return __atomic_fetch_sub(at, value, __ATOMIC_SEQ_CST);
            case operation::bit_and:
                return __atomic_fetch_and(at, value, __ATOMIC_SEQ_CST);
            case operation::bit_or:
                return __atomic_fetch_or(at, value, __ATOMIC_SEQ_CST);
            case operation::bit_xor:
                return __atomic_fetch_xor(at, value, __ATOMIC_SEQ_CST);
            case operation::bit_nand:
                return __atomic_fetch_nand(at, value, __ATOMIC_SEQ_CST);
        }
    }
    entry const in(place);
    return static_cast<Value>(memory::read_modify_write(number(at), sizeof(Value), what, bits_of(value), order_of(order)));
}

template <class Value>
bool compare_exchange(Value volatile* at, Value* expected, Value desired, int success, int failure, bool weak,
                      void const* place) noexcept {
    if (!in_model) return __atomic_compare_exchange_n(at, expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    entry const in(place);
    std::uint64_t before = bits_of(*expected);
    bool const done =
        memory::compare_exchange(number(at), sizeof(Value), before, bits_of(desired), order_of(success), order_of(failure), weak);
    if (!done) *expected = static_cast<Value>(before);
    return done;
}

void enter_function(void const* place) noexcept {
    model_thread& mine = me();
    if (static_cast<std::size_t>(mine.depth) < mine.calls.size()) mine.calls[static_cast<std::size_t>(mine.depth)] = place;
    ++mine.depth;
}

// As the processor does it, so that our own memcpy is not needed for ours.
void copy_bytes(void* to, void const* from, std::size_t size) noexcept {
    if (number(to) - number(from) >= size) {
        asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
    } else {
        auto* const target = static_cast<char*>(to);
        auto const* const source = static_cast<char const*>(from);
        for (; size > 0; --size) {
            target[size - 1] = source[size - 1];
            asm volatile("" ::: "memory");
        }
    }
}

void fill_bytes(void* at, int value, std::size_t size) noexcept {
    asm volatile("rep stosb" : "+D"(at), "+c"(size) : "a"(value) : "memory");
}

}  // namespace

}  // namespace weft::model::engine

using weft::model::engine::in_model;
using weft::model::engine::operation;
using weft::model::engine::shadow::access;
namespace engine = weft::model::engine;

WEFT_MODEL_ENTRY void __tsan_init() {}
WEFT_MODEL_ENTRY void __tsan_func_entry(void* place) {
    if (in_model) engine::enter_function(place);
}
WEFT_MODEL_ENTRY void __tsan_func_exit() {
    if (in_model && engine::me().depth > 0) --engine::me().depth;
}

#define PLACE __builtin_return_address(0)
#define ACCESS(name, size, kind) \
    WEFT_MODEL_ENTRY void __tsan_##name(void* at) { engine::plain(at, size, access::kind, PLACE); }
#define ACCESSES(size)                         \
    ACCESS(read##size, size, read)             \
    ACCESS(write##size, size, write)           \
    ACCESS(read_write##size, size, write)      \
    ACCESS(unaligned_read##size, size, read)   \
    ACCESS(unaligned_write##size, size, write) \
    ACCESS(unaligned_read_write##size, size, write)
ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)
ACCESS(vptr_read, sizeof(void*), read)
WEFT_MODEL_ENTRY void __tsan_vptr_update(void** at, void* value) {
    if (*at != value) engine::plain(at, sizeof(void*), access::write, PLACE);
}
WEFT_MODEL_ENTRY void __tsan_read_range(void* at, unsigned long size) { engine::plain(at, size, access::read, PLACE); }
WEFT_MODEL_ENTRY void __tsan_write_range(void* at, unsigned long size) { engine::plain(at, size, access::write, PLACE); }

#define ATOMIC(bits, type)                                                                                                         \
    WEFT_MODEL_ENTRY type __tsan_atomic##bits##_load(type const volatile* at, int order) {                                         \
        return engine::load(at, order, PLACE);                                                                                     \
    }                                                                                                                              \
    WEFT_MODEL_ENTRY void __tsan_atomic##bits##_store(type volatile* at, type value, int order) {                                  \
        engine::store(at, value, order, PLACE);                                                                                    \
    }                                                                                                                              \
    MODIFY(bits, type, exchange, exchange)                                                                                         \
    MODIFY(bits, type, fetch_add, add)                                                                                             \
    MODIFY(bits, type, fetch_sub, sub)                                                                                             \
    MODIFY(bits, type, fetch_and, bit_and)                                                                                         \
    MODIFY(bits, type, fetch_or, bit_or)                                                                                           \
    MODIFY(bits, type, fetch_xor, bit_xor)                                                                                         \
    MODIFY(bits, type, fetch_nand, bit_nand)                                                                                       \
    WEFT_MODEL_ENTRY int __tsan_atomic##bits##_compare_exchange_strong(type volatile* at, type* expected, type desired,            \
                                                                       int success, int failure) {                                 \
        return engine::compare_exchange(at, expected, desired, success, failure, false, PLACE);                                    \
    }                                                                                                                              \
    WEFT_MODEL_ENTRY int __tsan_atomic##bits##_compare_exchange_weak(type volatile* at, type* expected, type desired, int success, \
                                                                     int failure) {                                                \
        return engine::compare_exchange(at, expected, desired, success, failure, true, PLACE);                                     \
    }                                                                                                                              \
    WEFT_MODEL_ENTRY type __tsan_atomic##bits##_compare_exchange_val(type volatile* at, type expected, type desired, int success,  \
                                                                     int failure) {                                                \
        engine::compare_exchange(at, &expected, desired, success, failure, false, PLACE);                                          \
        return expected;                                                                                                           \
    }
#define MODIFY(bits, type, name, what)                                                             \
    WEFT_MODEL_ENTRY type __tsan_atomic##bits##_##name(type volatile* at, type value, int order) { \
        return engine::modify(at, value, operation::what, order, PLACE);                           \
    }
ATOMIC(8, std::uint8_t)
ATOMIC(16, std::uint16_t)
ATOMIC(32, std::uint32_t)
ATOMIC(64, std::uint64_t)

WEFT_MODEL_ENTRY void __tsan_atomic_thread_fence(int order) {
    if (!in_model) return;
    engine::entry const in(PLACE);
    engine::memory::fence(engine::order_of(order));
}
WEFT_MODEL_ENTRY void __tsan_atomic_signal_fence(int) {}

// g++ leaves these calls as they are, clang gives them other names.
WEFT_MODEL_ENTRY void* memcpy(void* to, void const* from, std::size_t size) {
    engine::plain(from, size, access::read, PLACE);
    engine::plain(to, size, access::write, PLACE);
    engine::copy_bytes(to, from, size);
    return to;
}
WEFT_MODEL_ENTRY void* memmove(void* to, void const* from, std::size_t size) {
    engine::plain(from, size, access::read, PLACE);
    engine::plain(to, size, access::write, PLACE);
    engine::copy_bytes(to, from, size);
    return to;
}
WEFT_MODEL_ENTRY void* memset(void* at, int value, std::size_t size) {
    engine::plain(at, size, access::write, PLACE);
    engine::fill_bytes(at, value, size);
    return at;
}
WEFT_MODEL_ENTRY void* __tsan_memcpy(void* to, void const* from, std::size_t size) {
    engine::plain(from, size, access::read, PLACE);
    engine::plain(to, size, access::write, PLACE);
    engine::copy_bytes(to, from, size);
    return to;
}
WEFT_MODEL_ENTRY void* __tsan_memmove(void* to, void const* from, std::size_t size) {
    engine::plain(from, size, access::read, PLACE);
    engine::plain(to, size, access::write, PLACE);
    engine::copy_bytes(to, from, size);
    return to;
}
WEFT_MODEL_ENTRY void* __tsan_memset(void* at, int value, std::size_t size) {
    engine::plain(at, size, access::write, PLACE);
    engine::fill_bytes(at, value, size);
    return at;
}
