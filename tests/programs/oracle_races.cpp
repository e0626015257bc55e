// SPDX-License-Identifier: MIT
// Where it matters who is first.
#include "programs/oracle.hpp"

#include <algorithm>
#include <utility>

namespace weft::test {

namespace {

// Those that end at `from` or later.
alternatives not_before(alternatives const& all, moment from) {
    alternatives result;
    for (alternative const& each : all)
        if (each.at >= from) result.add(each);
    return result;
}

}  // namespace

std::vector<alternatives> oracle::tasks(node const& one, moment spawned) {
    std::vector<alternatives> all;
    for (auto const& child : one.children) all.push_back(task(spawned, {}, of(*child)));
    return all;
}

alternatives oracle::first(node const& one, place const& here) {
    alternatives result;
    auto const ends = [&](std::span<alternative const* const> all, alternative const* winner, std::size_t index) {
        alternative sum{{}, here.at, 0, {}};
        for (alternative const* each : all) {
            sum.at = std::max(sum.at, each->at);
            sum.did.both(each->did);
        }
        // Without a winner all have ended since they were asked to.
        auto const asked = [&](alternative const* each) {
            arrived const by_its_end = arrived_at(here, each->at);
            return (by_its_end.certainly | by_its_end.perhaps) != 0;
        };
        if (!winner && !std::ranges::all_of(all, asked)) return;
        arrived by_then = arrived_at(here, sum.at);
        bool const at_once = sum.at == here.at;  // then nobody need be told of it
        if (at_once) by_then = {0, by_then.certainly | by_then.perhaps};
        each_subset(by_then.perhaps, [&](request_set some) {
            request_set const told = by_then.certainly | some;
            if (told == 0 && !winner && !at_once) return;
            sum.seen = here.seen | told;
            // Whoever is first, that all have been cancelled is what comes of it.
            if (told != 0 || !winner)
                sum.came_to = outcome::failure(code_cancelled);
            else if (winner->came_to.failed)
                sum.came_to = winner->came_to;
            else
                sum.came_to = outcome::of(mix(mix(start_of(one), index), winner->came_to.data));
            result.add(sum);
        });
    };
    std::vector<alternatives> const undisturbed = children(one, here);
    for (std::size_t winner = 0; winner < undisturbed.size(); ++winner) {
        for (alternative const& won : undisturbed[winner]) {
            if (won.came_to.cancelled() && arrived_at(here, won.at).certainly != 0) continue;
            place raced = here;
            raced.asked.push_back({won.at, false});
            std::vector<alternatives> all;
            for (std::size_t index = 0; index < undisturbed.size(); ++index) {
                if (index == winner) {
                    all.emplace_back(won);
                    continue;
                }
                alternatives loser;
                for (alternative const& each : eval(one[index], raced)) {
                    arrived const by_then = arrived_at(here, each.at);
                    bool const gave_up = each.came_to.cancelled() && (by_then.certainly | by_then.perhaps) != 0;
                    if (each.at >= won.at || gave_up) loser.add(each);
                }
                all.push_back(loser);
            }
            each_combination(all, [&](auto const& chosen) { ends(chosen, chosen[winner], winner); });
        }
    }
    each_combination(undisturbed, [&](auto const& chosen) {
        if (std::ranges::all_of(chosen, [](alternative const* each) { return each->came_to.cancelled(); }))
            ends(chosen, nullptr, 0);
    });
    return result;
}

alternatives oracle::wait(node const& one, place const& here) {
    unsigned const when = one.variant / 2 % 3;
    bool const limited = one.variant / 6 % 2 == 1;
    bool const cancels = one.variant % 2 == 1;
    alternatives result;
    each_combination(tasks(one, here.at), [&](std::span<alternative const* const> ends) {
        moment until = here.at;
        moment first = never;
        effects dropped;
        for (alternative const* each : ends) {
            until = std::max(until, each->at);
            if (when == 0 || (when == 1 && each->came_to.failed && !each->came_to.cancelled())) first = std::min(first, each->at);
            dropped.both(detached(*each));
        }
        until = std::min(until, first);
        if (limited) until = std::min(until, here.at + length(one));
        for (alternative told : suspend_unless_ready(here, until)) {
            if (told.came_to.failed) {
                told.did = dropped;
                result.add(told);
                continue;
            }
            request_set done = 0;
            request_set perhaps = 0;
            for (std::size_t index = 0; index < ends.size(); ++index) {
                if (ends[index]->at < until) done |= request_set{1} << index;
                if (ends[index]->at == until) perhaps |= request_set{1} << index;
            }
            each_subset(perhaps, [&](request_set some) {
                std::vector<ending> all;
                for (std::size_t index = 0; index < ends.size(); ++index) {
                    if ((done | some) >> index & 1) {
                        all.push_back(constant(*ends[index]));
                        continue;
                    }
                    all.push_back([&, body = of(one[index])](requests asked) {
                        if (cancels) asked.push_back({until, false});
                        return not_before(task(here.at, asked, body), until);
                    });
                }
                result.add(collect({here.asked, until, told.seen}, all, 0, mix(start_of(one), done | some)));
            });
        }
    });
    return result;
}

namespace {

// The values in each order in which they may have come.
void each_order(std::vector<alternative const*> left, value sum, std::function<void(value)> const& visit) {
    if (left.empty()) return visit(sum);
    moment earliest = never;
    for (alternative const* each : left) earliest = std::min(earliest, each->at);
    for (std::size_t index = 0; index < left.size(); ++index) {
        if (left[index]->at != earliest) continue;
        auto others = left;
        others.erase(others.begin() + static_cast<std::ptrdiff_t>(index));
        each_order(std::move(others), mix(sum, left[index]->came_to.as_value()), visit);
    }
}

}  // namespace

alternatives oracle::as_completed(node const& one, place const& here) {
    bool const limited = one.variant % 2 == 1;
    moment const limit = limited ? here.at + length(one) : never;
    alternatives result;
    each_combination(tasks(one, here.at), [&](std::span<alternative const* const> ends) {
        moment last = here.at;
        effects did;
        for (alternative const* each : ends) {
            last = std::max(last, each->at);
            did.both(each->did);
        }
        moment const until = std::min(last, limit);
        for (alternative told : suspend_unless_ready(here, until)) {
            told.did = did;
            // Nobody looks at those that come later.
            effects dropped = did;
            for (alternative const* each : ends) {
                effects one_dropped = detached(*each);
                if (each->at == told.at) one_dropped.reported.perhaps();
                if (each->at >= told.at) dropped.both(one_dropped);
            }
            if (told.came_to.failed) {
                told.did = dropped;
                result.add(told);
                continue;
            }
            if (limit <= last) {
                alternative late = told;
                late.did = dropped;
                late.came_to = outcome::failure(code_timeout);
                result.add(late);
            }
            if (last > limit) continue;
            each_order({ends.begin(), ends.end()}, start_of(one), [&](value sum) {
                told.came_to = outcome::of(sum);
                result.add(told);
            });
        }
    });
    return result;
}

// ---- Groups

void oracle::group_ends(alternatives& to, node const& one, place const& here, std::span<alternative const* const> ends) {
    alternative const& body = *ends[0];
    alternative sum{{}, here.at, 0, {}};
    code failures = code_group;
    for (alternative const* each : ends) {
        sum.at = std::max(sum.at, each->at);
        sum.did.both(each->did);
        if (each->came_to.failed && !each->came_to.cancelled()) failures = add_to_group(failures, each->came_to.data);
    }
    request_set const outside = (request_set{1} << here.asked.size()) - 1;
    place const after_body{here.asked, body.at, body.seen & outside};
    arrived by_then = arrived_at(after_body, sum.at);
    if (sum.at == body.at) by_then = {0, by_then.certainly | by_then.perhaps};
    arrived const around = arrived_at(here, sum.at);
    each_subset(by_then.perhaps, [&](request_set some) {
        request_set const told = by_then.certainly | some;
        sum.seen = after_body.seen | told;
        if (failures != code_group) {
            sum.came_to = outcome::failure(failures);
            if (around.certainly == 0) to.add(sum);
            // The next await says that it was cancelled, too.
            request_set const again = sum.seen & (around.certainly | around.perhaps);
            sum.seen &= ~(again & (~again + 1));
            if ((around.certainly | around.perhaps) != 0) to.add(sum);
            return;
        }
        if (body.came_to.failed || told != 0)
            sum.came_to = outcome::failure(code_cancelled);
        else
            sum.came_to = outcome::of(mix(start_of(one), body.came_to.data));
        to.add(sum);
    });
}

alternatives oracle::group(node const& one, place const& here) {
    alternatives result;
    auto const all_when = [&](moment cancelled) {
        place inside = here;
        inside.asked.push_back({cancelled, false});
        std::vector<alternatives> all{eval(one[0], inside)};
        bool refuses = false;
        for (std::size_t index = 1; index < one.children.size(); ++index) {
            all.push_back(task(here.at, {{cancelled, false}}, of(one[index])));
            // It may not even be spawned, where one before it has failed.
            alternatives& child = all.back();
            bool const fails = std::ranges::any_of(child, [&](alternative const& each) {
                return each.at == here.at && each.came_to.failed && !each.came_to.cancelled();
            });
            if (refuses) child.add({outcome::failure(code_cancelled), here.at, 0, {}});
            refuses |= fails;
        }
        return all;
    };
    each_combination(all_when(never), [&](std::span<alternative const* const> ends) {
        alternative const& body = *ends[0];
        moment last = here.at;
        moment cancelled = body.came_to.failed ? body.at : never;
        for (std::size_t index = 0; index < ends.size(); ++index) {
            last = std::max(last, ends[index]->at);
            if (index > 0 && ends[index]->came_to.failed && !ends[index]->came_to.cancelled())
                cancelled = std::min(cancelled, ends[index]->at);
        }
        place const after_body{here.asked, body.at, body.seen};
        for (std::size_t index = 0; index < here.asked.size(); ++index) {
            request const& asked = here.asked[index];
            if (body.seen >> index & 1) continue;
            moment const told = asked.before ? body.at : std::max(body.at, asked.at);
            if (told <= last) cancelled = std::min(cancelled, told);
        }
        if (cancelled >= last) group_ends(result, one, here, ends);
        if (cancelled > last) return;
        std::vector<alternatives> all = all_when(cancelled);
        for (std::size_t index = 0; index < all.size(); ++index) {
            if (ends[index]->at < cancelled) {
                all[index] = alternatives(*ends[index]);
                continue;
            }
            all[index] = not_before(all[index], cancelled);
            // This one, or another that ends at this moment, has cancelled the others.
            if (ends[index]->at == cancelled) all[index].add(*ends[index]);
        }
        each_combination(all, [&](auto const& chosen) { group_ends(result, one, here, chosen); });
    });
    return result;
}

}  // namespace weft::test
