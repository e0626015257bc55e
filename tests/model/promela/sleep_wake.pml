// SPDX-License-Identifier: MIT
// lib/README.md, "Sleeping and waking": lib/idle.cpp, worker::search, stop_searching and sleep, scheduler::wake_one,
// lib/parker.hpp.
// What is left out, and why it may be, is in README.md beside this file.

#define W 3
#ifndef JOBS
#define JOBS 3      /* published in all, by jobs and from outside */
#endif
#ifndef TIMEOUTS
#define TIMEOUTS 1  /* deadlines that pass while a worker is parked */
#endif

/* The word of the counts. Both halves are read by one load, so an expression reads both in one step. */
byte searching, asleep;
bool listed[W];     /* the list of sleepers; choosing any of them allows more than the last one */
bool mutex;         /* of that list */

/* `forks` and `ready` of a worker together: how many jobs others see there, and one more that its owner has stored and that
   still stands in its processor's store buffer. */
byte queue[W];
bool buffered[W];
byte entrance;
bool buffered_outside;  /* only without its read-modify-write */

/* parker::state_ */
#define EMPTY 0
#define PARKED 1
#define TOKEN 2
byte parker[W];

byte left = JOBS;
byte alive;         /* published and not ended */
byte computing;     /* workers in a job that lasts until all else stands still */
byte timeouts = TIMEOUTS;
bool outside_done;

#define WANTS_WAKING (asleep > 0 && searching == 0)
#define STANDSTILL (outside_done && computing + (parker[0] == PARKED) + (parker[1] == PARKED) + (parker[2] == PARKED) == W)

/* A store buffer keeps the order of stores: when it is full, the older store leaves it. */
inline publish() {
    atomic { left > 0 -> left--; alive++; if :: buffered[me] -> queue[me]++ :: else -> buffered[me] = true fi }
}
inline drain_outside() { atomic { if :: buffered_outside -> entrance++; buffered_outside = false :: else fi } }
inline drain(who) { if :: buffered[who] -> queue[who]++; buffered[who] = false :: else fi }

/* A process barrier comes to one thread after the other. The caller's own buffer is empty already: it has just changed the word. */
inline heavy_fence() {
#ifdef BUG_OUTSIDE_READS_PLAINLY
    drain_outside();
#endif
    atomic { drain((me + 1) % W) };
    atomic { drain((me + 2) % W) }
}

inline steal_half(from) { from--; jobs = (from > 0); from = from - jobs }

/* scheduler::work_visible: one load after the other. */
inline look() {
    work = false;
    do
    :: atomic { i < W -> if :: queue[i] > 0 || (i == me && buffered[i]) -> work = true; i = 0; break :: else -> i++ fi }
    :: atomic { i == W -> work = (entrance > 0); i = 0; break }
    od
}

inline unpark(who) {
#ifdef BUG_TOKEN_NOT_LEFT
    atomic { if :: parker[who] == PARKED -> parker[who] = TOKEN :: else fi }
#else
    parker[who] = TOKEN  /* one exchange */
#endif
}

/* choose_sleeper and unpark. The lock goes together with the first read inside, and the unlock with the last change: who else
   wants the lock is kept out in between anyway. The read and the change are two steps: begin_search and end_search need no lock. */
inline wake_one() {
    atomic { !mutex -> mutex = true; work = WANTS_WAKING; if :: me < W -> drain(me) :: else fi };
    if
    :: atomic { work ->
        if
        :: listed[0] -> i = 0
        :: listed[1] -> i = 1
        :: listed[2] -> i = 2
        fi;
        listed[i] = false; asleep--; searching++; mutex = false; work = false }
        unpark(i);
        i = 0
    :: atomic { else -> mutex = false }
    fi
}

/* After the word has changed, which empties the store buffer: it is a locked instruction, or a release that the next change of the
   word acquires. */
inline end_search() {
    atomic {
        drain(me); assert(searching > 0); searching--; searches = false;
        last = (searching == 0 && asleep > 0);
#if defined BUG_STOP_WITHOUT_FENCE
        fence = false
#elif defined BUG_STOP_FENCE_CONDITION
        fence = (W - asleep > 2)
#else
        fence = (W - asleep > 1)
#endif
    }
}

inline stop_searching() {
    end_search();
#ifndef BUG_LAST_SEARCHER_DOES_NOT_LOOK
    if
    :: last ->
        last = false;
        if :: fence -> fence = false; heavy_fence() :: else fi;
        look();
        if :: work -> wake_one() :: else fi
    :: else
    fi;
#endif
    d_step { last = false; fence = false; work = false }
}

/* One change of the word and of the list, which only holders of the lock see: one step. */
inline fall_asleep() {
    atomic {
        !mutex -> drain(me); listed[me] = true; asleep++; assert(asleep <= W);
        if :: searches -> assert(searching > 0); searching-- :: else fi;
        searches = false;
#if defined BUG_SLEEP_WITHOUT_FENCE
        fence = false
#elif defined BUG_SLEEP_FENCE_CONDITION
        fence = (W - asleep > 1)
#else
        fence = (W - asleep > 0)
#endif
    }
}

/* Nothing happens any more but by an event from outside. Then no job waits while a worker sleeps. */
inline check() {
    assert(computing == W || alive == computing);
    assert(searching == 0);
    assert(asleep + computing == W)
}

active [W] proctype worker() {
    byte me = _pid;
    byte i;
    bool searches, work, last, fence, token, jobs;

next_job:
    /* own_job: what is its own it sees in its store buffer, too. Taking is one step: a compare-exchange of the deque. */
    if
    :: atomic { queue[me] > 0 -> queue[me]-- }; goto found
    :: atomic { queue[me] == 0 && buffered[me] -> buffered[me] = false }; goto found
    :: atomic { queue[me] == 0 && !buffered[me] ->
        if
        :: entrance > 0 -> entrance--; goto found
        :: else
        fi }
    fi;

    /* begin_search. It may be refused: because half of those awake search, or by an old value of the word. */
    if
    :: atomic { !searches && 2 * searching < W - asleep -> searching++; searches = true; drain(me) }
    :: !searches -> goto sleep
    :: searches
    fi;
    /* search_once, as often as it likes: any queue, in any order, and none for sure, since others contend for the same jobs. Of
       two jobs in a queue steal_half takes both: the second one stands in no queue until it is published again. */
    if
    :: atomic { queue[(me + 1) % W] > 0 -> steal_half(queue[(me + 1) % W]) }
    :: atomic { queue[(me + 2) % W] > 0 -> steal_half(queue[(me + 2) % W]) }
    :: atomic { entrance > 0 -> entrance-- }
    :: goto sleep
    fi;
    if
    :: atomic { jobs -> jobs = false; if :: buffered[me] -> queue[me]++ :: else -> buffered[me] = true fi }
    :: else
    fi;

found:
    if :: searches -> stop_searching() :: else fi;

    /* The job. */
    do
    :: publish();
        /* A light fence is no instruction. */
        if :: WANTS_WAKING -> wake_one() :: else fi
    :: break
    :: computing + 1 < W ->
        /* It lasts as long as anything else can happen: what it has published must not wait for it. */
        computing++;
        atomic { STANDSTILL -> check() };
        goto done
    od;
    /* expect_to_search, at the end of a job that tells an outside thread of it. */
    if
    :: atomic { queue[me] == 0 && !buffered[me] && entrance == 0 ->
        if :: 2 * searching < W - asleep -> searching++; searches = true; drain(me) :: else fi }
    :: true
    fi;
    atomic { assert(alive > 0); alive-- };
    goto next_job;

sleep:
    fall_asleep();
    if :: fence -> fence = false; heavy_fence() :: else fi;
#ifndef BUG_NO_LOOK_BEFORE_PARKING
    look();
#endif
    if
    :: work
    :: else ->
        /* parker::park */
        if
        :: atomic { parker[me] == TOKEN -> parker[me] = EMPTY; token = true }
        :: parker[me] != TOKEN ->
            if
            :: atomic { parker[me] == TOKEN -> parker[me] = EMPTY; token = true }
            :: atomic { parker[me] == EMPTY -> parker[me] = PARKED };
                if
                :: atomic { parker[me] == TOKEN -> parker[me] = EMPTY; token = true }
                :: atomic { timeouts > 0 -> timeouts--; token = (parker[me] == TOKEN); parker[me] = EMPTY }
                :: atomic { STANDSTILL -> check() }; goto done
                fi
            fi
        fi
    fi;
    if
    :: token
    :: else ->
        /* rise */
        if
        :: atomic { !mutex && listed[me] -> listed[me] = false; asleep--; searching = searching + work; searches = work }
        :: !mutex && !listed[me] ->
#ifndef BUG_CHOSEN_UNNOTICED
            /* Chosen: the token is on its way. */
            atomic { parker[me] == TOKEN -> parker[me] = EMPTY; token = true }
#endif
        fi
    fi;
    d_step { if :: token -> searches = true :: else fi; token = false; work = false };
    goto next_job;

done:
    skip
}

active proctype outside() {
    byte me = W;
    byte i;
    bool work;
    do
    ::
#ifdef BUG_OUTSIDE_READS_PLAINLY
        atomic { left > 0 -> left--; alive++; if :: buffered_outside -> entrance++ :: else -> buffered_outside = true fi };
        if :: WANTS_WAKING -> wake_one() :: else fi
#else
        atomic { left > 0 -> left--; alive++; entrance++ };
        /* By a read-modify-write: nothing is in a store buffer then. */
        if :: WANTS_WAKING -> wake_one() :: else fi
#endif
    :: break
    od;
    outside_done = true
}

/* What stands in a store buffer leaves it at some time. */
active proctype hardware() {
end:
    do
    :: atomic { buffered[0] -> drain(0) }
    :: atomic { buffered[1] -> drain(1) }
    :: atomic { buffered[2] -> drain(2) }
    :: atomic { buffered_outside -> entrance++; buffered_outside = false }
    od
}
