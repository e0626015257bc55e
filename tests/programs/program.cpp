// SPDX-License-Identifier: MIT
#include "programs/program.hpp"

#include <algorithm>
#include <array>
#include <ostream>
#include <string>

namespace weft::test {

namespace {

struct kind_of_node {
    char const* name;
    unsigned least;  // children
    unsigned most;
};

constexpr std::array<kind_of_node, static_cast<std::size_t>(kind::count_)> kinds{{
    {"value", 0, 0},
    {"fail", 0, 0},
    {"sleep", 0, 0},
    {"sleep_until", 0, 0},
    {"yield", 0, 0},
    {"ticks", 0, 0},
    {"hop", 0, 0},
    {"thread", 0, 0},
    {"thread_fails", 0, 0},
    {"elsewhere", 0, 0},
    {"who", 0, 0},
    {"guarded", 1, 1},
    {"cleanup", 1, 1},
    {"replaced", 1, 1},
    {"spawn_await", 1, 1},
    {"spawn_named", 1, 1},
    {"spawn_look", 1, 1},
    {"spawn_twice", 1, 1},
    {"spawn_shared", 1, 1},
    {"spawn_detached", 1, 1},
    {"spawn_cancelled", 1, 1},
    {"spawn_cancels_itself", 1, 1},
    {"spawn_takes_back", 1, 1},
    {"context_set", 1, 1},
    {"context_scoped", 1, 1},
    {"wait_for", 1, 1},
    {"shielded", 1, 1},
    {"shielded_handle", 1, 1},
    {"time_limit", 2, 2},
    {"spawn_around", 2, 2},
    {"gather_mixed", 2, 2},
    {"first_tuple", 2, 2},
    {"results_tuple", 2, 2},
    {"sequence", 0, 6},
    {"gather_tuple", 2, 3},
    {"gather_vector", 0, 6},
    {"gather_void", 0, 6},
    {"gather_handles", 0, 6},
    {"gather_limit", 0, 6},
    {"gather_wide", 1, 2},
    {"results_vector", 0, 6},
    {"results_limit", 0, 6},
    {"first_vector", 1, 5},
    {"wait", 1, 4},
    {"as_completed", 0, 4},
    {"group", 1, 5},
}};

kind_of_node const& about(kind what) { return kinds[static_cast<std::size_t>(what)]; }

constexpr unsigned leaves = static_cast<unsigned>(kind::who) + 1;
constexpr unsigned deepest = 12;
// Beyond it every node is a leaf; one on each level may still be owed.
constexpr unsigned budget = most_nodes - deepest - 2;

class maker {
public:
    explicit maker(choices& from) : from_(from) {}

    program make() {
        program made;
        // The first byte is about where and how, the second about how much.
        unsigned const how = from_.below(256);
        made.workers = std::array{1u, 2u, 8u}[how % 3];
        made.clock = how / 3 % 4 == 3 ? program::clock_kind::real : program::clock_kind::paused;
        made.submitted = how / 12 % 8 == 7;
        made.waits = made.submitted || how / 96 != 1;
        left_ = 1 + from_.below(budget);
        made.root = grow(0);
        made.nodes = next_;
        return made;
    }

private:
    std::unique_ptr<node> grow(unsigned depth) {
        auto made = std::make_unique<node>();
        made->id = next_++;
        if (left_ > 0) --left_;
        unsigned const chosen = from_.below(256);
        // Of three nodes that could have children one has none.
        bool const is_leaf = left_ == 0 || depth == deepest || (depth > 0 && chosen % 3 == 0);
        made->what =
            is_leaf ? leaf(chosen / 3) : static_cast<kind>(leaves + chosen % (static_cast<unsigned>(kind::count_) - leaves));
        made->variant = from_.below(256);
        made->time = made->variant % 8 == 0 ? 0 : 1 + made->variant / 8 % 15;
        auto const [name, least, most] = about(made->what);
        unsigned const children = most > least ? least + from_.below(most - least + 1) : least;
        for (unsigned number = 0; number < children && (number < least || left_ > 0); ++number) {
            made->children.push_back(grow(depth + 1));
        }
        return made;
    }

    // Half of the leaves sleep, or fail.
    static kind leaf(unsigned chosen) {
        if (chosen % 4 == 1) return kind::sleep;
        if (chosen % 8 == 2) return kind::fail;
        return static_cast<kind>(chosen % leaves);
    }

    choices& from_;
    unsigned next_ = 0;
    unsigned left_ = 0;
};

void print(std::ostream& out, node const& one, unsigned depth) {
    out << std::string(std::size_t{depth} * 2, ' ') << one.id << ' ' << name_of(one.what) << " time " << one.time << " ("
        << length_of(one) << " ns) variant " << one.variant << '\n';
    for (auto const& child : one.children) print(out, *child, depth + 1);
}

}  // namespace

char const* name_of(kind what) noexcept { return about(what).name; }

program make_program(choices& from) { return maker(from).make(); }

std::ostream& operator<<(std::ostream& out, program const& one) {
    out << (one.submitted ? "submitted to " : "run on ") << one.workers << " worker(s), "
        << (one.clock == program::clock_kind::real ? "real clock" : "paused clock")
        << (one.waits ? ", main waits for all" : ", main waits for nobody") << '\n';
    print(out, *one.root, 1);
    return out;
}

// The low bits tell the node, the high ones who is earlier. Of sums that are the same the oracle allows both orders. A tick of the
// timers is 2^14 ns.
std::int64_t length_of(node const& one) noexcept {
    if (one.time == 0) return 0;
    return (std::int64_t{one.time} << 33) + (std::int64_t{1} << (17 + one.id % 16));
}

std::int64_t other_length_of(node const& one) noexcept {
    return (std::int64_t{1 + one.variant % 7} << 34) + (std::int64_t{1} << 16);
}

namespace {

std::int64_t at_most(node const& one) noexcept {
    std::int64_t sum = 2 * (length_of(one) + other_length_of(one));
    for (auto const& child : one.children) sum += at_most(*child);
    return sum;
}

}  // namespace

std::int64_t horizon_of(program const& one) noexcept { return at_most(*one.root); }

}  // namespace weft::test
