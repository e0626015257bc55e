# SPDX-License-Identifier: MIT
"""The peers that are programs of their own: how each is built, run and named. A new one is one more entry in PEERS, and one more
case in run.sh's peer_packages and peer_there."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from workloads import PYTHON_SIZES

SOURCES = Path(__file__).resolve().parent.parent / "peers"
FORK_JOIN = {"fib", "skynet", "nqueens"}
MICRO = {"spawn", "gather", "yield", "sleepers", "sleep", "submit", "idle"}


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
    lock = (folder / "Cargo.lock").read_text().split('name = "tokio"\nversion = "')[1].split('"')[0]
    compiler = " ".join(run(["rustc", "--version"]).split()[:2])
    return [folder / "target" / "release" / "tokio_peer"], f"Tokio {lock}, {compiler}"


def event_loop(name):
    def prepare(_build):
        command = [sys.executable, SOURCES / "asyncio" / "main.py", name]
        return command, run([*command, "--version"])

    return prepare


@dataclass(frozen=True)
class Peer:
    prepare: Callable
    workloads: frozenset
    one_worker: bool = False
    sizes: dict = field(default_factory=dict)  # where it needs others
    only_size: frozenset = frozenset()  # workloads that it has in one size alone, also with --quick


PEERS = {
    "asio": Peer(asio, frozenset(FORK_JOIN | MICRO), only_size=frozenset({"nqueens"})),
    "go": Peer(go, frozenset(FORK_JOIN | MICRO | {"matmul"})),
    "tokio": Peer(tokio, frozenset(FORK_JOIN | MICRO)),
    "asyncio": Peer(event_loop("asyncio"), frozenset(FORK_JOIN | MICRO), one_worker=True, sizes=PYTHON_SIZES),
    "uvloop": Peer(event_loop("uvloop"), frozenset(FORK_JOIN | MICRO), one_worker=True, sizes=PYTHON_SIZES),
}

# In the order of tables and plots; the first three are in weft's own programs.
TITLES = {"weft": "weft", "tbb": "oneTBB", "serial": "serial", "asio": "Asio", "go": "Go", "tokio": "Tokio",
          "asyncio": "asyncio", "uvloop": "uvloop"}
