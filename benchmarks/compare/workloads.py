# SPDX-License-Identifier: MIT
"""What is measured: which sizes the peers get, and what of a run is compared."""

from dataclasses import dataclass

# The rows of weft's own table in which the peers run too, at the same size.
PEER_SIZES = {
    "fib": [30],
    "skynet": [1_000_000],
    "nqueens": [13],
    "matmul": [1024],
    "spawn": [1_000_000],
    "gather": [100_000],
    "yield": [1000],
    "sleepers": [1_000_000],
    "sleep": [1],
    "arm_cancel": [1_000_000],
    "loaded_sleep": [1],
    "submit": [0, 1],
    "idle": [0, 1],
}

# What takes an event loop in Python more than about 20 s at full size.
PYTHON_SIZES = {"fib": 20, "skynet": 10_000, "nqueens": 8, "sleepers": 100_000}

# With --quick: only whether everything works.
QUICK_SIZES = {
    "fib": 15,
    "skynet": 1000,
    "nqueens": 8,
    "matmul": 128,
    "spawn": 10_000,
    "gather": 1000,
    "yield": 10,
    "sleepers": 10_000,
    "arm_cancel": 10_000,
}

# Everything else is compared by its time per item.
COUNTERS = {
    "sleepers": ("beyond_1s_ms", "ms beyond 1 s"),
    "sleep": ("p50_us", "µs late, p50"),
    "loaded_sleep": ("p99_us", "µs late, p99, all workers busy"),
    "storm": ("last_ms", "ms late, the last"),
    "submit": ("p50_us", "µs, p50"),
    "to_thread": ("p50_us", "µs, p50"),
    "idle": ("cpu_ms", "CPU ms in 5 s"),
    "burst": ("wakes", "wake-ups"),
}
ITEMS = {
    "fib": "call",
    "skynet": "node",
    "nqueens": "board",
    "matmul": "multiplication",
    "spawn": "task",
    "gather": "child",
    "yield": "yield",
    "arm_cancel": "timer",
    "arm_cancel_crowded": "timer",
    "arm_cancel_elsewhere": "timer",
    "run": "run",
    "await": "await",
    "wait_for_ready": "await",
    "wait_for_yield": "await",
    "wait_for_handle": "await",
    "timeout_ready": "await",
    "timeout_yield": "await",
    "without_limit_ready": "await",
    "without_limit_yield": "await",
    "without_limit_handle": "await",
    "timer_wheel cancel": "timer",
    "timer_wheel expire": "timer",
}


@dataclass(frozen=True, order=True)
class Row:
    """What is compared with each other. A peer that cannot do the size or the workers gets others, in the same row."""

    workload: str
    parameter: str
    size: int
    workers: int

    def title(self):
        return f"{self.workload} {self.parameter}:{self.size}"


@dataclass(frozen=True)
class Job:
    """One process that measures once, run once in each repetition."""

    row: Row
    peer: str
    size: int
    workers: int
    command: tuple
    google: bool = False  # Google Benchmark's JSON, not one line of key=value


def per_item(workload):
    return workload not in COUNTERS


def unit(workload):
    return f"ns per {ITEMS.get(workload, 'item')}" if per_item(workload) else COUNTERS[workload][1]


def needed(workload):
    """What a run must report."""
    return ["seconds", "items" if per_item(workload) else COUNTERS[workload][0]]


def value(workload, run):
    """What is compared, of one run."""
    return run["seconds"] / run["items"] * 1e9 if per_item(workload) else run[COUNTERS[workload][0]]
