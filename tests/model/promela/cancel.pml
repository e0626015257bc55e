// SPDX-License-Identifier: MIT
// lib/README.md, "Cancellation": suspend_cancellably, request::cancel_one, interrupt, take_from_source, resumed
// (lib/cancellation.*), end_spawned (lib/task_core.cpp), with sleeps as what is waited for.
// What is left out, and why it may be, is in README.md beside this file.
//
// One task, two branches of it that sleep at the same time, a worker that fires timers, and two threads that cancel the task.

#define BRANCHES 2
#define CANCELLERS 2
#ifndef SLEEPS
#define SLEEPS 2
#endif

bool list_lock, wheel_lock, waiters_lock;
byte requests;
bool ended;
byte done;              /* cancellers that have returned */
byte branches_done;

/* Of each branch: its node, which stands in its frame. */
byte seen[BRANCHES];    /* promise.seen while it is suspended, worker.seen while it runs */
bool node[BRANCHES];    /* is there */
bool in_list[BRANCHES];
bool listed[BRANCHES];  /* the node's own word for that */
bool armed[BRANCHES];   /* in the wheel */
byte scheduled[BRANCHES];

inline take(lock) { atomic { !lock -> lock = true } }

/* What makes ready is one push; two at the same time would resume a coroutine twice. */
inline schedule(which) { atomic { assert(scheduled[which] == 0); scheduled[which]++ } }

proctype branch(byte me) {
    byte sleeps = SLEEPS;
    bool cancelled;
    do
    :: sleeps > 0 ->
        sleeps--;
        /* suspend_cancellably */
        atomic { node[me] = true; listed[me] = false };
#ifdef BUG_LOOKS_BEFORE_THE_LOCK
        cancelled = (requests != seen[me]);
        take(list_lock);
#else
        take(list_lock);
        cancelled = (requests != seen[me]);
#endif
        if
        :: cancelled -> list_lock = false; schedule(me)
        :: !cancelled ->
            atomic { assert(!in_list[me]); in_list[me] = true; listed[me] = true };
            /* From here on it may be resumed elsewhere; it comes no further than to the list's lock. */
            atomic { !wheel_lock -> armed[me] = true };
            list_lock = false
        fi;
        if
        :: atomic { scheduled[me] > 0 -> scheduled[me]-- }
        :: atomic { done == CANCELLERS && scheduled[me] == 0 && armed[me] && requests == seen[me] && !list_lock && !wheel_lock ->
            /* It sleeps for long, and nobody has asked for anything: as if its timer fired at last. */
            armed[me] = false }
        fi;
        /* resumed */
        if
        :: listed[me] ->
#ifdef BUG_LEAVES_THE_LIST_WITHOUT_LOCK
            atomic { assert(in_list[me]); in_list[me] = false; listed[me] = false }
#else
            take(list_lock);
            atomic { assert(in_list[me]); in_list[me] = false; listed[me] = false; list_lock = false }
#endif
        :: !listed[me]
        fi;
        /* Here the awaiter goes. */
        atomic { assert(!in_list[me] && !armed[me]); node[me] = false };
        /* It is told; it may go on after that. */
        seen[me] = requests
    :: break
    od;
    branches_done++
}

/* A worker that looks at the clock. */
proctype worker() {
    byte i;
    do
    :: atomic { !wheel_lock && armed[0] -> armed[0] = false; i = 0 }; schedule(i)
    :: atomic { !wheel_lock && armed[1] -> armed[1] = false; i = 1 }; schedule(i)
    :: break
    od
}

proctype canceller() {
    byte i;
    bool woken[BRANCHES];
    take(list_lock);
#ifdef BUG_COUNTS_WITHOUT_THE_END_S_LOCK
    if
    :: ended -> list_lock = false; goto returns
    :: !ended
    fi;
    atomic { assert(!ended); requests++ };
#else
    take(waiters_lock);
    if
    :: ended -> waiters_lock = false; list_lock = false; goto returns
    :: !ended -> requests++; waiters_lock = false
    fi;
#endif
    /* interrupt */
    do
    :: i < BRANCHES ->
        if
        :: in_list[i] ->
            atomic { assert(node[i]); woken[i] = (requests != seen[i]) };
            if
            :: woken[i] ->
                /* take_from_source */
                take(wheel_lock);
                atomic {
                    assert(node[i]);
#ifndef BUG_WAKES_WITHOUT_TAKING
                    woken[i] = armed[i];
#endif
                    armed[i] = false; wheel_lock = false };
                if
                :: woken[i] ->
                    atomic { assert(node[i]); in_list[i] = false };
#ifndef BUG_LISTED_STAYS
                    atomic { assert(node[i]); listed[i] = false }
#endif
                :: else
                fi
            :: else
            fi
        :: !in_list[i]
        fi;
        i++
    :: i == BRANCHES -> break
    od;
    list_lock = false;
    i = 0;
    do
    :: i < BRANCHES -> if :: woken[i] -> assert(node[i]); schedule(i) :: else fi; i++
    :: i == BRANCHES -> break
    od;
returns:
    done++
}

init {
    byte told;
    bool cancelled;
    atomic { run branch(0); run branch(1); run worker(); run canceller(); run canceller() };
    branches_done == BRANCHES;
    /* The gather's parent goes on: it is told of what has been asked. */
    told = requests;
    /* end_spawned, with a value */
    take(waiters_lock);
#ifndef BUG_ENDS_WITHOUT_LOOKING
    if
    :: requests != told -> cancelled = true; told = requests
    :: else
    fi;
#endif
    atomic { ended = true; waiters_lock = false };
    done == CANCELLERS;
    /* Who was answered that the task is cancelled: it has been told so, or has ended so. */
    assert(told == requests)
}
