# SPDX-License-Identifier: MIT
"""The plots of one results.json, with the machine named on each: time.svg, memory.svg, speedup.svg.
To draw them again: python3 benchmarks/compare/plots.py RESULTS.JSON [FOLDER]"""

import json
import sys
from math import ceil
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as pyplot

import machine
import peers
import table
import workloads

# The same input gives the same file. Text stays text: the files are small enough to be kept.
matplotlib.rcParams.update({"svg.hashsalt": "weft", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9,
                            "axes.spines.top": False, "axes.spines.right": False})


def panels(count, columns, height):
    rows = ceil(count / columns)
    figure, axes = pyplot.subplots(rows, columns, figsize=(4.6 * columns, height * rows + 1.1), squeeze=False)
    axes = axes.flatten()
    for unused in axes[count:]:
        unused.set_visible(False)
    return figure, axes[:count]


def finish(figure, title, results, path):
    """Room above for the title, below for the machine, in inches, however high the figure is."""
    height = figure.get_size_inches()[1]
    quick = "  --quick: the times mean little." if results["quick"] else ""
    others = "; ".join(sorted(set(results["machine"]["peers"].values())))
    onetbb = results["machine"]["onetbb"]
    if onetbb:
        others = f"oneTBB {onetbb}" + ("; " + others if others else "")
    figure.suptitle(title + quick, y=1 - 0.15 / height, va="top", fontsize=12)
    figure.text(0.01, 0.08 / height, f"{machine.in_words(results['machine'])}\n{others}", fontsize=8, va="bottom")
    figure.tight_layout(rect=(0, 0.45 / height, 1, 1 - 0.4 / height))
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return path.name


def name_of(line, most):
    differs = [f"{line.row.parameter}:{line.size}"] if line.size != line.row.size else []
    if line.workers != most and line.peer != "serial":
        differs.append(f"{line.workers} worker")
    return peers.PEERS[line.peer].title + (f" ({', '.join(differs)})" if differs else "")


def widest_rows(lines):
    """Of each workload and size the row with most workers, and beside it what has one worker only."""
    rows = {}
    for line in lines:
        rows.setdefault(line.row.title(), []).append(line)
    for title, group in rows.items():
        most = max(line.row.workers for line in group)
        last = {line.peer: line for line in sorted(group, key=lambda line: line.row.workers)}
        yield title, most, [line for peer, line in last.items() if line.row.workers == most or line.workers == 1]


def bars(lines, results, value, error, label, title, path):
    """One panel for each row in which there is something to compare."""
    lines = [line for line in lines if value(line)]
    rows = [row for row in widest_rows(lines) if len(row[2]) > 1]
    if not rows:
        return None
    figure, axes = panels(len(rows), 3, 2.1)
    for axis, (head, most, group) in zip(axes, rows):
        group = sorted(group, key=value)
        for place, line in enumerate(group):
            least, middle, greatest = error(line)
            axis.barh(place, middle, color=peers.PEERS[line.peer].colour, height=0.7,
                      xerr=[[middle - least], [greatest - middle]], error_kw={"elinewidth": 0.8, "capsize": 2})
            axis.annotate(table.number(middle), (greatest, place), xytext=(4, 0), textcoords="offset points", va="center",
                          fontsize=8)
        axis.set_yticks(range(len(group)), [name_of(line, most) for line in group])
        axis.invert_yaxis()
        axis.margins(x=0.18)
        shortest = min(error(line)[0] for line in group)
        if shortest > 0 and value(group[-1]) > 8 * value(group[0]):
            axis.set_xscale("log")
            axis.set_xlim(shortest / 2, max(error(line)[2] for line in group) * 4)
        scale = ", log" if axis.get_xscale() == "log" else ""
        axis.set_xlabel(label(group[0]) + scale, fontsize=8)
        axis.set_title(f"{head}, {most} worker{'s' if most > 1 else ''}", fontsize=10, loc="left")
    return finish(figure, title, results, path)


def speedup(lines, results, path):
    curves = {}
    for line in lines:
        if workloads.per_item(line.row.workload):
            curves.setdefault(line.row.title(), {}).setdefault(line.peer, {})[line.workers] = line
    shown = {title: {peer: by for peer, by in group.items() if 1 in by and len(by) > 1} for title, group in curves.items()}
    shown = {title: group for title, group in shown.items() if group}
    if not shown:
        return None
    figure, axes = panels(len(shown), 3, 2.8)
    for axis, (title, group) in zip(axes, shown.items()):
        counts = sorted({count for by in group.values() for count in by})
        axis.plot(counts, counts, color="#bbbbbb", linestyle="--", linewidth=1, label="perfect")
        for peer, by in group.items():
            xs = sorted(by)
            axis.plot(xs, [by[1].median / by[x].median for x in xs], marker="o", markersize=4,
                      color=peers.PEERS[peer].colour, label=peers.PEERS[peer].title)
        axis.set_xscale("log", base=2)
        axis.set_xticks(counts, [str(count) for count in counts])
        axis.minorticks_off()
        axis.set_ylim(bottom=0)
        axis.set_xlabel("workers", fontsize=8)
        axis.set_ylabel("its own time with 1 worker / time", fontsize=8)
        axis.set_title(title, fontsize=10, loc="left")
        axis.legend(fontsize=7, frameon=False)
    return finish(figure, "Speed-up by worker count: each against itself (more is better)", results, path)


def draw(results, folder):
    """The names of the files written."""
    lines = table.summarise(results["runs"])
    same_size = [line for line in lines if line.size == line.row.size]
    times = [line for line in lines if line.size == line.row.size or workloads.per_item(line.row.workload)]
    written = [
        bars(times, results, lambda line: line.median, lambda line: (line.least, line.median, line.most),
             lambda line: workloads.unit(line.row.workload), "Time by workload and peer: median, least and most (less is better)",
             folder / "time.svg"),
        bars(same_size, results, lambda line: line.peak_mib, lambda line: (line.peak_mib,) * 3, lambda line: "MiB",
             "Peak memory of a process that runs nothing else (less is better)", folder / "memory.svg"),
        speedup(lines, results, folder / "speedup.svg"),
    ]
    return [name for name in written if name]


if __name__ == "__main__":
    source = Path(sys.argv[1])
    print(*draw(json.loads(source.read_text()), Path(sys.argv[2]) if len(sys.argv) > 2 else source.parent))
