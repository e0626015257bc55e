#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""asyncio, with its own event loop or uvloop's. One thread, however many are asked for.
usage: main.py asyncio|uvloop WORKLOAD SIZE THREADS      or asyncio|uvloop --version"""

import asyncio
import platform
import random
import resource
import sys
import threading
import time


def fail(message):
    sys.exit(message)


def measure(items, expected, main):
    asyncio.run(main())  # to warm up
    start = time.perf_counter()
    result = asyncio.run(main())
    seconds = time.perf_counter() - start
    if result != expected:
        fail(f"wrong result: {result}")
    return {"items": items, "seconds": seconds}


def percentiles(durations):
    durations.sort()
    at = lambda fraction: durations[int(fraction * (len(durations) - 1))] * 1e6
    return {"p50_us": at(0.50), "p99_us": at(0.99)}


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_rss():
    """Not getrusage's: a process inherits that from whoever started it. 0 where there is no /proc."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    except OSError:
        return 0


# ---- fork-join


async def fibonacci(n):
    if n < 2:
        return n
    a, b = await asyncio.gather(fibonacci(n - 1), fibonacci(n - 2))
    return a + b


def fib(n):
    expected, after = 0, 1
    for _ in range(n):
        expected, after = after, expected + after
    return measure(2 * after - 1, expected, lambda: fibonacci(n))


async def node_sum(first, leaves):
    if leaves == 1:
        return first
    part = leaves // 10
    return sum(await asyncio.gather(*(node_sum(first + i * part, part) for i in range(10))))


def skynet(leaves):
    return measure((leaves * 10 - 1) // 9, leaves * (leaves - 1) // 2, lambda: node_sum(0, leaves))


def safe(board, column):
    row = len(board)
    return all(taken != column and abs(taken - column) != row - other for other, taken in enumerate(board))


async def count(n, board):
    if len(board) == n:
        return 1
    return sum(await asyncio.gather(*(count(n, board + (column,)) for column in range(n) if safe(board, column))))


def nqueens(n):
    # Solutions, and boards with no queen attacked, from the empty one on.
    known = {8: (92, 2057), 13: (73712, 4674890)}
    if n not in known:
        fail("the board is 8 or 13 wide")
    solutions, nodes = known[n]
    return measure(nodes, solutions, lambda: count(n, ()))


# ---- tasks


async def echo(i):
    return i


def spawn(n):
    async def main():
        tasks = [asyncio.create_task(echo(i)) for i in range(n)]
        return sum([await task for task in tasks])

    return measure(n, n * (n - 1) // 2, main)


def gather(n):
    async def main():
        return sum(await asyncio.gather(*(echo(i) for i in range(n))))

    return measure(n, n * (n - 1) // 2, main)


def give_way(tasks):
    async def one():
        for _ in range(1000):
            await asyncio.sleep(0)
        return 1000

    async def main():
        return sum(await asyncio.gather(*(one() for _ in range(tasks))))

    return measure(tasks * 1000, tasks * 1000, main)


def loop_in_thread():
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def stop():
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    return loop, stop


def submit(pause_ms):
    round_trips = 500
    loop, stop = loop_in_thread()

    def round_trip(i):
        if asyncio.run_coroutine_threadsafe(echo(i), loop).result() != i:
            fail("wrong result")

    if pause_ms == 0:
        for i in range(round_trips):
            round_trip(i)  # to warm up
    latency = []
    first = time.perf_counter()
    for i in range(round_trips):
        if pause_ms > 0:
            time.sleep(pause_ms / 1000)
        start = time.perf_counter()
        round_trip(i)
        latency.append(time.perf_counter() - start)
    seconds = time.perf_counter() - first
    stop()
    return {"items": round_trips, "seconds": seconds, **percentiles(latency)}


# ---- timers


def sleep(ms, computing=0):
    naps = 500
    lateness = []

    async def compute():
        """For 50 to 150 µs each time: were it always the same, every sleep would end at the same place of a round, and its
        lateness would say where. By the clock, so that no peer's compiler makes it shorter."""
        turn = 0
        while len(lateness) < naps:
            end = time.perf_counter() + (50 + turn * 37 % 101) * 1e-6
            turn += 1
            while time.perf_counter() < end:
                pass
            await asyncio.sleep(0)

    async def main():
        tasks = [asyncio.create_task(compute()) for _ in range(computing)]
        for _ in range(naps):
            deadline = time.perf_counter() + ms / 1000
            await asyncio.sleep(ms / 1000)
            lateness.append(time.perf_counter() - deadline)
        for task in tasks:
            await task

    start = time.perf_counter()
    asyncio.run(main())
    early = sum(late < 0 for late in lateness)
    return {"items": naps, "seconds": time.perf_counter() - start, "early": early, **percentiles(lateness)}


def loaded_sleep(ms):
    return sleep(ms, computing=2)


def arm_cancel(timers):
    async def main():
        loop = asyncio.get_running_loop()
        cancelled = 0
        for armed in range(1, timers + 1):
            limit = loop.call_later(30, fail, "a timer fired")
            limit.cancel()
            cancelled += limit.cancelled()
            if armed % 1000 == 0:
                await asyncio.sleep(0)  # the loop removes what is cancelled only when it is its turn
        return cancelled

    return measure(timers, timers, main)


def sleepers(n):
    rss, cpu = peak_rss(), cpu_seconds()
    last = 0
    early = 0

    async def sleeper(duration):
        nonlocal last, early
        deadline = time.perf_counter() + duration
        last = max(last, deadline)
        await asyncio.sleep(duration)
        early += time.perf_counter() < deadline

    async def main():
        tasks = [asyncio.create_task(sleeper(random.randint(1, 1000) / 1000)) for _ in range(n)]
        for task in tasks:
            await task

    random.seed(1)
    start = time.perf_counter()
    asyncio.run(main())
    end = time.perf_counter()
    return {
        "items": n,
        "seconds": end - start,
        "early": early,
        "beyond_1s_ms": (end - start - 1) * 1e3,
        "late_ms": (end - last) * 1e3,
        "cpu_s": cpu_seconds() - cpu,
        "rss_bytes_per_task": (peak_rss() - rss) / n,
    }


def idle(sleeping):
    loop, stop = loop_in_thread()
    ended = [asyncio.run_coroutine_threadsafe(asyncio.sleep(5.5), loop) for _ in range(sleeping)]
    time.sleep(0.2)
    before = cpu_seconds()
    time.sleep(5)
    cpu = cpu_seconds() - before
    for one in ended:
        one.result()
    stop()
    return {"items": 1, "seconds": 5, "cpu_ms": cpu * 1e3}


WORKLOADS = {
    "fib": fib,
    "skynet": skynet,
    "nqueens": nqueens,
    "spawn": spawn,
    "gather": gather,
    "yield": give_way,
    "submit": submit,
    "sleep": sleep,
    "sleepers": sleepers,
    "arm_cancel": arm_cancel,
    "loaded_sleep": loaded_sleep,
    "idle": idle,
}


def main(arguments):
    if len(arguments) not in (2, 4) or arguments[0] not in ("asyncio", "uvloop"):
        print(__doc__, file=sys.stderr)
        return 2
    loop, workload, *numbers = arguments
    name = f"Python {platform.python_version()}"
    if loop == "uvloop":
        import uvloop

        uvloop.install()
        name = f"uvloop {uvloop.__version__}, {name}"
    if workload == "--version" and not numbers:
        print(name)
        return 0
    if workload not in WORKLOADS or len(numbers) != 2 or not all(number.isdigit() for number in numbers):
        print(__doc__, file=sys.stderr)
        return 2
    counters = WORKLOADS[workload](int(numbers[0]))
    print(*(f"{name}={value:.9g}" for name, value in counters.items()), f"peak_rss_bytes={peak_rss()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
