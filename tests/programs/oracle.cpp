// SPDX-License-Identifier: MIT
// What each piece of weft promises. oracle_kinds.cpp and oracle_races.cpp put the kinds of nodes together from it.
#include "programs/oracle.hpp"

#include <algorithm>
#include <utility>

namespace weft::test {

// ---- Requests

oracle::arrived oracle::arrived_at(place const& here, moment when) {
    arrived found;
    for (std::size_t index = 0; index < here.asked.size(); ++index) {
        request_set const bit = request_set{1} << index;
        if (here.seen & bit) continue;
        request const& one = here.asked[index];
        if (one.before || one.at < when)
            found.certainly |= bit;
        else if (one.at == when)
            found.perhaps |= bit;
    }
    return found;
}

alternative oracle::value_at(place const& here, value what) { return {outcome::of(what), here.at, here.seen, {}}; }

// ---- Waiting

alternatives oracle::suspend(place const& here, moment until) {
    moment told = never;
    for (std::size_t index = 0; index < here.asked.size(); ++index) {
        request const& one = here.asked[index];
        if (here.seen & (request_set{1} << index)) continue;
        if (one.before || one.at < until) told = std::min(told, one.before ? here.at : std::max(here.at, one.at));
    }
    moment const goes_on = std::min(told, until);
    arrived const by_then = arrived_at(here, goes_on);
    alternatives result;
    each_subset(by_then.perhaps, [&](request_set some) {
        request_set const all = by_then.certainly | some;
        if (all == 0 && told != never) return;
        result.add({all == 0 ? outcome::of(0) : outcome::failure(code_cancelled), goes_on, here.seen | all, {}});
    });
    return result;
}

alternatives oracle::suspend_unless_ready(place const& here, moment until) {
    alternatives result = suspend(here, until);
    if (until == here.at) result.add(value_at(here, 0));
    return result;
}

alternatives oracle::sleep(place const& here, moment duration) const { return suspend(here, here.at + duration); }

alternatives oracle::joined(place const& here, alternative ended, bool cancels) {
    arrived by_then = arrived_at(here, ended.at);
    // Where nothing has suspended nobody is told.
    if (ended.at == here.at) by_then = {0, by_then.certainly | by_then.perhaps};
    alternatives result;
    each_subset(by_then.perhaps, [&](request_set some) {
        request_set const told = by_then.certainly | some;
        result.add(
            {told != 0 && cancels ? outcome::failure(code_cancelled) : ended.came_to, ended.at, here.seen | told, ended.did});
    });
    return result;
}

// ---- Tasks

alternatives oracle::task(moment spawned, requests const& asked, piece const& body, bool cancels_itself) {
    alternatives result;
    bool const may_not_begin = std::ranges::any_of(asked, [&](request const& one) { return one.at <= spawned; });
    if (may_not_begin) result.add({outcome::failure(code_cancelled), spawned, 0, {}});
    place here{asked, spawned, 0};
    if (cancels_itself) here.asked.push_back({spawned, true});
    for (alternative each : body(here)) {
        arrived const by_then = arrived_at(here.later(each), each.at);
        each.seen = 0;
        // One that has been cancelled, has not been told, and returns a value, ends cancelled.
        if (each.came_to.failed || by_then.certainly == 0) result.add(each);
        if (each.came_to.failed || (by_then.certainly | by_then.perhaps) == 0) continue;
        each.came_to = outcome::failure(code_cancelled);
        result.add(each);
    }
    return result;
}

oracle::ending oracle::ending_of(moment spawned, piece const& body, bool cancels_itself) {
    return [=](requests const& asked) { return task(spawned, asked, body, cancels_itself); };
}

oracle::ending oracle::constant(alternative const& known) {
    return [=](requests const&) { return alternatives(known); };
}

effects oracle::detached(alternative one) {
    if (one.came_to.failed && one.came_to.data < most_nodes) one.did.reported.insert(static_cast<unsigned>(one.came_to.data));
    return one.did;
}

effects oracle::detached(alternatives const& all) {
    return all
        .then([](alternative each) {
            each.did = detached(each);
            return alternatives(each);
        })
        .done();
}

// Whoever waits passes requests on to the task, and has seen them by that.
alternatives oracle::await(place const& here, ending const& of) {
    requests forwarded;
    std::vector<request_set> bits;
    for (std::size_t index = 0; index < here.asked.size(); ++index) {
        request_set const bit = request_set{1} << index;
        if (here.seen & bit) continue;
        request const& one = here.asked[index];
        forwarded.push_back({one.before ? here.at : std::max(here.at, one.at), false});
        bits.push_back(bit);
    }
    alternatives result;
    for (alternative const& each : of(forwarded)) {
        if (each.at < here.at) {
            result.add({each.came_to, here.at, here.seen, each.did});
            continue;
        }
        request_set certainly = 0;
        request_set perhaps = 0;
        for (std::size_t index = 0; index < bits.size(); ++index) {
            if (forwarded[index].at < each.at) certainly |= bits[index];
            if (forwarded[index].at == each.at) perhaps |= bits[index];
        }
        each_subset(perhaps, [&](request_set some) {
            result.add({each.came_to, each.at, here.seen | certainly | some, each.did});
            if (some == 0) return;
            // The task has ended already, and who is about to go on is told itself.
            effects did = detached(each);
            did.reported.perhaps();
            result.add({outcome::failure(code_cancelled), each.at, here.seen | certainly | some, did});
        });
    }
    return result;
}

alternatives oracle::await_shielded(place const& here, ending const& of, bool kept) {
    alternatives result;
    for (alternative const& each : of({})) {
        if (each.at < here.at) {
            result.add({each.came_to, here.at, here.seen, each.did});
            continue;
        }
        for (alternative const& then : suspend_unless_ready(here, each.at)) {
            if (!then.came_to.failed) {
                result.add({each.came_to, each.at, then.seen, each.did});
                continue;
            }
            // What becomes of the task then, the caller knows where it keeps the handle.
            effects did = kept ? effects{} : detached(each);
            if (then.at == each.at) did.reported.perhaps();
            result.add({then.came_to, then.at, then.seen, did});
        }
    }
    return result;
}

alternatives oracle::collect(place const& here, std::vector<ending> const& all, std::size_t from, value sum) {
    if (from == all.size()) return value_at(here, sum);
    return await(here, all[from]).then([&](alternative const& each) {
        return collect(here.later(each), all, from + 1, mix(sum, each.came_to.as_value()));
    });
}

// ---- Several at once

alternatives oracle::gather(place const& here, std::vector<alternatives> const& children, value start, bool results) {
    if (children.empty()) return value_at(here, start);
    alternatives result;
    each_combination(children, [&](std::span<alternative const* const> ends) {
        alternative sum{outcome::of(start), here.at, 0, {}};
        moment failed_at = never;
        for (alternative const* each : ends) {
            sum.at = std::max(sum.at, each->at);
            sum.did.both(each->did);
            sum.came_to.data = mix(sum.came_to.data, each->came_to.as_value());
            if (each->came_to.failed && !results) failed_at = std::min(failed_at, each->at);
        }
        if (failed_at == never) return result.add(joined(here, sum, true));
        // The first one in time; of several at one moment, any.
        for (alternative const* each : ends) {
            if (!each->came_to.failed || each->at != failed_at) continue;
            sum.came_to = each->came_to;
            result.add(joined(here, sum, false));
        }
    });
    return result;
}

namespace {

// A gather with a limit under way: when each place in the limit becomes free, and what there is so far.
struct rows {
    std::vector<moment> free;
    alternative sum;
    moment failed_at = never;
    outcome failed;
};

}  // namespace

alternatives oracle::limited(place const& here, node const& one, bool results) {
    alternatives result;
    int steps = 0;
    auto const ends = [&](rows const& all, bool interrupted) {
        alternative sum = all.sum;
        for (moment const each : all.free) sum.at = std::max(sum.at, each);
        if (all.failed_at != never) {
            sum.came_to = all.failed;
            return result.add(joined(here, sum, false));
        }
        if (!interrupted) return result.add(joined(here, sum, true));
        arrived const by_then = arrived_at(here, sum.at);
        each_subset(by_then.perhaps, [&](request_set some) {
            if ((by_then.certainly | some) == 0) return;
            result.add({outcome::failure(code_cancelled), sum.at, here.seen | by_then.certainly | some, sum.did});
        });
    };
    std::function<void(rows const&, std::size_t)> const go_on = [&](rows const& all, std::size_t child) {
        if (++steps > 150) throw too_wide();
        if (child == one.children.size()) return ends(all, false);
        auto const place_at = std::ranges::min_element(all.free);
        moment const begins = *place_at;
        // After a failure no other one begins, nor once it has been cancelled.
        if (all.failed_at < begins) return ends(all, false);
        if (all.failed_at == begins) ends(all, false);
        arrived const by_then = arrived_at(here, begins);
        if ((by_then.certainly | by_then.perhaps) != 0) ends(all, true);
        if (by_then.certainly != 0) return;
        for (alternative const& each : eval(one[child], {here.asked, begins, here.seen})) {
            rows next = all;
            next.free[static_cast<std::size_t>(place_at - all.free.begin())] = each.at;
            next.sum.did.both(each.did);
            next.sum.came_to.data = mix(next.sum.came_to.data, each.came_to.as_value());
            if (!results && each.came_to.failed && each.at < next.failed_at) {
                next.failed_at = each.at;
                next.failed = each.came_to;
            } else if (!results && each.came_to.failed && each.at == next.failed_at && next.failed != each.came_to) {
                rows other = next;
                other.failed = each.came_to;
                go_on(other, child + 1);
            }
            go_on(next, child + 1);
        }
    };
    go_on({std::vector<moment>(1 + one.variant % 3, here.at), {outcome::of(start_of(one)), here.at, 0, {}}, never, {}}, 0);
    return result;
}

// ---- Time limits

alternatives oracle::leave_limit(place const& entered, request limit, alternative ended) {
    request_set const own = request_set{1} << entered.asked.size();
    ended.seen &= own - 1;
    if (!ended.came_to.cancelled()) return ended;
    bool const certainly = limit.before || limit.at < ended.at;
    bool const perhaps = certainly || limit.at == ended.at;
    arrived const around = arrived_at(entered, ended.at);
    alternatives result;
    if (!certainly || around.certainly != 0 || around.perhaps != 0) result.add(ended);
    ended.came_to = outcome::failure(code_timeout);
    if (perhaps && around.certainly == 0) result.add(ended);
    return result;
}

alternatives oracle::within(place const& here, moment duration, bool at_once, piece const& body) const {
    request const limit{here.at + duration, at_once};
    place inside = here;
    inside.asked.push_back(limit);
    return body(inside).then([&](alternative const& each) { return leave_limit(here, limit, each); });
}

}  // namespace weft::test
