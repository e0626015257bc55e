// SPDX-License-Identifier: MIT
// lib/README.md, "Timers", "While a worker sleeps": lib/timer_driver.cpp, worker::watch_time, armed_timer,
// stop_searching and sleep.
// What is left out, and why it may be, is in README.md beside this file.

#define W 3
#ifndef JOBS
#define JOBS 1  /* that are there from the start; each timer that expires is one more */
#endif
#ifndef ARMS
#define ARMS 2  /* timers that are armed in all */
#endif
#ifndef DISARMS
#define DISARMS 0
#endif

/* Timers expire at the moments 1 and 2. There is no clock: whoever looks at it finds any time, and any deadline may have passed. */
#define NEVER 3
#define S 2 /* All workers do the same, so those that arm may be the first. */

/* A stripe: bit 0, a timer that expires at 1; bit 1, one that expires at 2. `earliest` is what all may read. */
byte wheel[S];
byte earliest[S] = NEVER;
#define FIRST_OF(bits) ((bits & 1) -> 1 : ((bits & 2) -> 2 : NEVER))

byte kept_until = NEVER;
#define NOBODY W
byte timekeeper = NOBODY;
bool keeping;       /* the lock */

/* As in sleep_wake.pml. */
byte searching, asleep;
bool listed[W];
#define EMPTY 0
#define PARKED 1
#define TOKEN 2
byte parker[W];
byte deadline[W] = NEVER;

byte jobs = JOBS;   /* in all queues together */
byte arms = ARMS, disarms = DISARMS;
byte computing;

#define WANTS_WAKING (asleep > 0 && searching == 0)
#define KEEPS(w, moment) (parker[w] == PARKED && deadline[w] <= moment)
#define IS_KEPT(moment) (KEEPS(0, moment) || KEEPS(1, moment) || KEEPS(2, moment))

/* Where a worker parks or begins to compute for ever: if that leaves nobody who does anything else, and one of them sleeps, it
   does so until the next expiry at most. */
#define STANDSTILL (computing + (parker[0] == PARKED) + (parker[1] == PARKED) + (parker[2] == PARKED) == W && computing < W)
#define NEXT FIRST_OF((wheel[0] | wheel[1]))
bool overslept;
inline check() {
    overslept = (STANDSTILL && NEXT != NEVER && !IS_KEPT(NEXT));
    assert(!overslept)
}

/* One step, where sleep_wake.pml has more: what comes between them is that model's matter. So with the looks into the queues, which
   go together with the changes of the word here. */
inline wake_one() {
    if
    :: atomic { WANTS_WAKING ->
        if
        :: listed[0] -> i = 0
        :: listed[1] -> i = 1
        :: listed[2] -> i = 2
        fi;
        listed[i] = false; asleep--; searching++; parker[i] = TOKEN; i = 0 }
    :: !(WANTS_WAKING)
    fi
}

/* timer_driver::next_expiry, one load after the other. */
inline next_expiry() {
    found = earliest[0];
    atomic { if :: earliest[1] < found -> found = earliest[1] :: else fi }
}

/* worker::watch_time, with timer_driver::unkept. */
inline watch_time() {
    if
    :: watch ->
        watch = false;
        next_expiry();
        atomic { want = (found < kept_until); found = 0 };
        if
        :: atomic { want && asleep > 0 -> want = false }; wake_one()
        :: atomic { else -> want = false }
        fi
    :: else
    fi
}

/* Under the stripe's lock, and the one store that others see: in one step. */
inline insert() {
    if
    :: !(wheel[me] & 1) -> wheel[me] = wheel[me] | 1; if :: earliest[me] > 1 -> earliest[me] = 1 :: else fi
    :: !(wheel[me] & 2) -> wheel[me] = wheel[me] | 2; if :: earliest[me] > 2 -> earliest[me] = 2 :: else fi
    :: else
    fi
}
inline disarm() {
    atomic { disarms > 0 ->
        disarms--;
        if :: i = 0 :: i = 1 fi;
        if :: wheel[i] & 1 -> wheel[i] = wheel[i] & 2 :: wheel[i] & 2 -> wheel[i] = wheel[i] & 1 :: else fi;
        if :: wheel[i] == 0 -> earliest[i] = NEVER :: else fi;
        i = 0 }
}

/* What is due of a stripe, under its lock: one step. */
inline fire_stripe(s) {
    atomic { earliest[s] != NEVER ->
        if
        :: wheel[s] == 3 -> wheel[s] = 2; earliest[s] = 2; i++
        :: i = i + (wheel[s] & 1) + (wheel[s] >> 1); wheel[s] = 0; earliest[s] = NEVER
        fi }
}
/* A stripe whose lock somebody else has is left out, so any may be; which makes no difference between a worker that looks at the
   clock and one that does not. A single timer is this worker's next job; of more it tells others. */
inline fire_timers() {
    do
    :: fire_stripe(0)
    :: fire_stripe(1)
    :: break
    od;
    if
    :: atomic { i > 1 -> jobs = jobs + i; i = 0 }; wake_one()
    :: atomic { i == 1 -> jobs++; i = 0 }
    :: i == 0
    fi
}

inline fall_asleep() {
    atomic { listed[me] = true; asleep++; if :: searches -> searching-- :: else fi; searches = false; work = (jobs > 0) }
}

/* Both hold the lock `keeping`; inside, others see each read and store by itself. */
inline keep_time() {
    atomic { !keeping -> keeping = true };
    next_expiry();
    if
#ifdef BUG_ROLE_ONLY_WHERE_THERE_IS_NONE
    :: atomic { timekeeper == NOBODY && found < kept_until -> timekeeper = me };
#else
    :: atomic { found < kept_until -> timekeeper = me };
#endif
        atomic { kept_until = found; until = found; keeping = false }
    :: atomic { else -> until = NEVER; keeping = false }
    fi;
    found = 0
}
inline stop_keeping_time() {
    if
    :: until == NEVER
    :: else ->
        until = NEVER;
#ifdef BUG_KEPT_UNTIL_STAYS
        skip
#else
        /* One store that others see, and one word that only the lock's holders do. */
        atomic { !keeping ->
            if
            :: timekeeper == me -> timekeeper = NOBODY; kept_until = NEVER
            :: else
            fi }
#endif
    fi
}

active [W] proctype worker() {
    byte me = _pid;
    byte i, found;
    byte until = NEVER;
    bool searches, work, token, watch, want;

next_job:
    fire_timers();
    if
    :: atomic { jobs > 0 -> jobs-- }; goto begin
    :: jobs == 0
    fi;

    /* search */
    if
    :: atomic { !searches && 2 * searching < W - asleep -> searching++; searches = true }
    :: !searches && 2 * searching >= W - asleep
    :: searches
    fi;
    /* It may find nothing though there is something: others contend for it. */
    if
    :: atomic { jobs > 0 -> jobs-- }; goto begin
    :: goto sleep
    fi;

begin:
    if
    :: searches ->
        atomic { searching--; searches = false; work = (searching == 0 && asleep > 0 && jobs > 0) };
#ifndef BUG_NO_CHECK_AFTER_SEARCH
        watch = true;
#endif
        if :: work -> work = false; wake_one() :: else fi
    :: else
    fi;
    watch_time();
    do
    :: break
    :: disarm()
        /* A coroutine suspends by this; its gather's next child goes on at once, or the loop. */
#ifdef BUG_CHECK_BEFORE_ARMING
    :: atomic { arms > 0 && me < S -> arms--; watch = true };
        watch_time();
        atomic { insert() };
#else
    :: atomic { arms > 0 && me < S -> arms--; insert() };
#ifndef BUG_NO_CHECK_AFTER_ARMING
        watch = true;
#endif
#endif
        if
        :: watch_time()
        :: break
        fi
    :: computing + 1 < W -> atomic { computing++; check() }; goto compute
    od;
    goto next_job;

sleep:
#ifdef BUG_STRIPES_READ_BEFORE_ASLEEP
    keep_time();
#endif
    fall_asleep();
    if
    :: work
    :: else ->
#ifndef BUG_STRIPES_READ_BEFORE_ASLEEP
        keep_time();
#endif
        if
        :: atomic { parker[me] == TOKEN -> parker[me] = EMPTY; token = true }
        :: atomic { parker[me] == EMPTY -> parker[me] = PARKED; deadline[me] = until; check() };
end_parked:
            if
            :: atomic { parker[me] == TOKEN -> parker[me] = EMPTY; token = true; deadline[me] = NEVER }
            :: atomic { deadline[me] != NEVER -> token = (parker[me] == TOKEN); parker[me] = EMPTY; deadline[me] = NEVER }
            fi
        fi
    fi;
    stop_keeping_time();
    if
    :: token
    :: else ->
        if
        :: atomic { listed[me] -> listed[me] = false; asleep--; searching = searching + work; searches = work }
        :: !listed[me] -> atomic { parker[me] == TOKEN -> parker[me] = EMPTY; token = true }
        fi
    fi;
    d_step {
        if :: token -> searches = true :: else fi;
#ifndef BUG_NO_CHECK_AFTER_WAKING
        watch = true;
#endif
        token = false; work = false
    };
    goto next_job;

compute:
end_computing:
    false
}
