// SPDX-License-Identifier: MIT
#include "chaos.hpp"

#include <sys/syscall.h>
#include <unistd.h>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace weft::model::chaos {

constinit bool switched_on = false;

namespace {

constinit std::uint64_t seed = 0;
constinit std::atomic<std::uint64_t> threads{0};

// How a thread behaves for a while, so that now and then one is much slower than the others: it pauses at one in 2^rarity points.
struct mood {
    std::uint64_t random = 0;  // 0: the thread has not been here
    std::uint32_t points_left = 0;
    std::uint32_t rarity = 0;
};
constinit thread_local mood mine;

constexpr std::uint32_t points_per_mood = 512;

[[gnu::constructor]] void read_environment() noexcept {
    char const* const given = std::getenv("WEFT_CHAOS");
    if (given == nullptr) return;
    seed = std::strtoull(given, nullptr, 0);
    switched_on = seed != 0;
}

// The finaliser of MurmurHash3: every bit of the seed and of the thread's number counts for every bit.
constexpr std::uint64_t mix(std::uint64_t bits) noexcept {
    bits = (bits ^ bits >> 33) * 0xff51'afd7'ed55'8ccd;
    bits = (bits ^ bits >> 33) * 0xc4ce'b9fe'1a85'ec53;
    return bits ^ bits >> 33;
}

// xorshift64*, G. Marsaglia and S. Vigna; the upper bits are the good ones.
std::uint32_t draw() noexcept {
    std::uint64_t& random = mine.random;
    random ^= random >> 12;
    random ^= random << 25;
    random ^= random >> 27;
    return static_cast<std::uint32_t>(random * 0x2545'f491'4f6c'dd1d >> 32);
}

void change_mood() noexcept {
    if (mine.random == 0) mine.random = mix(seed + threads.fetch_add(1, std::memory_order_relaxed) * 0x9e37'79b9'7f4a'7c15) | 1;
    constexpr std::uint32_t rarities[] = {4, 6, 8, 8, 10, 10, 12, 12};
    mine.rarity = rarities[draw() % 8];
    mine.points_left = 1 + draw() % points_per_mood;
}

void spin(std::uint32_t pauses) noexcept {
    for (; pauses > 0; --pauses) __builtin_ia32_pause();
}

}  // namespace

void pause_perhaps() noexcept {
    if (mine.points_left == 0) change_mood();
    --mine.points_left;
    std::uint32_t const random = draw();
    if (random >> (32 - mine.rarity) != 0) return;
    std::uint32_t const what = random & 0x3f;
    std::uint32_t const length = random >> 6 & 0x3f;
    // The system calls themselves: the C library's functions are the checker's, which come here. They may set errno.
    int const before = errno;
    if (what >= 8) {
        spin(length < 60 ? 1 + length : 16 * length);  // some hundred nanoseconds, now and then some ten microseconds
    } else if (what > 0) {
        syscall(SYS_sched_yield);  // few: where other programs want the processor, too, this one is away for milliseconds
    } else {
        std::timespec const some{0, 1'000 + static_cast<long>(length) * 1'000};
        syscall(SYS_nanosleep, &some, nullptr);
    }
    errno = before;
}

}  // namespace weft::model::chaos
