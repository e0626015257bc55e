// SPDX-License-Identifier: MIT
// POSIX threads, as the standard library uses them.
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <cerrno>

#include "entry.hpp"
#include "pthreads.hpp"
#include "trace.hpp"

namespace weft::model::engine {

void* next_function(char const* name) noexcept { return dlsym(RTLD_NEXT, name); }

namespace {

// Threads of an execution have these names; real ones are addresses.
constexpr pthread_t first_name = 0x1000;
pthread_t name_of(model_thread const& thread) noexcept { return first_name + static_cast<pthread_t>(thread.id); }
model_thread& thread_of(pthread_t name) noexcept {
    if (name - first_name >= static_cast<pthread_t>(execution.thread_count)) fail("no such thread");
    return execution.threads[name - first_name];
}

std::int64_t nanoseconds(std::timespec const* at) noexcept { return at->tv_sec * 1'000'000'000 + at->tv_nsec; }

bool is_recursive(pthread_mutex_t const* mutex) noexcept { return (mutex->__data.__kind & 3) == PTHREAD_MUTEX_RECURSIVE_NP; }

}  // namespace

}  // namespace weft::model::engine

using weft::model::engine::entry;
using weft::model::engine::in_model;
namespace engine = weft::model::engine;
namespace pthreads = weft::model::engine::pthreads;

// An entry that an execution does not see calls the real function.
#define OUTSIDE(name, ...)                                                \
    if (!in_model) {                                                      \
        static decltype(::name)* known = nullptr;                         \
        return engine::real<decltype(::name)>(#name, known)(__VA_ARGS__); \
    }                                                                     \
    entry const in(__builtin_return_address(0))

WEFT_MODEL_ENTRY int pthread_create(pthread_t* name, pthread_attr_t const* how, void* (*start)(void*), void* argument) noexcept {
    OUTSIDE(pthread_create, name, how, start, argument);
    engine::model_thread const& made = engine::start_thread(start, argument);
    *name = engine::name_of(made);
    engine::trace::event("starts T", made.id);
    return 0;
}
WEFT_MODEL_ENTRY int pthread_join(pthread_t name, void** result) {
    OUTSIDE(pthread_join, name, result);
    engine::model_thread& other = engine::thread_of(name);
    engine::join_thread(other);
    if (result != nullptr) *result = other.result;
    return 0;
}
WEFT_MODEL_ENTRY int pthread_detach(pthread_t name) noexcept {
    OUTSIDE(pthread_detach, name);
    engine::thread_of(name).detached = true;
    return 0;
}
WEFT_MODEL_ENTRY pthread_t pthread_self() noexcept {
    if (in_model) return engine::name_of(engine::me());
    static decltype(::pthread_self)* known = nullptr;
    return engine::real<decltype(::pthread_self)>("pthread_self", known)();
}
WEFT_MODEL_ENTRY int pthread_setname_np(pthread_t thread, char const* text) noexcept {
    OUTSIDE(pthread_setname_np, thread, text);
    return 0;
}
WEFT_MODEL_ENTRY int sched_yield() noexcept {
    OUTSIDE(sched_yield);
    engine::pause();
    return 0;
}

WEFT_MODEL_ENTRY int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
    OUTSIDE(pthread_mutex_lock, mutex);
    pthreads::lock(mutex, engine::is_recursive(mutex), false, 0);
    return 0;
}
WEFT_MODEL_ENTRY int pthread_mutex_timedlock(pthread_mutex_t* mutex, std::timespec const* deadline) noexcept {
    OUTSIDE(pthread_mutex_timedlock, mutex, deadline);
    return pthreads::lock(mutex, engine::is_recursive(mutex), true, engine::nanoseconds(deadline)) ? 0 : ETIMEDOUT;
}
WEFT_MODEL_ENTRY int pthread_mutex_clocklock(pthread_mutex_t* mutex, clockid_t clock, std::timespec const* deadline) noexcept {
    OUTSIDE(pthread_mutex_clocklock, mutex, clock, deadline);
    return pthreads::lock(mutex, engine::is_recursive(mutex), true, engine::nanoseconds(deadline)) ? 0 : ETIMEDOUT;
}
WEFT_MODEL_ENTRY int pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept {
    OUTSIDE(pthread_mutex_trylock, mutex);
    return pthreads::try_lock(mutex, engine::is_recursive(mutex)) ? 0 : EBUSY;
}
WEFT_MODEL_ENTRY int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
    OUTSIDE(pthread_mutex_unlock, mutex);
    pthreads::unlock(mutex);
    return 0;
}
WEFT_MODEL_ENTRY int pthread_mutex_destroy(pthread_mutex_t* mutex) noexcept {
    OUTSIDE(pthread_mutex_destroy, mutex);
    return 0;
}

WEFT_MODEL_ENTRY int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
    OUTSIDE(pthread_cond_wait, condition, mutex);
    pthreads::wait(condition, mutex, false, 0);
    return 0;
}
WEFT_MODEL_ENTRY int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, std::timespec const* deadline) {
    OUTSIDE(pthread_cond_timedwait, condition, mutex, deadline);
    return pthreads::wait(condition, mutex, true, engine::nanoseconds(deadline)) ? 0 : ETIMEDOUT;
}
WEFT_MODEL_ENTRY int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                                            std::timespec const* deadline) {
    OUTSIDE(pthread_cond_clockwait, condition, mutex, clock, deadline);
    return pthreads::wait(condition, mutex, true, engine::nanoseconds(deadline)) ? 0 : ETIMEDOUT;
}
WEFT_MODEL_ENTRY int pthread_cond_signal(pthread_cond_t* condition) noexcept {
    OUTSIDE(pthread_cond_signal, condition);
    pthreads::notify_one(condition);
    return 0;
}
WEFT_MODEL_ENTRY int pthread_cond_broadcast(pthread_cond_t* condition) noexcept {
    OUTSIDE(pthread_cond_broadcast, condition);
    pthreads::notify_all(condition);
    return 0;
}
WEFT_MODEL_ENTRY int pthread_cond_destroy(pthread_cond_t* condition) noexcept {
    OUTSIDE(pthread_cond_destroy, condition);
    return 0;
}
