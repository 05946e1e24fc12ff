"""Compiling a project, with the memory of the compiler."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from bench.measure import Cost

# A small process starts make: the peak of a child counts from its fork, when it still is as large as its parent.
_CHILD = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=sys.stderr)
use = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([time.perf_counter() - start, use.ru_utime + use.ru_stime, use.ru_maxrss * 1024]))
"""


def compile_project(project: Path) -> tuple[Cost, int]:
    """The cost of building the C-simulation of `project`, and the bytes of the largest process it took."""
    make = ["make", "-C", str(project), f"-j{os.cpu_count()}", "build"]
    command = [sys.executable, "-I", "-S", "-c", _CHILD, *make]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    wall, cpu, peak = json.loads(done.stdout)
    return Cost(wall, cpu), peak
