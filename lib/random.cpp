// SPDX-License-Identifier: MIT
// The generators behind weft/random.hpp: one for each thread, and how seed() reaches all of them.
//
// The generator is xoshiro256++ and its seeding SplitMix64, both by David Blackman and Sebastiano Vigna (https://prng.di.unimi.it;
// "Scrambled linear pseudorandom number generators", ACM Transactions on Mathematical Software 47(4), 2021).
#include "weft/random.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <unordered_map>

namespace weft::detail {
namespace {

// How seed(n) reaches the other threads
//
// Two words are shared. `shared_seed` is the last n. `tickets` holds in its upper half the epoch, which every seed(n) changes, and
// in its lower half the number of the next stream to be handed out in this epoch. A thread remembers the epoch of which it holds a
// stream; before each draw it compares, and when the epoch is another one it takes a ticket: one fetch_add that tells it the epoch
// and a stream that nobody else gets in this epoch.
//
// seed(n) first stores n, then starts an epoch. So whoever takes a ticket of this epoch, or of a later one, finds n in shared_seed,
// or the n of a call that came later still. The second case needs a seed(m) that is between its two steps: then a thread draws from
// m under an epoch before m's, and starts again on m when m's epoch begins. That is the draw "at the same time" of which the header
// says that it may come once more. When two calls overlap, the last store decides for everybody who takes a ticket after both have
// begun their epochs.
//
// Nobody waits for anybody: a draw is wait-free, seed is lock-free (its compare-exchange fails only because another call, or
// another thread's ticket, succeeded).
//
// A lock-free pair of 64-bit words would be exact in the second case too, but there is none in portable C++; a sequence lock would
// be, but a seeding thread that loses its processor half-way would then stop every thread that draws.
//
// Epoch 0 is that of a thread that holds no stream yet. 2^32 threads in one epoch would count over into the next one, which makes
// every thread take another stream of the same seed.
constexpr std::uint32_t unseeded = 1;  // the epoch before the first seed(n): each thread takes its own entropy
constexpr int epoch_shift = 32;

constexpr std::uint32_t epoch_of(std::uint64_t ticket) noexcept { return static_cast<std::uint32_t>(ticket >> epoch_shift); }

constexpr std::uint32_t stream_of(std::uint64_t ticket) noexcept { return static_cast<std::uint32_t>(ticket); }

// The first ticket of the epoch after this one. Stream 0 belongs to the caller of seed, so 1 is the next to be handed out. After
// 2^32 - 2 epochs they begin again, past the two with a meaning of their own.
constexpr std::uint64_t next_epoch(std::uint64_t ticket) noexcept {
    const std::uint32_t epoch = epoch_of(ticket) + 1;
    return (std::uint64_t{std::max(epoch, unseeded + 1)} << epoch_shift) | 1;
}

constinit std::atomic<std::uint64_t> tickets{std::uint64_t{unseeded} << epoch_shift};
constinit std::atomic<std::uint64_t> shared_seed{0};

struct generator {
    std::uint64_t state[4];
    std::uint32_t epoch;  // of which this is a stream
};

// Zero-initialised and trivial: reading it needs no guard, a thread's end no destructor. Epoch 0 makes the first draw seed it.
constinit thread_local generator mine{};

constexpr std::uint64_t golden_gamma = 0x9e3779b97f4a7c15;

// Stream s of n is seeded with the words 4s ... 4s + 3 of the SplitMix64 sequence that starts at n. That sequence passes through
// every word once, so no two streams of an n are seeded alike and no state is all zeros, the one state xoshiro256++ cannot leave.
void start(generator& which, std::uint64_t n, std::uint32_t stream) noexcept {
    std::uint64_t position = n + 4 * std::uint64_t{stream} * golden_gamma;
    for (std::uint64_t& word : which.state) {
        position += golden_gamma;
        std::uint64_t mixed = position;
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
        word = mixed ^ (mixed >> 31);
    }
}

std::uint64_t entropy() noexcept {
    try {
        std::random_device device;
        const std::uint64_t high = device();
        return (high << 32) ^ device();
    } catch (...) {
        // No entropy to be had (a sandbox without it, no file descriptor left). The clock and this thread's address make different
        // numbers at least, which serves better than a draw that throws.
        const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
        return static_cast<std::uint64_t>(now) ^ (reinterpret_cast<std::uintptr_t>(&mine) * golden_gamma);
    }
}

void take_stream(generator& which) noexcept {
    // Relaxed: this looks only at the epoch itself.
    if (epoch_of(tickets.load(std::memory_order_relaxed)) == unseeded) {
        which.epoch = unseeded;
        start(which, entropy(), 0);
        return;
    }
    // Pairs with the compare_exchange in seed(n): its value, or a ticket counted up from it, is what this reads.
    // Makes visible: the n that was stored before that epoch began.
    // If weaker: a thread could take a stream of the seed before, and keep it for the whole epoch.
    const std::uint64_t ticket = tickets.fetch_add(1, std::memory_order_acquire);
    which.epoch = epoch_of(ticket);
    start(which, shared_seed.load(std::memory_order_relaxed), stream_of(ticket));
}

// The calling thread's generator, on the stream it should be on.
generator& current() noexcept {
    // Relaxed: a draw ordered after seed(n) cannot read an older epoch (a load never goes back before a store that happened before
    // it), and what belongs to the epoch is read by take_stream.
    if (mine.epoch != epoch_of(tickets.load(std::memory_order_relaxed))) [[unlikely]]
        take_stream(mine);
    return mine;
}

// One step of xoshiro256++.
std::uint64_t next(generator& which) noexcept {
    auto& s = which.state;
    const std::uint64_t result = std::rotl(s[0] + s[3], 23) + s[0];
    const std::uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = std::rotl(s[3], 45);
    return result;
}

[[noreturn]] void fail(const std::string& message) { throw std::invalid_argument(message); }

}  // namespace

std::uint64_t random_word() noexcept {
    WEFT_COMPILER_BARRIER();
    return next(current());
}

std::uint64_t random_below(std::uint64_t bound) noexcept {
    WEFT_COMPILER_BARRIER();
    // As many bits as bound - 1 has, drawn again while they are too large: fewer than two draws on average, and no bias.
    // Multiplying instead saves the second draw but needs 128-bit integers, which C++ does not have.
    const int unused_bits = std::countl_zero(bound - 1);
    if (unused_bits == 64) return 0;
    generator& which = current();
    std::uint64_t value = next(which) >> unused_bits;
    while (value >= bound) value = next(which) >> unused_bits;
    return value;
}

std::vector<std::uint64_t> random_choices(std::uint64_t size, std::uint64_t k) {
    if (size == 0 && k != 0) throw_random_empty("choices");
    std::vector<std::uint64_t> positions(k);
    for (std::uint64_t& position : positions) position = random_below(size);
    return positions;
}

std::vector<std::uint64_t> random_choices(std::uint64_t size, std::vector<double> weights, std::uint64_t k) {
    if (weights.size() != size) {
        fail("choices: " + std::to_string(size) + " elements but " + std::to_string(weights.size()) +
             " weights; give each element one weight");
    }
    if (size == 0 && k != 0) throw_random_empty("choices");
    double sum = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        if (!(weights[i] >= 0)) {  // and not `< 0`, which would let nan pass
            fail("choices: weight " + std::to_string(i) + " is " + std::to_string(weights[i]) + "; give weights of 0 or more");
        }
        sum += weights[i];
        weights[i] = sum;
    }
    if (k == 0 && size == 0) return {};
    if (!(sum > 0)) fail("choices: every weight is 0; give at least one element a weight above 0");
    if (!std::isfinite(sum)) fail("choices: the weights add up to more than a double holds; give finite, smaller weights");

    // The element whose share of [0, sum) holds the drawn number is the first whose running sum is above it. The search ends at the
    // last element that has a share: rounding can give the sum itself, when that is a subnormal number.
    const auto last = std::ranges::lower_bound(weights, sum);
    std::vector<std::uint64_t> positions(k);
    for (std::uint64_t& position : positions) {
        const auto found = std::upper_bound(weights.begin(), last, random::random() * sum);
        position = static_cast<std::uint64_t>(found - weights.begin());
    }
    return positions;
}

std::vector<std::uint64_t> random_sample(std::uint64_t size, std::uint64_t k) {
    if (k > size) {
        fail("sample: k is " + std::to_string(k) + " but the range has " + std::to_string(size) +
             " elements; ask for fewer, or use choices, which may choose an element twice");
    }
    // The first k steps of a Fisher-Yates shuffle of the positions: step i swaps place i with any place from i on.
    if (size / 8 <= k) {
        std::vector<std::uint64_t> positions(size);
        std::iota(positions.begin(), positions.end(), std::uint64_t{0});
        for (std::uint64_t i = 0; i < k; ++i) std::swap(positions[i], positions[i + random_below(size - i)]);
        positions.resize(k);
        return positions;
    }
    // For a few out of many, the same steps with only those places written down that do not hold their own number.
    std::unordered_map<std::uint64_t, std::uint64_t> moved;
    moved.reserve(2 * k);
    const auto at = [&moved](std::uint64_t place) {
        const auto found = moved.find(place);
        return found == moved.end() ? place : found->second;
    };
    std::vector<std::uint64_t> positions(k);
    for (std::uint64_t i = 0; i < k; ++i) {
        const std::uint64_t place = i + random_below(size - i);
        positions[i] = at(place);
        moved[place] = at(i);  // place i itself is never looked at again
    }
    return positions;
}

void throw_randint_crossed(const std::string& lower, const std::string& upper) {
    fail("randint(" + lower + ", " + upper + "): the lower end is above the upper; swap them");
}

void throw_randint_mixed(const std::string& negative) {
    fail("randint: the end " + negative +
         " is negative, but the other end's type makes the result unsigned; give both ends one "
         "signed type");
}

void throw_random_empty(const char* function) {
    fail(std::string(function) + ": the range is empty; give it at least one element, or check for that first");
}

void throw_random_negative_count(const char* function, const std::string& k) {
    fail(std::string(function) + ": k is " + k + "; ask for 0 or more elements");
}

}  // namespace weft::detail

namespace weft::random {

void seed(std::uint64_t n) noexcept {
    WEFT_COMPILER_BARRIER();
    // Relaxed: published by the compare_exchange that follows.
    detail::shared_seed.store(n, std::memory_order_relaxed);
    std::uint64_t seen = detail::tickets.load(std::memory_order_relaxed);
    // Pairs with the fetch_add in take_stream.
    // Makes visible: the n just stored, to every thread that takes a ticket of this epoch or a later one.
    // If weaker: a thread could see the new epoch and still read the old seed.
    while (!detail::tickets.compare_exchange_weak(seen, detail::next_epoch(seen), std::memory_order_release,
                                                  std::memory_order_relaxed)) {
    }
    detail::mine.epoch = detail::epoch_of(detail::next_epoch(seen));
    detail::start(detail::mine, n, 0);
}

void seed() noexcept { seed(detail::entropy()); }

}  // namespace weft::random
