// SPDX-License-Identifier: MIT
// lib/README.md, "The join": lib/join.cpp, worker::run, leave_fork and stay_in_fork, take_over.
// What is left out, and why it may be, is in README.md beside this file.

#define W 3
#ifndef SUSPENSIONS
#define SUSPENSIONS 5  /* in all; each coroutine suspends once at most, but for gathers that settle */
#endif

/* A task gathers two children, the first of which gathers two more. Numbered so that on one queue the younger of two jobs has the
   higher number: children are pushed in reverse, and those of a child above its siblings. */
#define ROOT 0
#define SECOND_OF_ROOT 1
#define FIRST_OF_ROOT 2
#define SECOND_OF_CHILD 3
#define FIRST_OF_CHILD 4
#define NONE 5
/* Gather 0 is the root's, 1 its first child's. */
#define PARENT_OF(g) (g * FIRST_OF_ROOT)
#define FIRST_OF(g) (g -> FIRST_OF_CHILD : FIRST_OF_ROOT)
#define SECOND_OF(g) (g -> SECOND_OF_CHILD : SECOND_OF_ROOT)
#define GATHER_OF(c) (c >= SECOND_OF_CHILD)
#define CHILDREN_OF(g) (g -> 24 : 6)
#define BIT(c) (1 << (c))

/* Sets of coroutines. */
byte forks[W];
byte ready = BIT(ROOT);   /* of all workers: each may take from each, at any time */
byte away = BIT(ROOT);    /* their role; the root's is another one, which is like it in that no fork counts it */
byte ended;               /* and destroyed */
byte forked, suspended;   /* where they are: have gathered; have waited for something else */

#ifdef BUG_PENDING_STARTS_AT_N
byte pending[2] = 2;
#else
byte pending[2] = 3;
#endif
bool gone[2];             /* the parent goes on, and the join may be destroyed */
byte suspensions = SUSPENSIONS;
bool finished;

/* The role is changed by who runs the child: it must be there. */
inline set_away(c) { if :: c != NONE -> assert(!(ended & BIT(c))); away = away | BIT(c) :: else fi }
inline set_joined(c) { if :: c != NONE -> assert(!(ended & BIT(c))); away = away & ~BIT(c) :: else fi }
inline leave_fork() {
    atomic {
        left = child_of_fork;
        set_away(left);
#ifdef BUG_SUSPENDED_CHILD_COUNTED
        if :: fork_settles -> child_of_fork = NONE :: else fi
#else
        child_of_fork = NONE
#endif
    }
}
/* The compare-exchange or read-modify-write that takes the newest or the oldest: one step, as lib/work_deque.hpp promises. */
inline newest_of(set) {
    if
    :: set & 16 -> current = 4
    :: !(set & 16) && set & 8 -> current = 3
    :: !(set & 24) && set & 4 -> current = 2
    :: !(set & 28) && set & 2 -> current = 1
    :: !(set & 30) && set & 1 -> current = 0
    fi;
    set = set & ~BIT(current)
}
inline oldest_of(set) {
    if
    :: set & 1 -> current = 0
    :: !(set & 1) && set & 2 -> current = 1
    :: !(set & 3) && set & 4 -> current = 2
    :: !(set & 7) && set & 8 -> current = 3
    :: !(set & 15) && set & 16 -> current = 4
    fi;
    set = set & ~BIT(current)
}
/* Only who has just taken it knows the job. */
inline take_over() {
#ifndef BUG_STOLEN_STAYS_JOINED
    away = away | BIT(current)
#else
    skip
#endif
}

active [W] proctype worker() {
    byte me = _pid;
    byte current = NONE;
    byte child_of_fork = NONE;
    byte left = NONE;
    byte ended_child_of = NONE;     /* the gather */
    bool giving_way, fork_settles;
    /* The stack above the loop: forks, that of gather 1 above that of gather 0. Of each, which child runs, and how many ended. */
    bool g;
    byte runs[2];
    byte ended_here[2];
    byte outer[2] = NONE;

loop:
    if
    :: atomic { forks[me] > 0 -> newest_of(forks[me]); take_over() }
    :: atomic { forks[(me + 1) % W] > 0 -> oldest_of(forks[(me + 1) % W]); take_over() }
    :: atomic { forks[(me + 2) % W] > 0 -> oldest_of(forks[(me + 2) % W]); take_over() }
    :: atomic { ready > 0 ->
        if
        :: ready & 1 -> current = 0
        :: ready & 2 -> current = 1
        :: ready & 4 -> current = 2
        :: ready & 8 -> current = 3
        :: ready & 16 -> current = 4
        fi;
        ready = ready & ~BIT(current) }
    :: finished -> goto quit
    fi;

resume:
    if
    :: (current == ROOT || current == FIRST_OF_ROOT) && !(forked & BIT(current)) -> g = (current == FIRST_OF_ROOT); goto fork
    :: else
    fi;
    if
    :: atomic { suspensions > 0 && !(suspended & BIT(current)) -> suspensions--; suspended = suspended | BIT(current) };
        /* Whoever may resume it knows it from the second step on. */
#ifdef BUG_ROLE_CHANGED_AFTER_PUBLICATION
        ready = ready | BIT(current);
        leave_fork();
#else
        leave_fork();
        ready = ready | BIT(current);
#endif
    :: atomic {
        /* The end: the result stands in its slot, the frame is destroyed. Nobody reads that but who has seen it counted. */
        assert(!(ended & BIT(current)));
        ended = ended | BIT(current);
        if
        :: current == ROOT -> finished = true
        :: current != ROOT && away & BIT(current) -> ended_child_of = GATHER_OF(current)
        :: else
        fi }
    fi;

returned:
    /* To the fork that has called, or to the loop. */
    atomic { current = NONE; left = NONE; g = (runs[1] > 0) };
    if
    :: runs[0] + runs[1] > 0 -> goto child_returned
    :: else
    fi;
    giving_way = false;
    if
    :: ended_child_of != NONE ->
        /* arrive */
        atomic {
            g = ended_child_of; ended_child_of = NONE;
            assert(!gone[g]); assert(pending[g] > 0);
            pending[g]--;
            if :: pending[g] == 0 -> current = PARENT_OF(g) :: else fi };
        if
        :: current != NONE -> goto parent_goes_on
        :: else
        fi
    :: else
    fi;
    goto loop;

fork:
    atomic { forked = forked | BIT(current); outer[g] = child_of_fork };
    if
    :: giving_way
    :: !giving_way -> giving_way = true
    :: !giving_way ->
        forks[me] = forks[me] | BIT(SECOND_OF(g));
        atomic { current = FIRST_OF(g); child_of_fork = current; runs[g] = 1 };
        goto resume
    fi;
    /* All are pushed by one store. */
    forks[me] = forks[me] | CHILDREN_OF(g);
    goto settle;

child_returned:
    atomic {
        assert(!gone[g]);
        if :: child_of_fork != NONE -> ended_here[g]++ :: else fi };
    if
    :: runs[g] == 2
    :: runs[g] == 1 && giving_way
    :: runs[g] == 1 && !giving_way ->
#ifndef BUG_GIVING_WAY_FORGOTTEN
        giving_way = true
#else
        skip
#endif
    :: runs[g] == 1 && !giving_way ->
        if
        :: atomic { forks[me] > 0 -> newest_of(forks[me]) };
            atomic { assert(current == SECOND_OF(g)); child_of_fork = current; runs[g] = 2 };
            goto resume
        :: forks[me] == 0
        fi
    fi;
    runs[g] = 0;
#ifndef BUG_CHILD_OF_FORK_NOT_RESTORED
    child_of_fork = outer[g];
#endif
    if
    :: ended_here[g] == 2 -> goto parent_goes_on_in_fork
    :: else
    fi;

settle:
    fork_settles = true;
    leave_fork();
    fork_settles = false;
    atomic {
        assert(!gone[g]); assert(pending[g] >= ended_here[g] + 1);
        pending[g] = pending[g] - (ended_here[g] + 1);
        ended_here[g] = 0; outer[g] = NONE;
        if
        :: pending[g] > 0 -> goto suspends
        :: else
        fi };
    /* stay_in_fork */
    atomic {
        child_of_fork = left;
#ifndef BUG_STAYS_AWAY
        set_joined(left)
#endif
    };
parent_goes_on_in_fork:
    current = PARENT_OF(g);
parent_goes_on:
    atomic {
        ended_here[g] = 0; outer[g] = NONE; left = NONE;
        assert(!gone[g]);
        assert((ended & CHILDREN_OF(g)) == CHILDREN_OF(g));
        gone[g] = true };
    if
    :: goto resume
    /* The loop may let others go first: what goes on becomes the newest fork. */
    :: runs[0] + runs[1] == 0 && child_of_fork == NONE -> forks[me] = forks[me] | BIT(current); current = NONE; goto loop
    fi;

suspends:
#ifdef BUG_JOIN_TOUCHED_AFTER_SETTLING
    assert(!gone[g]);
#endif
    goto returned;

quit:
    /* Whoever is the last to look sees that nothing is left. */
    assert(forks[0] == 0 && forks[1] == 0 && forks[2] == 0 && ready == 0)
}
