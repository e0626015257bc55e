// SPDX-License-Identifier: MIT
// lib/README.md, "Run groups": lib/run_group.cpp, run_to_end, release_ended; and the end of a runtime: scheduler::stop.
// What is left out, and why it may be, is in README.md beside this file.
//
// Without SUBMIT: RUNS runs, one after the other, which use one group; in each a main task and what it spawns. With it: tasks from
// outside and what they spawn, while the runtime is being destroyed.

#define W 3
#ifndef SPAWNS
#define SPAWNS 2    /* tasks that are spawned by tasks, in all */
#endif
#ifndef RUNS
#define RUNS 1
#endif
#ifndef SUBMITS
#define SUBMITS 2
#endif

/* run_group, as others than the writer see it. */
byte begun[W], ended[W];
byte begun_outside;
bool draining, over, mutex;

/* What a worker has stored and what has not left its store buffer: in order. A pushed task is not in reach of others before. */
mtype = { COUNT_BEGUN, PUSH, COUNT_ENDED };
chan buffer[W] = [5] of { mtype };

byte bag;           /* tasks in all queues; who sleeps while one is there is woken: that is sleep_wake.pml's matter */
bool main_waits;    /* a main task among them */
byte alive;         /* begun and not ended: what run() must not return before */
byte spawns = SPAWNS;

bool stopping;      /* written without an order; with its token a worker has it for sure */
bool told[W];
#define EMPTY 0
#define PARKED 1
#define TOKEN 2
byte parker[W];
byte left;          /* threads that have ended */

inline store(what, who) {
    if
    :: what == COUNT_BEGUN -> begun[who]++
    :: what == PUSH -> bag++
    :: what == COUNT_ENDED -> ended[who]++
    fi
}
/* In one step where the processor does so: a locked instruction, or that of another thread that passes a process barrier. */
inline drain(who) {
    do
    :: buffer[who]?entry -> store(entry, who)
    :: empty(buffer[who]) -> break
    od
}
inline heavy_fence() {
    atomic { drain(0) };
    atomic { drain(1) };
    atomic { drain(2) }
}
inline lock() { atomic { !mutex -> mutex = true; if :: me < W -> drain(me) :: else fi } }

/* run_group::look. One load after the other, and the ends first. */
inline look() {
    lock();
    if
    :: draining ->
#ifdef BUG_BEGINS_READ_FIRST
        sum = begun_outside + begun[0];
        sum = sum + begun[1];
        sum = sum + begun[2];
        sum = sum - ended[0];
        sum = sum - ended[1];
        sum = sum - ended[2];
#else
        sum = ended[0];
        sum = sum + ended[1];
        sum = sum + ended[2];
        sum = sum - begun_outside - begun[0];
        sum = sum - begun[1];
        sum = sum - begun[2];
#endif
        atomic { found = (sum == 0); over = (over || found); sum = 0; mutex = false }
    :: atomic { else -> mutex = false }
    fi
}

inline start_draining() {
#ifdef BUG_LOOK_BEFORE_DRAINING
    heavy_fence();
    atomic { lock(); sum = ended[0] + ended[1] + ended[2] - begun_outside - begun[0] - begun[1] - begun[2];
        if :: sum == 0 -> over = true :: else fi; sum = 0; mutex = false };
    atomic { lock(); draining = true; mutex = false }
#else
    /* Alone inside, and one store. */
    atomic { lock(); draining = true; mutex = false };
    look();
    if
    :: found
    :: !found ->
#ifndef BUG_DRAIN_WITHOUT_FENCE
        heavy_fence();
#endif
        look()
    fi;
    found = false
#endif
}

active [W] proctype worker() {
    byte me = _pid;
    mtype entry;
    bool is_main, found;
    short sum;

loop:
    if
    :: told[me] -> goto quit
    :: stopping -> goto quit
    :: !told[me] /* an old value, or none */
    fi;
    if
    /* Taking is a locked instruction. */
    :: atomic { bag > 0 -> bag--; drain(me) }
    :: atomic { main_waits -> main_waits = false; is_main = true; drain(me) }
    :: goto sleep
    fi;

    do
    :: atomic { spawns > 0 -> spawns--; alive++ };
#ifdef BUG_BEGUN_COUNTED_AFTER_PUSH
        buffer[me]!PUSH;
        buffer[me]!COUNT_BEGUN
#else
        buffer[me]!COUNT_BEGUN;
        buffer[me]!PUSH
#endif
    :: break
    od;
    assert(alive > 0);
    /* The frame goes before its end is counted. */
    alive--;
#ifdef BUG_END_PASSES_BEGIN
    ended[me]++;
#else
    buffer[me]!COUNT_ENDED;
#endif
    /* A light fence is no instruction. */
    if
    :: draining -> look(); found = false
    :: !draining
    fi;
    if
    :: is_main -> is_main = false; start_draining()
    :: else
    fi;
    goto loop;

sleep:
    /* Changing the counts of the sleepers is a locked instruction. */
    atomic { drain(me) };
    if
    :: bag > 0 || main_waits -> goto loop
    :: told[me] -> goto quit
    :: stopping -> goto quit
    :: !told[me]
    fi;
    if
    :: atomic { parker[me] == TOKEN -> parker[me] = EMPTY }
    :: parker[me] != TOKEN ->
        if
        :: atomic { parker[me] == TOKEN -> parker[me] = EMPTY }
        :: atomic { parker[me] == EMPTY -> parker[me] = PARKED };
            if
            :: atomic { parker[me] == TOKEN -> parker[me] = EMPTY }
            :: atomic { bag > 0 || main_waits -> parker[me] = EMPTY }
            fi
        fi
    fi;
    goto loop;

quit:
    atomic { drain(me); left++ }
}

/* scheduler::stop, when nobody has a job. */
inline stop() {
    stopping = true;
#ifndef BUG_STOP_WITHOUT_TOKENS
    i = 0;
    do
#ifdef BUG_TOKEN_NOT_LEFT
    :: atomic { i < W -> if :: parker[i] == PARKED -> told[i] = true; parker[i] = TOKEN :: else fi; i++ }
#else
    :: atomic { i < W -> told[i] = true; parker[i] = TOKEN; i++ }
#endif
    :: i == W -> break
    od;
#endif
    /* join */
    left == W
}

active proctype outside() {
    byte me = W;
    byte i;
    mtype entry;
    bool found;
    short sum;
#ifndef SUBMIT
    byte runs = RUNS;
    do
    :: runs > 0 ->
        runs--;
        /* begin_run, and the main task goes in. */
        lock();
        atomic { draining = false; over = false; begun_outside++; mutex = false };
        atomic { alive++; main_waits = true };
        atomic { over && !mutex -> assert(alive == 0) }
    :: runs == 0 -> break
    od;
#else
    /* ~runtime */
    start_draining();
    atomic { over && !mutex -> assert(alive == 0) };
#endif
    stop();
    assert(alive == 0)
}

#ifdef SUBMIT
active proctype submitter() {
    byte me = W;
    byte submits = SUBMITS;
    mtype entry;
    bool found;
    short sum;
    do
    :: submits > 0 ->
        submits--;
        lock();
        if
        :: atomic { draining -> mutex = false }; break
        :: atomic { !draining -> begun_outside++; alive++; mutex = false };
            if
            :: bag++
            :: /* It cannot be made: undo_begin_outside. */
                alive--;
                lock();
                atomic { begun_outside--; mutex = false };
                look();
                found = false
            fi
        fi
    :: break
    od
}
#endif

active proctype hardware() {
    mtype entry;
end:
    do
    :: atomic { buffer[0]?entry -> store(entry, 0) }
    :: atomic { buffer[1]?entry -> store(entry, 1) }
    :: atomic { buffer[2]?entry -> store(entry, 2) }
    od
}
