# SPDX-License-Identifier: MIT
"""Runs what benchmarks/run.sh has built, and the peers, which it builds; writes results.json, table.txt and the plots.
usage: python3 benchmarks/compare BUILD [--quick] [--peers NAME,...] WORKLOAD..."""

import argparse
import concurrent.futures
import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import machine
import peers
import table
import workloads
from workloads import Job, Row

WATCHDOG_SECONDS = 300
REPETITIONS = 5

SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
GOOGLE_KEYS = {
    "name", "family_index", "per_family_instance_index", "run_name", "run_type", "repetitions", "repetition_index", "threads",
    "iterations", "real_time", "cpu_time", "time_unit", "items_per_second", "error_occurred", "error_message", "label",
}


def own_jobs(program, quick):
    """Of one of weft's programs: every benchmark in it. Names are workload/library/word/parameter:value/threads:n/real_time."""
    jobs = []
    for name in peers.run([program, "--benchmark_list_tests"]).splitlines():
        workload, library, *rest = [part for part in name.split("/") if part != "real_time"]
        numbers = dict(part.split(":") for part in rest if ":" in part)
        workers = int(numbers.pop("threads", 1))
        workload = " ".join([workload, *(part for part in rest if ":" not in part)])
        parameter, size = next(iter(numbers.items()))
        command = (program, f"--benchmark_filter=^{name}$", "--benchmark_format=json",
                   *(["--benchmark_min_time=0.01"] if quick else []))
        jobs.append(Job(Row(workload, parameter, int(size), workers), library, int(size), workers, command, google=True))
    return jobs


def beside(rows, row):
    """What has one worker only stands beside weft's fewest."""
    same = [other for other in rows if (other.workload, other.parameter, other.size) == (row.workload, row.parameter, row.size)]
    return min(same, default=None)


def smallest(rows):
    """For --quick: one row of each workload."""
    kept = {}
    for row in sorted(rows, key=lambda row: (-row.size, row.workers)):
        kept[row.workload] = row
    return list(kept.values())


def peer_jobs(rows, name, command, quick):
    peer = peers.PEERS[name]
    jobs = []
    for row in rows:
        if row.workload not in peer.workloads or row.size not in workloads.PEER_SIZES.get(row.workload, []):
            continue
        if peer.one_worker and row != beside(rows, row):
            continue
        size = peer.sizes.get(row.workload, row.size)
        if quick and row.workload not in peer.only_size:
            size = min(size, workloads.QUICK_SIZES.get(row.workload, size))
        workers = 1 if peer.one_worker else row.workers
        jobs.append(Job(row, name, size, workers, (*command, row.workload, str(size), str(workers))))
    return jobs


def all_jobs(program, commands, quick):
    own = own_jobs(program, quick)
    rows = [job.row for job in own if job.peer == "weft"]
    if quick:
        rows = smallest(rows)
    jobs = []
    for job in own:
        if job.peer == "serial":
            job = replace(job, row=beside(rows, job.row))
        if job.row in rows:
            jobs.append(job)
    for name, command in commands.items():
        jobs += peer_jobs(rows, name, command, quick)
    return jobs


def parse(job, output):
    if not job.google:
        return {name: float(value) for name, value in (word.split("=") for word in output.split())}
    run = next(run for run in json.loads(output)["benchmarks"] if run["run_type"] == "iteration")
    if run.get("error_occurred"):
        raise peers.Failed(run["error_message"])
    counters = {name: value for name, value in run.items() if name not in GOOGLE_KEYS}
    counters["seconds"] = run["real_time"] * SECONDS[run["time_unit"]]
    if "items_per_second" in run:
        counters["items"] = run["items_per_second"] * counters["seconds"]
    return counters


def run_once(job):
    """What one process measured."""
    try:
        done = subprocess.run(job.command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=WATCHDOG_SECONDS)
    except subprocess.TimeoutExpired:
        raise peers.Failed(f"took longer than {WATCHDOG_SECONDS} s") from None
    except OSError as error:
        raise peers.Failed(str(error)) from None
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise peers.Failed(f"exit code {done.returncode}: {reason[0]}")
    try:
        counters = parse(job, done.stdout)
    except (ValueError, KeyError, StopIteration):
        raise peers.Failed(f"printed something else: {done.stdout[:200]!r}") from None
    absent = [name for name in workloads.needed(job.row.workload) if name not in counters]
    if absent or counters.get("items") == 0:
        raise peers.Failed(f"did not report {', '.join(absent or ['items'])}")
    return counters


class Measured:
    def __init__(self):
        self.runs = []
        self.failures = []

    def fail(self, what, reason):
        print(f"{what} FAILED: {reason}", file=sys.stderr)
        self.failures.append({"what": what, "reason": reason})

    def add(self, job, repetition, once):
        """False when there is no use in running it again."""
        try:
            counters = once()
        except peers.Failed as error:
            self.fail(f"{job.row.workload} {job.row.parameter}:{job.size}, {job.workers} w, {job.peer}", str(error))
            return False
        self.runs.append({"row": vars(job.row), "peer": job.peer, "size": job.size, "workers": job.workers,
                          "repetition": repetition, **counters})
        return True

    def alternate(self, jobs):
        """Each repetition runs every job once, in another order, so that no peer has the quiet minutes to itself."""
        for repetition in range(REPETITIONS):
            random.shuffle(jobs)
            # What has failed is not run again.
            jobs = [job for job in jobs if self.add(job, repetition, lambda job=job: run_once(job))]

    def at_once(self, jobs):
        """For --quick, where the times mean little."""
        with concurrent.futures.ThreadPoolExecutor(max(2, machine.cores())) as pool:
            try:
                for job, future in [(job, pool.submit(run_once, job)) for job in jobs]:
                    self.add(job, 0, future.result)  # which raises what run_once raised
            finally:
                pool.shutdown(cancel_futures=True)  # after Ctrl-C nothing more begins


def measure_all(wanted, folder, versions, measured):
    """Adds to the last two as it goes on."""
    commands = {}
    for name in wanted.peers:
        print(f"== building {name}", flush=True)
        try:
            commands[name], versions[name] = peers.PEERS[name].prepare(wanted.build)
        except (peers.Failed, OSError) as error:
            measured.fail(name, str(error))

    for program in wanted.workloads:
        try:
            jobs = all_jobs(folder / program, commands, wanted.quick)
        except (peers.Failed, OSError) as error:
            measured.fail(program, str(error))
            continue
        if wanted.quick:
            print(f"== measuring {program}", flush=True)
            measured.at_once(jobs)
            continue
        for workload in dict.fromkeys(job.row.workload for job in jobs):
            print(f"== measuring {workload}", flush=True)
            measured.alternate([job for job in jobs if job.row.workload == workload])


def main():
    arguments = argparse.ArgumentParser(usage=__doc__)
    arguments.add_argument("build", type=lambda path: Path(path).resolve())
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--peers", default="", type=lambda names: [name for name in names.split(",") if name])
    arguments.add_argument("workloads", nargs="+")
    wanted = arguments.parse_args()
    folder = wanted.build / "benchmarks"
    for old in ["results.json", "table.txt", *folder.glob("*.svg")]:
        (folder / old).unlink(missing_ok=True)

    measured = Measured()
    versions = {}
    where = {**machine.describe(wanted.build), "peers": versions}  # first: should it fail, nothing measured is lost
    results = {"machine": where, "quick": wanted.quick, "runs": measured.runs, "failures": measured.failures}
    try:
        measure_all(wanted, folder, versions, measured)
    except KeyboardInterrupt:
        measured.fail("what was still to come", "interrupted")
    finally:
        (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    lines = table.summarise(measured.runs)
    written = table.text(lines, measured.failures)
    (folder / "table.txt").write_text(written)
    print(f"\n{machine.in_words(where)}\n\n{written}", flush=True)
    files = ["results.json", "table.txt"]
    try:
        import plots
    except ImportError:
        print("no plots: this Python has no matplotlib")
    else:
        files += plots.draw(results, folder)
    print(f"{folder}: {' '.join(files)}")
    return 1 if measured.failures else 0


if __name__ == "__main__":
    sys.exit(main())
