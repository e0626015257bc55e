// SPDX-License-Identifier: MIT
// What each kind of node is made of.
#include "programs/oracle.hpp"

#include <algorithm>
#include <utility>

namespace weft::test {

alternatives oracle::run(node const& root) { return task(0, {}, of(root)); }

oracle::piece oracle::of(node const& one) {
    return [this, &one](place const& here) { return eval(one, here); };
}

alternatives oracle::eval(node const& one, place const& here) {
    // Kinds that look at a child several times, inside each other.
    if (++steps_ > 3'000) throw too_wide();
    alternatives const all = inner(one, here);
    return all.then([&](alternative each) {
        each.did.begun.insert(one.id);
        if (!each.came_to.failed) each.did.ended.insert(one.id);
        return alternatives(each);
    });
}

std::vector<alternatives> oracle::children(node const& one, place const& here) {
    std::vector<alternatives> all;
    for (auto const& child : one.children) all.push_back(eval(*child, here));
    return all;
}

namespace {

// A child's value is made the node's own.
template <class Alternatives>
Alternatives with_value(Alternatives const& all, value start, int times = 1) {
    return all.then([&](auto each) {
        value sum = start;
        for (int time = 0; time < times; ++time) sum = mix(sum, each.came_to.data);
        if (!each.came_to.failed) each.came_to.data = sum;
        return Alternatives(each);
    });
}

alternatives failing(alternatives const& all, code what) {
    return all.then([&](alternative each) {
        if (!each.came_to.failed) each.came_to = outcome::failure(what);
        return alternatives(each);
    });
}

}  // namespace

alternatives oracle::leaf(node const& one, place const& here) {
    value const own = start_of(one);
    switch (one.what) {
        case kind::fail:
            return alternative{outcome::failure(one.id), here.at, here.seen, {}};
        case kind::sleep:
        case kind::sleep_until:
            return with_value(sleep(here, length(one)), own);
        case kind::yield:
        case kind::thread:
            return with_value(sleep(here, 0), own);
        case kind::thread_fails:
            return failing(sleep(here, 0), one.id);
        case kind::elsewhere:
            return one.variant % 4 == 3 ? failing(sleep(here, 0), one.id) : with_value(sleep(here, 0), own);
        case kind::ticks: {
            moment const period = one.time == 0 ? other_length(one) : length(one);
            auto const next = [&](alternatives const& ticks) {
                return ticks.then([&](alternative const& each) {
                    return each.came_to.failed ? alternatives(each) : sleep(here.later(each), period);
                });
            };
            return with_value(next(next(sleep(here, 0))), own);
        }
        default:
            return value_at(here, mix(own, 0));
    }
}

alternatives oracle::guarded(node const& one, place const& here) {
    return eval(one[0], here).then([&](alternative each) -> alternatives {
        if (one.what == kind::guarded) {
            each.came_to = outcome::of(mix(start_of(one), each.came_to.as_value()));
            return each;
        }
        if (!each.came_to.failed) each.came_to.data = mix(start_of(one), each.came_to.data);
        if (!each.came_to.cancelled()) return each;
        if (one.what == kind::replaced) {
            each.came_to = outcome::failure(one.id);
            return each;
        }
        return failing(sleep(here.later(each), length(one)), code_cancelled);
    });
}

alternatives oracle::spawned(node const& one, place const& here) {
    ending const child = ending_of(here.at, of(one[0]), one.what == kind::spawn_cancels_itself);
    value const own = start_of(one);
    switch (one.what) {
        case kind::spawn_detached: {
            alternative done = value_at(here, own);
            done.did = detached(child({}));
            return done;
        }
        case kind::spawn_look:
            return await(here, child).then([&](alternative each) {
                each.came_to = outcome::of(mix(own, each.came_to.as_value()));
                return alternatives(each);
            });
        case kind::spawn_twice:
            return with_value(await(here, child), own, 2);
        case kind::spawn_shared:
            return with_value(await(here, child), own, 2).then([&](alternative const& each) {
                return joined(here, each, !each.came_to.failed);
            });
        case kind::shielded:
            return with_value(await_shielded(here, child, false), own);
        default:
            return with_value(await(here, child), own);
    }
}

alternatives oracle::cancelled_by_another(node const& one, place const& here) {
    piece const body = of(one[0]);
    bool const waits = one.time != 0;
    alternatives const before = waits ? sleep(here, length(one)) : alternatives(value_at(here, 0));
    return before.then([&](alternative each) -> alternatives {
        if (each.came_to.failed) {
            each.did = detached(task(here.at, {}, body));
            return each;
        }
        ending const cancelled = [&, at = each.at](requests asked) {
            asked.push_back({at, false});
            if (one.variant % 2 == 1) asked.push_back({at, false});
            return task(here.at, asked, body);
        };
        return collect(here.later(each), {cancelled}, 0, start_of(one));
    });
}

alternatives oracle::shielded_handle(node const& one, place const& here) {
    ending const child = ending_of(here.at, of(one[0]));
    value const own = start_of(one);
    alternatives const limited =
        within(here, length(one), one.time == 0, [&](place const& inside) { return await_shielded(inside, child, true); });
    return limited.then([&](alternative each) -> alternatives {
        if (each.came_to == outcome::failure(code_timeout)) return with_value(await(here.later(each), child), mix(own, 2));
        if (!each.came_to.failed) each.came_to.data = mix(mix(own, 1), each.came_to.data);
        if (!each.came_to.cancelled()) return each;
        // By who waits, or by the task.
        effects dropped = detached(child({}));
        dropped.reported.perhaps();
        each.did.both(dropped);
        return each;
    });
}

alternatives oracle::time_limit(node const& one, place const& here) {
    request const first{here.at + length(one), one.time == 0};
    request_set const own = request_set{1} << here.asked.size();
    place inside = here;
    inside.asked.push_back(first);
    return eval(one[0], inside).then([&](alternative const& each) {
        if (each.came_to.failed) return leave_limit(here, first, each);
        auto const second = [&](place const& then, request limit) {
            value const sum = mix(start_of(one), each.came_to.data);
            return with_value(eval(one[1], then), sum).then([&](alternative const& last) {
                return leave_limit(here, limit, last);
            });
        };
        bool const passed = first.before || first.at < each.at || (each.seen & own) != 0;
        alternatives result;
        if (passed || first.at == each.at) result.add(second(inside.later(each), first));
        if (passed) return result;
        place moved = inside.later(each);
        request const later{one.variant % 2 == 1 ? never : each.at + other_length(one), false};
        moved.asked.back() = later;
        result.add(second(moved, later));
        return result;
    });
}

alternatives oracle::spawn_around(node const& one, place const& here) {
    ending const background = ending_of(here.at, of(one[0]));
    return eval(one[1], here).then([&](alternative each) -> alternatives {
        if (each.came_to.failed) {
            each.did.both(detached(background({})));
            return each;
        }
        return with_value(await(here.later(each), background), mix(start_of(one), each.came_to.data));
    });
}

alternatives oracle::gather_mixed(node const& one, place const& here) {
    return gather(here, {eval(one[0], here), await(here, ending_of(here.at, of(one[1]))), sleep(here, length(one))}, start_of(one),
                  false);
}

alternatives oracle::gather_handles(node const& one, place const& here) {
    std::vector<alternatives> all;
    for (auto const& child : one.children) all.push_back(await(here, ending_of(here.at, of(*child))));
    return gather(here, all, start_of(one), false);
}

alternatives oracle::sequence(node const& one, place const& here, std::size_t from, value sum) {
    if (from == one.children.size()) return value_at(here, sum);
    return eval(one[from], here).then([&](alternative const& each) {
        return each.came_to.failed ? alternatives(each) : sequence(one, here.later(each), from + 1, mix(sum, each.came_to.data));
    });
}

alternatives oracle::inner(node const& one, place const& here) {
    value const own = start_of(one);
    switch (one.what) {
        case kind::guarded:
        case kind::cleanup:
        case kind::replaced:
            return guarded(one, here);
        case kind::spawn_await:
        case kind::spawn_named:
        case kind::spawn_look:
        case kind::spawn_twice:
        case kind::spawn_shared:
        case kind::spawn_detached:
        case kind::spawn_cancels_itself:
        case kind::spawn_takes_back:
        case kind::context_set:
        case kind::shielded:
            return spawned(one, here);
        case kind::spawn_cancelled:
            return cancelled_by_another(one, here);
        case kind::context_scoped:
            return with_value(eval(one[0], here), own);
        case kind::wait_for:
            return with_value(within(here, length(one), one.time == 0, of(one[0])), own);
        case kind::shielded_handle:
            return shielded_handle(one, here);
        case kind::time_limit:
            return time_limit(one, here);
        case kind::spawn_around:
            return spawn_around(one, here);
        case kind::gather_mixed:
            return gather_mixed(one, here);
        case kind::sequence:
            return sequence(one, here, 0, own);
        case kind::gather_tuple:
        case kind::gather_vector:
        case kind::gather_void:
            return gather(here, children(one, here), own, false);
        case kind::results_tuple:
        case kind::results_vector:
            return gather(here, children(one, here), own, true);
        case kind::gather_handles:
            return gather_handles(one, here);
        case kind::gather_wide: {
            // Of the others all do the same.
            auto all = children(one, here);
            all.push_back(sleep(here, 0));
            return gather(here, all, own, false);
        }
        case kind::gather_limit:
            return limited(here, one, false);
        case kind::results_limit:
            return limited(here, one, true);
        case kind::first_tuple:
        case kind::first_vector:
            return first(one, here);
        case kind::wait:
            return wait(one, here);
        case kind::as_completed:
            return as_completed(one, here);
        case kind::group:
            return group(one, here);
        default:
            return leaf(one, here);
    }
}

}  // namespace weft::test
