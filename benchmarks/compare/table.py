# SPDX-License-Identifier: MIT
"""All runs -> what stands in the table and in the plots, one line for each row and peer."""

from dataclasses import dataclass
from statistics import median

import peers
import workloads
from workloads import Row


@dataclass
class Line:
    row: Row
    peer: str
    size: int
    workers: int
    median: float
    least: float
    most: float
    milliseconds: float
    peak_mib: float  # 0: unknown
    counters: dict
    times_weft: float = None  # None: does not compare


STANDARD = {"row", "peer", "size", "workers", "repetition", "seconds", "items", "peak_rss_bytes"}


def summarise(runs):
    groups = {}
    for run in runs:
        groups.setdefault((Row(**run["row"]), run["peer"]), []).append(run)
    lines = {}
    for (row, peer), group in groups.items():
        values = [workloads.value(row.workload, run) for run in group]
        names = sorted(set().union(*group) - STANDARD)
        counters = {name: median(run[name] for run in group if name in run) for name in names}
        if not workloads.per_item(row.workload):
            counters.pop(workloads.COUNTERS[row.workload][0])
        if counters.get("early") == 0:
            del counters["early"]
        lines[row, peer] = Line(
            row, peer, group[0]["size"], group[0]["workers"], median(values), min(values), max(values),
            median(run["seconds"] for run in group) * 1e3,
            median(run.get("peak_rss_bytes", 0) for run in group) / 2**20, counters)
    for (row, _), line in lines.items():
        weft = lines.get((row, "weft"))
        comparable = workloads.per_item(row.workload) or (weft and weft.size == line.size)
        if weft and comparable and weft.median > 0 and line.median > 0:  # who wakes early is late by less than nothing
            line.times_weft = line.median / weft.median
    order = list(peers.PEERS)
    places = {row: place for place, row in enumerate(dict.fromkeys(row for row, _ in groups))}
    by_workload = {row.workload: place for row, place in reversed(places.items())}
    return sorted(lines.values(), key=lambda line: (by_workload[line.row.workload], line.row, order.index(line.peer)))


def number(value):
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 1 else 3
    return f"{value:.{digits}f}"


FORMAT = "{:<40} {:>7} {:<8} {:>10} {:>10} {:>10} {:>8} {:>10} {:>9} {:<30} {}"


def text(lines, failures):
    out = [FORMAT.format("", "", "", "median", "least", "most", "x weft", "total ms", "peak MiB", "of what", "counters")]
    last = None
    for line in lines:
        if line.row != last:
            out.append("")
            last = line.row
        counters = "  ".join(f"{name} {number(value)}" for name, value in line.counters.items())
        title = Row(line.row.workload, line.row.parameter, line.size, line.workers).title()
        out.append(FORMAT.format(
            title, f"{line.workers} w", line.peer, number(line.median), number(line.least), number(line.most),
            number(line.times_weft), number(line.milliseconds), number(line.peak_mib or None),
            workloads.unit(line.row.workload), counters).rstrip())
    if failures:
        out.append("")
    for failure in failures:
        out.append(f"FAILED  {failure['what']}: {failure['reason'].splitlines()[-1]}")
    return "\n".join(out) + "\n"
