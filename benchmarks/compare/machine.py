# SPDX-License-Identifier: MIT
"""What stands beside every figure: on which machine it was measured, and when."""

import datetime
import os
import platform
import re
import subprocess
from pathlib import Path


def first_line(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0].strip()
    except (OSError, subprocess.CalledProcessError, IndexError):
        return None


def processor():
    try:
        found = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else first_line(["sysctl", "-n", "machdep.cpu.brand_string"]) or platform.machine()


def cores():
    """Those this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def cached(build, name):
    """What CMake has found."""
    return re.search(rf"^{name}:[A-Z]+=(.*)$", (build / "CMakeCache.txt").read_text(), re.MULTILINE)[1]


def compiler(build):
    path = cached(build, "CMAKE_CXX_COMPILER")
    line = first_line([path, "--version"]) or path
    version = re.search(r"\d+\.\d+(\.\d+)?", line)
    return f"{'clang' if 'clang' in line else 'g++'} {version[0]}" if version else line


def onetbb(build):
    try:
        text = (Path(cached(build, "TBB_DIR")) / "TBBConfigVersion.cmake").read_text()
    except OSError:
        return None
    version = re.search(r"PACKAGE_VERSION \"?([\d.]+)", text)
    return version[1] if version else None


def describe(build):
    return {
        "processor": processor(),
        "cores": cores(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "compiler": compiler(build),
        "onetbb": onetbb(build),
        "date": datetime.date.today().isoformat(),
    }


def in_words(machine):
    return (f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']:.0f} GiB; {machine['system']}; "
            f"{machine['compiler']}; {machine['date']}")
