// SPDX-License-Identifier: MIT
// The only file that asks which compiler, system or sanitizer it is built with. Everything else reads the names below.
#pragma once

#if !defined(__cpp_impl_coroutine)
#error "weft needs C++20 coroutines: compile with -std=c++20 (g++ 12 or newer, clang 16 or newer)"
#endif

// Sanitizers, as g++ (macros) and clang (features) announce them.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEFT_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define WEFT_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define WEFT_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define WEFT_TSAN 1
#endif
// WEFT_MODEL: built for the model checker of tests/model/, which takes the thread sanitizer's place behind the compiler, but wants
// to see what users get.
#if defined(WEFT_MODEL)
#undef WEFT_TSAN
#endif
#if !defined(WEFT_ASAN)
#define WEFT_ASAN 0
#endif
#if !defined(WEFT_TSAN)
#define WEFT_TSAN 0
#endif

// WEFT_NOINLINE: a call that stays a call.
// WEFT_NOIPA:    a call of which the caller may assume nothing. Functions that read a thread_local carry it, because compilers keep
//                what they learnt about the thread across a suspension point (llvm issue 47179), and a coroutine may resume on
//                another thread. g++ has an attribute for it; on clang the function body adds WEFT_COMPILER_BARRIER().
// WEFT_KEEP_IN_REGISTER(pointer): the compiler may not load it together with a neighbour. g++ likes to read two of them at once, by
//                a vector load, for which the processor must wait until both of their stores have left its store buffer; in a small
//                gather that costs a quarter of the time.
#if defined(__clang__)
#define WEFT_NOINLINE [[gnu::noinline]]
#define WEFT_NOIPA [[gnu::noinline]]
#elif defined(__GNUC__)
#define WEFT_NOINLINE [[gnu::noinline]]
#define WEFT_NOIPA [[gnu::noinline, gnu::noipa]]
#else
#define WEFT_NOINLINE
#define WEFT_NOIPA
#endif

#if defined(__GNUC__)
#define WEFT_COMPILER_BARRIER() asm volatile("" ::: "memory")
#define WEFT_KEEP_IN_REGISTER(pointer) asm("" : "+r"(pointer))
#define WEFT_ALWAYS_INLINE [[gnu::always_inline]] inline
#else
#define WEFT_COMPILER_BARRIER() (void)0
#define WEFT_KEEP_IN_REGISTER(pointer) (void)0
#define WEFT_ALWAYS_INLINE inline
#endif

// WEFT_STACK_ADDRESS(): where on its stack the thread is now. 0, unknown: then nothing runs on top of anything else.
#if defined(__GNUC__)
#define WEFT_STACK_ADDRESS() reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0))
#else
#define WEFT_STACK_ADDRESS() std::uintptr_t{0}
#endif

// WEFT_NOINLINE_SUSPEND: on every await_suspend that lets another thread see the coroutine. Before clang 19 an inlined
// await_suspend may use the frame as scratch space after it was published (llvm issue 56301, fixed by pull request 79712).
#if defined(__clang__) && __clang_major__ < 19
#define WEFT_NOINLINE_SUSPEND [[gnu::noinline]]
#else
#define WEFT_NOINLINE_SUSPEND
#endif

// WEFT_TAIL_CALLS: 1 where returning a handle from await_suspend is certain to be a tail call, whatever the optimisation level.
// g++ promises it only from -O2 on and without a sanitizer (bug 100897), and no macro tells -O1 from -O2; clang before 19 may lose
// it. Where it is 0, every transfer first looks how deep the stack is (lib/README.md, "Stack and turns").
#if defined(__clang__) && __clang_major__ >= 19
#define WEFT_TAIL_CALLS 1
#else
#define WEFT_TAIL_CALLS 0
#endif

// WEFT_SPIN_PAUSE(): tells the processor that this thread is spinning.
#if defined(WEFT_MODEL)
extern "C" void weft_model_pause();
#define WEFT_SPIN_PAUSE() weft_model_pause()
#elif defined(__x86_64__) || defined(__i386__)
#define WEFT_SPIN_PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define WEFT_SPIN_PAUSE() asm volatile("isb" ::: "memory")
#else
#define WEFT_SPIN_PAUSE() (void)0
#endif

// WEFT_PREFETCH_FOR_WRITE(p): begins to fetch the cache line at p, which will be written to. p need not point to anything.
#if defined(__GNUC__)
#define WEFT_PREFETCH_FOR_WRITE(p) __builtin_prefetch(p, 1)
#else
#define WEFT_PREFETCH_FOR_WRITE(p) (void)(p)
#endif

// WEFT_FIXED_TLS: a thread_local at an offset known when the program is loaded, so that reading it is one instruction.
#if defined(__GNUC__)
#define WEFT_FIXED_TLS [[gnu::tls_model("initial-exec")]]
#else
#define WEFT_FIXED_TLS
#endif

// WEFT_API: what a shared libweft exports.
#if defined(__GNUC__)
#define WEFT_API [[gnu::visibility("default")]]
#else
#define WEFT_API
#endif

namespace weft::detail::config {

inline constexpr bool asan = WEFT_ASAN != 0;
inline constexpr bool tsan = WEFT_TSAN != 0;
inline constexpr bool tail_calls = WEFT_TAIL_CALLS != 0;

// Bytes between two things that different threads write. 128 and not 64: x86 fetches lines in pairs (Intel 64 and IA-32
// Architectures Optimization Reference Manual, "Spatial Prefetcher"), and Apple's AArch64 cores have 128-byte lines.
inline constexpr int destructive_interference = 128;

}  // namespace weft::detail::config
