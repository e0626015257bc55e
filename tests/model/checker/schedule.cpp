// SPDX-License-Identifier: MIT
#include "schedule.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "execution.hpp"

namespace weft::model::engine {

namespace {

enum class kind : char { way = 'w', store = 's', one = 'c' };

struct choice {
    std::uint16_t taken;
    std::uint16_t count;
    kind of;
};

std::vector<choice> path;  // from the root of the tree to where the execution is
std::size_t position = 0;
std::size_t given = 0;  // so many at the front of path are known before they are asked for
enum { search, random_walk, replay, defaults } mode = search;
std::uint64_t random_state = 0;

// splitmix64 (Steele, Lea & Flood, 2014)
std::uint64_t random_number() noexcept {
    std::uint64_t z = (random_state += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31U);
}

[[noreturn, gnu::cold]] void another_question(choice const& before, int count, kind of) noexcept {
    std::array<char, 240> text{};
    std::snprintf(
        text.data(), text.size(),
        "nondeterminism: choice %zu was one of %d ('%c') before and is one of %d ('%c') now. The body depends on something "
        "that is not made anew for each execution",
        position, before.count, static_cast<char>(before.of), count, static_cast<char>(of));
    fail(text.data());
}

int choose(int count, kind of) noexcept {
    if (count == 1 || mode == defaults) return 0;
    if (position < given) {
        choice& known = path[position];
        if (known.count == 0) {  // replayed from a text, which does not say of how many
            known.count = static_cast<std::uint16_t>(count);
            known.of = of;
            if (known.taken >= count) another_question(known, count, of);
        }
        if (known.count != count || known.of != of) [[unlikely]]
            another_question(known, count, of);
        return path[position++].taken;
    }
    engine_scope const engine;
    std::uint16_t taken = 0;
    // Half of the steps go on with the present thread, and half of the loads read the latest store.
    if (mode == random_walk) {
        std::uint64_t const random = random_number();
        if (of == kind::one || (random & 1U) != 0)
            taken = static_cast<std::uint16_t>((random >> 1U) % static_cast<unsigned>(count));
    }
    path.push_back({taken, static_cast<std::uint16_t>(count), of});
    ++position;
    return taken;
}

}  // namespace

int choose_way(int count) noexcept { return choose(count, kind::way); }
int choose_store(int count) noexcept { return choose(count, kind::store); }
int choose_one(int count) noexcept { return choose(count, kind::one); }

namespace choices {

namespace {
void begin(decltype(mode) how) {
    mode = how;
    path.clear();
    position = given = 0;
}
}  // namespace

void begin_search() { begin(search); }

bool next_of_search() {
    path.resize(position);
    while (!path.empty() && path.back().taken + 1 >= path.back().count) path.pop_back();
    position = 0;
    given = path.size();
    if (path.empty()) return false;
    ++path.back().taken;
    return true;
}

void begin_random(std::uint64_t seed) {
    begin(random_walk);
    random_state = seed;
}

void begin_defaults() { begin(defaults); }

// "0*12,1,0,2": a choice, and how often in a row.
void begin_replay(std::string const& text) {
    begin(replay);
    for (char const* at = text.c_str(); *at != 0;) {
        char* end = nullptr;
        auto const taken = static_cast<std::uint16_t>(std::strtoul(at, &end, 10));
        std::size_t repeated = 1;
        if (*end == '*') repeated = std::strtoul(end + 1, &end, 10);
        path.insert(path.end(), repeated, {taken, 0, kind::way});
        if (end == at) break;
        at = *end == ',' ? end + 1 : end;
    }
    given = path.size();
}

bool all_asked() noexcept { return position >= given; }

std::string text() {
    std::string all;
    for (std::size_t i = 0; i < position;) {
        std::size_t next = i + 1;
        while (next < position && path[next].taken == path[i].taken) ++next;
        if (!all.empty()) all += ',';
        all += std::to_string(path[i].taken);
        if (next - i > 1) all += '*' + std::to_string(next - i);
        i = next;
    }
    return all.empty() ? "0" : all;
}

}  // namespace choices

}  // namespace weft::model::engine
