// SPDX-License-Identifier: MIT
// The C++ runtime's own: local statics, destructors of thread_locals, and the end of the program.
#include <cxxabi.h>
#include <cstdlib>
#include <string>

#include "entry.hpp"
#include "memory.hpp"
#include "pthreads.hpp"

using weft::model::engine::entry;
using weft::model::engine::in_model;
namespace engine = weft::model::engine;

#define PLACE __builtin_return_address(0)

namespace {
using guard = abi::__guard;  // its first byte tells that the object is there (Itanium C++ ABI 3.3.3)
}

WEFT_MODEL_ENTRY int __cxa_guard_acquire(guard* of) {
    if (!in_model) {
        static int (*known)(guard*) = nullptr;
        return engine::real<int(guard*)>("__cxa_guard_acquire", known)(of);
    }
    entry const in(PLACE);
    return engine::pthreads::begin_once(of) ? 1 : 0;
}
WEFT_MODEL_ENTRY void __cxa_guard_release(guard* of) noexcept {
    if (!in_model) {
        static void (*known)(guard*) = nullptr;
        return engine::real<void(guard*)>("__cxa_guard_release", known)(of);
    }
    entry const in(PLACE);
    engine::memory::store(reinterpret_cast<std::uintptr_t>(of), 1, 1, __ATOMIC_RELEASE);
    engine::pthreads::end_once(of, true);
}
WEFT_MODEL_ENTRY void __cxa_guard_abort(guard* of) noexcept {
    if (!in_model) {
        static void (*known)(guard*) = nullptr;
        return engine::real<void(guard*)>("__cxa_guard_abort", known)(of);
    }
    entry const in(PLACE);
    engine::pthreads::end_once(of, false);
}

WEFT_MODEL_ENTRY int __cxa_thread_atexit(void (*destroy)(void*), void* object, void* library) noexcept {
    if (!in_model) {
        static int (*known)(void (*)(void*), void*, void*) = nullptr;
        return engine::real<int(void (*)(void*), void*, void*)>("__cxa_thread_atexit", known)(destroy, object, library);
    }
    entry const in(PLACE);
    engine::me().at_exit.push_back({destroy, object});
    return 0;
}
// Local statics of an execution go with it.
WEFT_MODEL_ENTRY int __cxa_atexit(void (*destroy)(void*), void* object, void* library) noexcept {
    if (in_model) return 0;
    static int (*known)(void (*)(void*), void*, void*) = nullptr;
    return engine::real<int(void (*)(void*), void*, void*)>("__cxa_atexit", known)(destroy, object, library);
}

WEFT_MODEL_ENTRY void abort() noexcept {
    if (in_model) {
        engine::me().place = PLACE;
        engine::fail("abort");
    }
    static void (*known)() = nullptr;
    engine::real<void()>("abort", known)();
    __builtin_unreachable();
}
WEFT_MODEL_ENTRY void __assert_fail(char const* text, char const* file, unsigned line, char const* function) noexcept {
    if (in_model) {
        engine::me().place = PLACE;
        in_model = false;
        engine::fail((std::string("assertion: ") + text).c_str());
    }
    static void (*known)(char const*, char const*, unsigned, char const*) = nullptr;
    engine::real<void(char const*, char const*, unsigned, char const*)>("__assert_fail", known)(text, file, line, function);
    __builtin_unreachable();
}
