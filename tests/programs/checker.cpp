// SPDX-License-Identifier: MIT
#include "programs/checker.hpp"

#include "programs/interpreter.hpp"
#include "programs/oracle.hpp"

#include <weft/testing.hpp>

#include <algorithm>
#include <bit>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <ostream>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

namespace weft::test {

namespace {

// A paused clock is past 292 years at some time; each program takes an hour or so.
constexpr std::size_t programs_of_a_house = 100'000;

// A foreign thread that is not scheduled for so long would let the clock move.
constexpr std::chrono::seconds patience{20};

class reports {
public:
    void add(unhandled_exception const& what) {
        code const one = code_of(what.exception);
        std::lock_guard const lock(mutex_);
        codes_.push_back(one);
    }
    std::vector<code> take() {
        std::lock_guard const lock(mutex_);
        return std::exchange(codes_, {});
    }

private:
    std::mutex mutex_;
    std::vector<code> codes_;
};

struct one_runtime {
    one_runtime(unsigned workers, bool paused) {
        if (paused) clock.emplace(patience);
        options settings{.workers = workers, .name = "programs"};
        settings.on_unhandled_exception = [this](unhandled_exception const& what) { unhandled.add(what); };
        settings.clock = paused ? &*clock : nullptr;
        kept.emplace(std::move(settings));
    }

    reports unhandled;
    std::optional<testing::paused_clock> clock;
    std::optional<runtime> kept;
};

std::string text_of(outcome const& one) {
    if (!one.failed) return "value " + std::to_string(one.data);
    if (one.data == code_cancelled) return "cancelled";
    if (one.data == code_timeout) return "timeout_error";
    if (one.data == code_unknown) return "an exception that no node throws";
    if (one.data >= code_group) return "exception_group " + std::to_string(one.data);
    return "exception of node " + std::to_string(one.data);
}

// What happened to which nodes, as a word for each.
struct happened {
    std::uint64_t begun = 0;
    std::uint64_t ended = 0;
    std::uint64_t reported = 0;
};

// Each node that is in one set and should not be, or the other way round.
std::string differences(char const* what, std::uint64_t is, node_set should) {
    std::ostringstream text;
    for (unsigned id = 0; id < most_nodes; ++id) {
        std::uint64_t const bit = std::uint64_t{1} << id;
        if ((should.least & bit) && !(is & bit)) text << "  node " << id << " is not " << what << '\n';
        if (!(should.most & bit) && (is & bit)) text << "  node " << id << " is " << what << '\n';
    }
    return text.str();
}

std::string differences(happened const& is, effects const& should) {
    return differences("begun", is.begun, should.begun) + differences("ended by a value", is.ended, should.ended) +
           differences("reported", is.reported, should.reported);
}

// What is true of every program.
happened take_counts(run_record& record, std::vector<code> const& reported, std::ostream& faults) {
    happened is;
    if (record.frames.alive != 0) faults << record.frames.alive << " frames are left\n";
    for (unsigned id = 0; id < most_nodes; ++id) {
        auto const& counts = record.nodes[id];
        std::uint64_t const bit = std::uint64_t{1} << id;
        if (counts.begun > 0) is.begun |= bit;
        if (counts.ended > 0) is.ended |= bit;
        if (counts.begun > 1 || counts.ended > counts.begun || counts.left != counts.begun)
            faults << "node " << id << " was begun " << counts.begun << " times, left " << counts.left << " times, and ended "
                   << counts.ended << " times by a value\n";
    }
    for (code const one : reported) {
        if (one == code_cancelled || one == code_unknown)
            faults << "reported as unhandled: " << text_of(outcome::failure(one)) << '\n';
        if (one >= most_nodes) continue;
        std::uint64_t const bit = std::uint64_t{1} << one;
        if (is.reported & bit) faults << "the exception of node " << one << " was reported twice\n";
        is.reported |= bit;
    }
    for (std::string const& each : record.take_faults()) faults << each << '\n';
    return is;
}

void compare(outcome const& got, happened const& is, program const& one, alternatives const& expected, std::ostream& faults) {
    std::string closest;
    for (alternative const& each : expected) {
        if (each.came_to != got) continue;
        std::string const differing = one.waits ? differences(is, each.did) : "";
        if (differing.empty()) return;
        closest += "with this outcome at " + std::to_string(each.at) + ":\n" + differing;
    }
    faults << "it came to " << text_of(got) << '\n' << closest << "the oracle allows:\n";
    for (alternative const& each : expected) faults << "  " << text_of(each.came_to) << " at " << each.at << '\n';
}

}  // namespace

struct program_checker::house {
    one_runtime& room(unsigned workers, bool paused) {
        auto& place = rooms[{workers, paused}];
        if (!place) place = std::make_unique<one_runtime>(workers, paused);
        return *place;
    }
    std::map<std::pair<unsigned, bool>, std::unique_ptr<one_runtime>> rooms;
};

program_checker::program_checker() = default;
program_checker::~program_checker() = default;

std::string program_checker::check(program const& one) {
    if (until_new_house_-- == 0) {
        house_ = std::make_unique<house>();
        until_new_house_ = programs_of_a_house;
    }
    bool const paused = one.clock == program::clock_kind::paused;
    std::optional<alternatives> expected;
    try {
        expected = oracle(paused).run(*one.root);
    } catch (too_wide const&) {
        ++counts_.too_wide;
    }
    ++counts_.programs;
    counts_.certain += expected && expected->size() == 1;

    one_runtime& room = house_->room(one.workers, paused);
    auto const record = std::make_shared<run_record>();
    interpreter const interpreted{record, paused, one.waits};
    outcome got;
    try {
        got = outcome::of(one.submitted ? room.kept->submit(interpreted.main(one)).get() : room.kept->run(interpreted.main(one)));
    } catch (testing::deadlock const& dead) {
        return dead.what();
    } catch (...) {
        got = outcome::failure(code_of(std::current_exception()));
    }
    std::ostringstream faults;
    happened const is = take_counts(*record, room.unhandled.take(), faults);
    if (expected) compare(got, is, one, *expected, faults);
    std::string text = faults.str();
    if (!text.empty()) {
        std::ostringstream whole;
        whole << text << "the program: " << one;
        text = whole.str();
    }
    return text;
}

}  // namespace weft::test
