# SPDX-License-Identifier: MIT
"""All that is compared: how each is named and coloured; of those that are programs of their own also how each is built, and what it
can do."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from workloads import PYTHON_SIZES

SOURCES = Path(__file__).resolve().parent.parent / "peers"
FORK_JOIN = {"fib", "skynet", "nqueens"}
MICRO = {"spawn", "gather", "yield", "sleepers", "sleep", "arm_cancel", "loaded_sleep", "submit", "idle"}


class Failed(Exception):
    """A command failed; what it printed."""


def run(command, folder=None, **environment):
    done = subprocess.run(command, cwd=folder, env={**os.environ, **environment}, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout.strip()


# Each of these takes the build folder and returns the command to which WORKLOAD SIZE THREADS are appended, and what ran.


def asio(build):
    """Built by CMake with weft's compiler and flags."""
    run(["cmake", "--build", build, "--target", "asio_peer"])
    program = build / "benchmarks" / "asio_peer"
    return [program], run([program, "--version"])


def go(build):
    folder = build / "peers" / "go"
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "go_peer"
    run(["go", "build", "-o", program, *sorted((SOURCES / "go").glob("*.go"))], folder,
        GOCACHE=str(folder / "cache"), GOFLAGS="", GOPROXY="off", GO111MODULE="auto")
    return [program], run([program, "--version"])


def tokio(build):
    """In a copy, because Cargo.lock, which names what this system has, is written beside Cargo.toml."""
    folder = build / "peers" / "tokio"
    shutil.copytree(SOURCES / "tokio", folder, dirs_exist_ok=True)
    registry = "/usr/share/cargo/registry"
    run(["cargo", "build", "--release", "--offline", "--config", 'source.crates-io.replace-with="system"',
         "--config", f'source.system.directory="{registry}"'], folder, CARGO_HOME=str(folder / "cargo"),
        CARGO_TARGET_DIR=str(folder / "target"))
    locked = re.search(r'^name = "tokio"\s+version = "([^"]+)"', (folder / "Cargo.lock").read_text(), re.MULTILINE)
    if not locked:
        raise Failed(f"{folder / 'Cargo.lock'} names no version of Tokio")
    compiler = " ".join(run(["rustc", "--version"]).split()[:2])
    return [folder / "target" / "release" / "tokio_peer"], f"Tokio {locked[1]}, {compiler}"


def event_loop(name):
    def prepare(_build):
        command = [sys.executable, SOURCES / "asyncio" / "main.py", name]
        return command, run([*command, "--version"])

    return prepare


@dataclass(frozen=True)
class Peer:
    title: str
    colour: str
    prepare: Callable = None  # None: in weft's own programs
    workloads: frozenset = frozenset()
    one_worker: bool = False
    sizes: dict = field(default_factory=dict)  # where it needs others
    only_size: frozenset = frozenset()  # workloads that it has in one size alone, also with --quick


# In the order of tables and plots.
PEERS = {
    "weft": Peer("weft", "#c1272d"),
    "tbb": Peer("oneTBB", "#0071bc"),
    "serial": Peer("serial", "#808080"),
    "asio": Peer("Asio", "#5e3c99", asio, frozenset(FORK_JOIN | MICRO), only_size=frozenset({"nqueens"})),
    "go": Peer("Go", "#00a29c", go, frozenset(FORK_JOIN | MICRO | {"matmul"})),
    "tokio": Peer("Tokio", "#d95f02", tokio, frozenset(FORK_JOIN | MICRO)),
    "asyncio": Peer("asyncio", "#3b7a3b", event_loop("asyncio"), frozenset(FORK_JOIN | MICRO), one_worker=True, sizes=PYTHON_SIZES),
    "uvloop": Peer("uvloop", "#a6a635", event_loop("uvloop"), frozenset(FORK_JOIN | MICRO), one_worker=True, sizes=PYTHON_SIZES),
}
