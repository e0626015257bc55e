// SPDX-License-Identifier: MIT
// Ten thousand random programs of spawn, gather, sleep, yield, throw and nested awaits, on 1, 2 and 8 workers, against an oracle
// that runs them one step after the other. Values, exceptions and how often everything ran must agree, whatever the schedule; where
// the main task waits for nobody, what it comes to must still agree, and nothing may run too often or be left.
#include "support/catch.hpp"
#include "support/counted.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/watchdog.hpp"

#include <weft/detail/config.hpp>
#include <weft/weft.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

using namespace std::chrono_literals;

namespace {

namespace config = weft::detail::config;

int const programs = weft::test::scaled(config::tsan || config::asan ? 3'000 : 10'000);

// ---- What a program is

enum class kind {
    leaf,            // a value, or an exception, perhaps after a sleep or a yield
    sequence,        // awaits its children one after the other
    gather_tuple,    // gather(a, b) or gather(a, b, c)
    gather_vector,   // gather(vector)
    gather_void,     // gather(vector of task<void>)
    results_tuple,   // gather(return_exceptions, a, b)
    results_vector,  // gather(return_exceptions, vector)
    gather_mixed,    // gather(a, the handle of a spawned b, sleep)
    gather_handles,  // spawns all, then gathers the named handles
    spawn_await,     // co_await spawn(a)
    spawn_twice,     // awaits one handle twice
    spawn_shared,    // two tasks await one handle
    spawn_around,    // spawns a, awaits b, then the handle of a: if b throws, nobody awaits a
    spawn_detached,  // drops the handle
    guarded,         // try { a } catch (...) {}
};

constexpr std::array names{"leaf",          "sequence",       "gather_tuple", "gather_vector",  "gather_void",
                           "results_tuple", "results_vector", "gather_mixed", "gather_handles", "spawn_await",
                           "spawn_twice",   "spawn_shared",   "spawn_around", "spawn_detached", "guarded"};

enum class pause { none, yield, sleep };

struct node {
    int id = 0;
    kind what = kind::leaf;
    pause before = pause::none;
    int microseconds = 0;
    bool throws = false;
    std::vector<std::unique_ptr<node>> children;

    node const& operator[](std::size_t which) const { return *children[which]; }
};

void print(std::ostream& out, node const& one, int depth = 0) {
    out << std::string(static_cast<std::size_t>(depth) * 2, ' ') << one.id << ' ' << names[static_cast<std::size_t>(one.what)];
    if (one.before == pause::yield) out << " after a yield";
    if (one.before == pause::sleep) out << " after " << one.microseconds << " us";
    if (one.throws) out << " throws";
    out << '\n';
    for (auto const& child : one.children) print(out, *child, depth + 1);
}

class generator {
public:
    explicit generator(std::uint64_t seed) : engine_(seed) {}

    std::unique_ptr<node> program() { return grow(1 + below(40)); }
    int nodes() const { return next_id_; }

private:
    int below(int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(engine_); }

    std::unique_ptr<node> grow(int budget) {
        auto made = std::make_unique<node>();
        made->id = next_id_++;
        made->before = static_cast<pause>(std::max(0, below(6) - 3));
        made->microseconds = below(4) == 0 ? 0 : below(60);
        if (budget <= 1) {
            made->throws = below(6) == 0;
            return made;
        }
        made->what = static_cast<kind>(1 + below(static_cast<int>(names.size()) - 1));
        int children = 0;
        switch (made->what) {
            case kind::gather_tuple:
                children = 2 + below(2);
                break;
            case kind::results_tuple:
            case kind::gather_mixed:
            case kind::spawn_around:
                children = 2;
                break;
            case kind::sequence:
            case kind::gather_vector:
            case kind::gather_void:
            case kind::results_vector:
            case kind::gather_handles:
                children = below(1 + std::min(budget, 9));
                break;
            default:
                children = 1;
        }
        for (int left = children; left > 0; --left) {
            const int share = left == 1 ? budget - 1 : 1 + below(std::max(1, budget / left));
            made->children.push_back(grow(share));
            budget = std::max(1, budget - share);
        }
        return made;
    }

    std::mt19937_64 engine_;
    int next_id_ = 0;
};

// ---- What is agreed between weft and the oracle

using value = std::uint64_t;

value mix(value sum, value next) { return sum * 1'000'003 + next; }

struct failure : std::runtime_error {
    explicit failure(int number) : std::runtime_error("thrown by node " + std::to_string(number)), id(number) {}
    int id;
};

// Exceptions need not be std::exceptions.
struct oddity {
    int id;
};

[[noreturn]] void fail(int id) {
    if (id % 3 == 0) throw oddity{id};
    throw failure(id);
}

constexpr int unknown_exception = -2;

int id_of(std::exception_ptr const& thrown) {
    try {
        std::rethrow_exception(thrown);
    } catch (failure const& known) {
        return known.id;
    } catch (oddity const& known) {
        return known.id;
    } catch (...) {
        return unknown_exception;
    }
}

// What a failed child counts for, where its failure is a result: not which exception it was, for that is up to the schedule.
constexpr value failed_value = 77;

// ---- On weft

constexpr int nothing_caught = -1;

struct context {
    explicit context(int nodes)
        : ran(static_cast<std::size_t>(nodes)), ended(static_cast<std::size_t>(nodes)), caught(static_cast<std::size_t>(nodes)) {
        for (auto& each : caught) each.store(nothing_caught);
    }

    void catch_one(node const& from, std::exception_ptr const& thrown) {
        caught[static_cast<std::size_t>(from.id)].store(id_of(thrown), std::memory_order_relaxed);
    }

    std::vector<std::atomic<int>> ran;
    std::vector<std::atomic<int>> ended;
    std::vector<std::atomic<int>> caught;
    weft::test::census frames;  // of nodes that have not ended, begun or not
};

weft::task<value> run(node const& one, context& all);

weft::task<value> leaf(node const& one) {
    if (one.throws) fail(one.id);
    co_return static_cast<value>(one.id) * 7 + 1;
}

weft::task<value> sequence(node const& one, context& all) {
    value sum = 1;
    for (auto const& child : one.children) sum = mix(sum, co_await run(*child, all));
    co_return sum;
}

weft::task<value> gather_tuple(node const& one, context& all) {
    if (one.children.size() == 2) {
        auto const [a, b] = co_await weft::gather(run(one[0], all), run(one[1], all));
        co_return mix(mix(2, a), b);
    }
    auto const [a, b, c] = co_await weft::gather(run(one[0], all), run(one[1], all), run(one[2], all));
    co_return mix(mix(mix(2, a), b), c);
}

std::vector<weft::task<value>> run_all(node const& one, context& all) {
    std::vector<weft::task<value>> tasks;
    for (auto const& child : one.children) tasks.push_back(run(*child, all));
    return tasks;
}

weft::task<value> gather_vector(node const& one, context& all) {
    std::vector<value> const values = co_await weft::gather(run_all(one, all));
    value sum = 3;
    for (value const each : values) sum = mix(sum, each);
    co_return sum;
}

weft::task<> run_into(node const& one, context& all, value& into) { into = co_await run(one, all); }

weft::task<value> gather_void(node const& one, context& all) {
    std::vector<value> values(one.children.size());
    std::vector<weft::task<>> tasks;
    for (std::size_t which = 0; which < values.size(); ++which) tasks.push_back(run_into(one[which], all, values[which]));
    co_await weft::gather(std::move(tasks));
    value sum = 4;
    for (value const each : values) sum = mix(sum, each);
    co_return sum;
}

value value_or_failure(weft::result<value> const& one, node const& from, context& all) {
    if (one) return one.value();
    all.catch_one(from, one.error());
    return failed_value;
}

weft::task<value> results_tuple(node const& one, context& all) {
    auto const [a, b] = co_await weft::gather(weft::return_exceptions, run(one[0], all), run(one[1], all));
    co_return mix(mix(5, value_or_failure(a, one[0], all)), value_or_failure(b, one[1], all));
}

weft::task<value> results_vector(node const& one, context& all) {
    auto const results = co_await weft::gather(weft::return_exceptions, run_all(one, all));
    value sum = 6;
    for (std::size_t which = 0; which < results.size(); ++which) sum = mix(sum, value_or_failure(results[which], one[which], all));
    co_return sum;
}

weft::task<value> gather_mixed(node const& one, context& all) {
    auto handle = weft::spawn(run(one[1], all));
    auto const results =
        co_await weft::gather(run(one[0], all), std::move(handle), weft::sleep(std::chrono::microseconds(one.microseconds)));
    co_return mix(mix(7, std::get<0>(results)), std::get<1>(results));
}

weft::task<value> gather_handles(node const& one, context& all) {
    std::vector<weft::join_handle<value>> handles;
    for (auto const& child : one.children) handles.push_back(weft::spawn(run(*child, all)));
    std::vector<value> const values = co_await weft::gather(handles);
    value sum = 8;
    for (value const each : values) sum = mix(sum, each);
    co_return sum;
}

weft::task<value> spawn_await(node const& one, context& all) {
    value const only = co_await weft::spawn([](node const* child, context* its) { return run(*child, *its); }, &one[0], &all);
    co_return mix(9, only);
}

weft::task<value> spawn_twice(node const& one, context& all) {
    auto const handle = weft::spawn(run(one[0], all));
    value const first = co_await handle;
    value const second = co_await handle;
    co_return mix(mix(10, first), second);
}

weft::task<value> await_handle(weft::join_handle<value> const& handle) { co_return co_await handle; }

weft::task<value> spawn_shared(node const& one, context& all) {
    auto const handle = weft::spawn(run(one[0], all));
    auto const [first, second] = co_await weft::gather(await_handle(handle), await_handle(handle));
    co_return mix(mix(11, first), second);
}

weft::task<value> spawn_around(node const& one, context& all) {
    auto handle = weft::spawn(run(one[0], all));
    value const body = co_await run(one[1], all);
    value const background = co_await std::move(handle);
    co_return mix(mix(12, body), background);
}

weft::task<value> spawn_detached(node const& one, context& all) {
    weft::spawn(run(one[0], all));
    co_return 13;
}

weft::task<value> guarded(node const& one, context& all) {
    value only = 0;
    try {
        only = co_await run(one[0], all);
    } catch (...) {
        all.catch_one(one[0], std::current_exception());
        only = failed_value;
    }
    co_return mix(14, only);
}

weft::task<value> run_kind(node const& one, context& all) {
    switch (one.what) {
        case kind::leaf:
            return leaf(one);
        case kind::sequence:
            return sequence(one, all);
        case kind::gather_tuple:
            return gather_tuple(one, all);
        case kind::gather_vector:
            return gather_vector(one, all);
        case kind::gather_void:
            return gather_void(one, all);
        case kind::results_tuple:
            return results_tuple(one, all);
        case kind::results_vector:
            return results_vector(one, all);
        case kind::gather_mixed:
            return gather_mixed(one, all);
        case kind::gather_handles:
            return gather_handles(one, all);
        case kind::spawn_await:
            return spawn_await(one, all);
        case kind::spawn_twice:
            return spawn_twice(one, all);
        case kind::spawn_shared:
            return spawn_shared(one, all);
        case kind::spawn_around:
            return spawn_around(one, all);
        case kind::spawn_detached:
            return spawn_detached(one, all);
        case kind::guarded:
            break;
    }
    return guarded(one, all);
}

weft::task<value> run_here(node const& one, context& all, weft::test::counted_move_only) {
    all.ran[static_cast<std::size_t>(one.id)].fetch_add(1, std::memory_order_relaxed);
    if (one.before == pause::yield) co_await weft::yield();
    if (one.before == pause::sleep) co_await weft::sleep(std::chrono::microseconds(one.microseconds));
    value const result = co_await run_kind(one, all);
    all.ended[static_cast<std::size_t>(one.id)].fetch_add(1, std::memory_order_relaxed);
    co_return result;
}

weft::task<value> run(node const& one, context& all) { return run_here(one, all, weft::test::counted_move_only{all.frames}); }

// The main task. What it spawned, or what that spawned, may have nobody who awaits it, and goes on as long as this does.
weft::task<value> run_main(node const& program, context& all, bool waits) {
    std::exception_ptr thrown;
    value result = 0;
    try {
        result = co_await run(program, all);
    } catch (...) {
        thrown = std::current_exception();
    }
    // A frame goes when its failure has been reported.
    while (waits && all.frames.alive > 0) co_await weft::yield();
    if (thrown) std::rethrow_exception(thrown);
    co_return result;
}

// ---- The oracle

struct oracle {
    // A value, or the exceptions of which one will be seen.
    struct outcome {
        value result = 0;
        std::set<int> errors;
        bool failed() const { return !errors.empty(); }
    };

    std::map<int, int> ran;
    std::map<int, int> ended;
    std::map<int, std::set<int>> caught;   // what may be caught from that node
    std::vector<std::set<int>> unhandled;  // one of each is reported

    outcome run(node const& one) {
        ++ran[one.id];
        outcome result = one.what == kind::leaf ? leaf(one) : inner(one);
        if (!result.failed()) ++ended[one.id];
        return result;
    }

private:
    static outcome leaf(node const& one) {
        if (one.throws) return {0, {one.id}};
        return {static_cast<value>(one.id) * 7 + 1, {}};
    }

    // All run; one of the exceptions of all.
    outcome together(node const& one, value start) {
        outcome sum{start, {}};
        for (auto const& child : one.children) {
            outcome const each = run(*child);
            sum.result = mix(sum.result, each.result);
            sum.errors.insert(each.errors.begin(), each.errors.end());
        }
        return sum;
    }

    outcome one_after_the_other(node const& one, value start) {
        outcome sum{start, {}};
        for (auto const& child : one.children) {
            outcome each = run(*child);
            if (each.failed()) return each;
            sum.result = mix(sum.result, each.result);
        }
        return sum;
    }

    // Failures become values.
    outcome caught_each(node const& one, value start) {
        outcome sum{start, {}};
        for (auto const& child : one.children) {
            outcome const each = run(*child);
            if (each.failed()) caught[child->id] = each.errors;
            sum.result = mix(sum.result, each.failed() ? failed_value : each.result);
        }
        return sum;
    }

    outcome twice(node const& one, value start) {
        outcome const each = run(one[0]);
        if (each.failed()) return each;
        return {mix(mix(start, each.result), each.result), {}};
    }

    void not_awaited(outcome const& one) {
        if (one.failed()) unhandled.push_back(one.errors);
    }

    outcome inner(node const& one) {
        switch (one.what) {
            case kind::sequence:
                return one_after_the_other(one, 1);
            case kind::gather_tuple:
                return together(one, 2);
            case kind::gather_vector:
                return together(one, 3);
            case kind::gather_void:
                return together(one, 4);
            case kind::results_tuple:
                return caught_each(one, 5);
            case kind::results_vector:
                return caught_each(one, 6);
            case kind::gather_mixed:
                return together(one, 7);
            // The gather awaits every handle, so all failures are seen.
            case kind::gather_handles:
                return together(one, 8);
            case kind::spawn_await:
                return together(one, 9);
            case kind::spawn_twice:
                return twice(one, 10);
            case kind::spawn_shared:
                return twice(one, 11);
            case kind::spawn_around: {
                outcome background = run(one[0]);
                outcome body = run(one[1]);
                if (body.failed()) {
                    not_awaited(background);
                    return body;
                }
                if (background.failed()) return background;
                return {mix(mix(12, body.result), background.result), {}};
            }
            case kind::spawn_detached:
                not_awaited(run(one[0]));
                return {13, {}};
            default:
                return caught_each(one, 14);
        }
    }
};

// ---- Both

struct reports {
    std::mutex mutex;
    std::vector<int> ids;

    void add(weft::unhandled_exception const& what) {
        int const id = id_of(what.exception);
        std::lock_guard const lock(mutex);
        ids.push_back(id);
    }
    std::vector<int> take() {
        std::lock_guard const lock(mutex);
        return std::exchange(ids, {});
    }
};

int expected_or(std::map<int, int> const& counts, int id) {
    auto const found = counts.find(id);
    return found == counts.end() ? 0 : found->second;
}

// Where weft and the oracle disagree; nothing if they agree. Where the main task does not wait for what nobody awaits, its end
// cancels that, wherever it is: then it is known only what can at most have happened there.
std::string differences(node const& program, int nodes, oracle const& expected, oracle::outcome const& outcome,
                        weft::runtime& workers, reports& reported, bool waits) {
    std::ostringstream faults;
    context all(nodes);
    value got = 0;
    int thrown = nothing_caught;
    try {
        got = workers.run(run_main(program, all, waits));
    } catch (...) {
        thrown = id_of(std::current_exception());
    }
    if (all.frames.alive != 0) faults << all.frames.alive << " frames are left\n";
    if (outcome.failed() != (thrown != nothing_caught)) faults << (outcome.failed() ? "did not throw\n" : "threw\n");
    if (thrown != nothing_caught && outcome.errors.count(thrown) == 0)
        faults << "threw what is not thrown by node " << thrown << '\n';
    if (thrown == nothing_caught && got != outcome.result) faults << "returned " << got << ", not " << outcome.result << '\n';
    auto const wrong = [&](int count, int of_oracle) { return waits ? count != of_oracle : count > of_oracle; };
    for (int id = 0; id < nodes; ++id) {
        auto const at = static_cast<std::size_t>(id);
        if (wrong(all.ran[at], expected_or(expected.ran, id)))
            faults << "node " << id << " ran " << all.ran[at] << " times, not " << expected_or(expected.ran, id) << '\n';
        if (wrong(all.ended[at], expected_or(expected.ended, id)))
            faults << "node " << id << " ended " << all.ended[at] << " times, not " << expected_or(expected.ended, id) << '\n';
        if (!waits) continue;
        int const seen = all.caught[at];
        auto const allowed = expected.caught.find(id);
        if ((seen != nothing_caught) != (allowed != expected.caught.end()))
            faults << "from node " << id << " was caught: " << seen << '\n';
        else if (seen != nothing_caught && allowed->second.count(seen) == 0)
            faults << "from node " << id << " was caught the exception of " << seen << '\n';
    }
    std::vector<int> ids = reported.take();
    std::ranges::sort(ids);
    if (std::ranges::adjacent_find(ids) != ids.end()) faults << "a failure was reported twice\n";
    // Being cancelled is no failure.
    if (std::ranges::count(ids, unknown_exception) != 0) faults << "an exception was reported that no node has thrown\n";
    if (!waits) return faults.str();
    if (ids.size() != expected.unhandled.size()) faults << ids.size() << " reports, not " << expected.unhandled.size() << '\n';
    for (auto const& possible : expected.unhandled) {
        auto const count = std::ranges::count_if(ids, [&](int id) { return possible.count(id) != 0; });
        if (count != 1)
            faults << "an unhandled exception, of node " << *possible.begin() << " or so, was reported " << count << " times\n";
    }
    return faults.str();
}

void compare_with_oracle(unsigned workers) {
    const weft::test::watchdog guard{90s, "random programs on " + std::to_string(workers) + " workers"};
    reports reported;
    weft::runtime kept({.workers = workers, .on_unhandled_exception = [&](auto const& what) { reported.add(what); }});
    const std::uint64_t seed = weft::test::seed();
    for (int number = 0; number < programs; ++number) {
        const std::uint64_t own_seed = seed + static_cast<std::uint64_t>(number);
        generator made(own_seed);
        const std::unique_ptr<node> program = made.program();
        oracle expected;
        const oracle::outcome outcome = expected.run(*program);
        const bool waits = own_seed % 4 != 0;
        const std::string faults = differences(*program, made.nodes(), expected, outcome, kept, reported, waits);
        if (faults.empty()) continue;
        std::ostringstream text;
        print(text, *program);
        INFO("to repeat this program first: WEFT_TEST_SEED=" << own_seed);
        INFO("on " << workers << " workers" << (waits ? "" : ", main waits for nobody") << ":\n" << faults << "\nthe program:\n" << text.str());
        FAIL("weft and the oracle disagree");
    }
    SUCCEED("all agree");
}

}  // namespace

TEST_CASE("random programs give what the oracle gives, on 1 worker", "[programs][stress]") { compare_with_oracle(1); }
TEST_CASE("random programs give what the oracle gives, on 2 workers", "[programs][stress]") { compare_with_oracle(2); }
TEST_CASE("random programs give what the oracle gives, on many workers", "[programs][stress]") {
    compare_with_oracle(weft::test::many_workers(8));
}

// ---- Shapes of gather that are rare by chance

namespace {

enum class suspension { none, yield, sleep };

weft::task<int> leaf_of_two(suspension how) {
    if (how == suspension::yield) co_await weft::yield();
    if (how == suspension::sleep) co_await weft::sleep(5us);
    co_return 1;
}

weft::task<int> two(suspension first, suspension second) {
    auto const [a, b] = co_await weft::gather(leaf_of_two(first), leaf_of_two(second));
    co_return a + b;
}

weft::task<int> two_levels(suspension first, suspension second, suspension third) {
    auto const [a, b] = co_await weft::gather(two(first, second), leaf_of_two(third));
    co_return a + b;
}

weft::task<int> three_levels(suspension first, suspension second, suspension third) {
    auto const [a, b, c] =
        co_await weft::gather(two_levels(first, second, third), two(third, first), two_levels(third, second, first));
    co_return a + b + c;
}

}  // namespace

namespace {

weft::task<int> one_after(std::chrono::microseconds pause) {
    co_await weft::sleep(pause);
    co_return 1;
}

// The two children of an inner gather end late and in the wrong order, by the turn that ready tasks get among many forks of the
// outer gather.
weft::task<int> late_among_forks(int siblings) {
    std::vector<weft::task<int>> all;
    all.push_back([]() -> weft::task<int> {
        auto const [a, b] = co_await weft::gather(one_after(20us), leaf_of_two(suspension::yield));
        co_return a + b;
    }());
    for (int number = 0; number < siblings; ++number) all.push_back(one_after(300us));
    std::vector<int> const each = co_await weft::gather(std::move(all));
    int sum = 0;
    for (int const one : each) sum += one;
    co_return sum;
}

}  // namespace

TEST_CASE("an inner gather ends late, while forks of the outer one wait", "[gather][stress]") {
    const weft::test::watchdog guard{60s, "an inner gather ends among forks of the outer one"};
    for (const unsigned workers : {1u, 2u, weft::test::many_workers(8)}) {
        weft::runtime kept({.workers = workers});
        int wrong = 0;
        for (int round = 0; round < 20; ++round) wrong += kept.run(late_among_forks(4'000)) != 4'002;
        CAPTURE(workers);
        CHECK(wrong == 0);
    }
}

TEST_CASE("gather(gather(3, 4), 2) where 3 and 4 suspend", "[gather][stress]") {
    const weft::test::watchdog guard{60s, "children that suspend"};
    int const rounds = weft::test::scaled(config::tsan ? 100 : 1'000);
    constexpr std::array all{suspension::none, suspension::yield, suspension::sleep};
    for (const unsigned workers : {1u, 2u, weft::test::many_workers(8)}) {
        weft::runtime kept({.workers = workers});
        int wrong = 0;
        for (int round = 0; round < rounds; ++round) {
            for (const auto third : all) {
                wrong += kept.run(two_levels(suspension::yield, suspension::yield, third)) != 3;
                wrong += kept.run(two_levels(suspension::none, suspension::yield, third)) != 3;
            }
        }
        CAPTURE(workers);
        CHECK(wrong == 0);
    }
}

TEST_CASE("every way to suspend in three levels of gather", "[gather][stress]") {
    const weft::test::watchdog guard{60s, "three levels of gather"};
    int const rounds = weft::test::scaled(config::tsan ? 5 : 50);
    constexpr std::array all{suspension::none, suspension::yield, suspension::sleep};
    for (const unsigned workers : {1u, 2u, weft::test::many_workers(8)}) {
        weft::runtime kept({.workers = workers});
        int wrong = 0;
        for (int round = 0; round < rounds; ++round)
            for (const auto first : all)
                for (const auto second : all)
                    for (const auto third : all) wrong += kept.run(three_levels(first, second, third)) != 8;
        CAPTURE(workers);
        CHECK(wrong == 0);
    }
}
