// SPDX-License-Identifier: MIT
// The oracle: computes, one node after the other and without weft, what a program may come to. It goes by what weft promises, and
// by a clock of its own: everything that is no sleep takes no time, so two things happen at the same moment only if one causes the
// other or both have the same cause; of these it allows every order. By the real clock nothing is known of the order: there
// everything happens at one moment.
#pragma once

#include "programs/alternatives.hpp"
#include "programs/program.hpp"

#include <functional>
#include <vector>

namespace weft::test {

class oracle {
public:
    explicit oracle(bool paused_clock) : paused_(paused_clock) {}

    // Of the main task. Throws too_wide.
    alternatives run(node const& root);

private:
    // Somebody asks a coroutine to end.
    struct request {
        moment at = 0;
        bool before = false;  // certainly before what is looked at begins
    };
    using requests = std::vector<request>;
    // Where a coroutine stands: who may ask it to end, when it is, and what it has been told of.
    struct place {
        requests asked;  // of the task first, then of the scopes inside; the bits of `seen` count them
        moment at = 0;
        request_set seen = 0;

        [[nodiscard]] place later(alternative const& then) const { return {asked, then.at, then.seen}; }
    };
    using piece = std::function<alternatives(place const&)>;
    // A task, given what else cancels it than what was known when it was spawned.
    using ending = std::function<alternatives(requests const&)>;

    // Which requests have come, or may have, at a moment: those seen already left out.
    struct arrived {
        request_set certainly = 0;
        request_set perhaps = 0;  // at this very moment
    };
    static arrived arrived_at(place const& here, moment when);
    static alternative value_at(place const& here, value what);

    moment length(node const& one) const { return paused_ ? length_of(one) : 0; }
    moment other_length(node const& one) const { return paused_ ? other_length_of(one) : 0; }

    // Waits for a moment, at a cancellation point. The outcome of those who come through is a value.
    static alternatives suspend(place const& here, moment until);
    // The same for what may have happened before anybody waits for it.
    static alternatives suspend_unless_ready(place const& here, moment until);
    alternatives sleep(place const& here, moment duration) const;
    // What waiting for children, or until `end`, tells the one who waits when that is over.
    static alternatives joined(place const& here, alternative ended, bool cancels);

    // A spawned task of one piece: `first` is what it asks of itself at its beginning.
    static alternatives task(moment spawned, requests const& asked, piece const& body, bool cancels_itself = false);
    static ending ending_of(moment spawned, piece const& body, bool cancels_itself = false);
    // One that has ended, or will, whoever asks for what.
    static ending constant(alternative const& known);
    // co_await handle.
    static alternatives await(place const& here, ending const& of);
    static alternatives await_shielded(place const& here, ending const& of, bool kept);
    // Nobody awaits it.
    static effects detached(alternative one);
    static effects detached(alternatives const& all);

    static alternatives gather(place const& here, std::vector<alternatives> const& children, value start, bool results);
    alternatives limited(place const& here, node const& one, bool results);
    alternatives within(place const& here, moment duration, bool at_once, piece const& body) const;
    // Whether being cancelled becomes a timeout_error there, on the way out of a limit.
    static alternatives leave_limit(place const& entered, request limit, alternative ended);

    alternatives eval(node const& one, place const& here);
    alternatives inner(node const& one, place const& here);
    piece of(node const& one);
    std::vector<alternatives> children(node const& one, place const& here);
    std::vector<alternatives> tasks(node const& one, moment spawned);

    alternatives leaf(node const& one, place const& here);
    alternatives guarded(node const& one, place const& here);
    alternatives spawned(node const& one, place const& here);
    alternatives cancelled_by_another(node const& one, place const& here);
    alternatives shielded_handle(node const& one, place const& here);
    alternatives time_limit(node const& one, place const& here);
    alternatives spawn_around(node const& one, place const& here);
    alternatives gather_mixed(node const& one, place const& here);
    alternatives gather_handles(node const& one, place const& here);
    alternatives sequence(node const& one, place const& here, std::size_t from, value sum);
    alternatives first(node const& one, place const& here);
    alternatives wait(node const& one, place const& here);
    alternatives as_completed(node const& one, place const& here);
    alternatives group(node const& one, place const& here);
    static void group_ends(alternatives& to, node const& one, place const& here, std::span<alternative const* const> ends);

    // Awaits one after the other, with failures as values.
    static alternatives collect(place const& here, std::vector<ending> const& all, std::size_t from, value sum);

    bool paused_;
    int steps_ = 0;
};

}  // namespace weft::test
