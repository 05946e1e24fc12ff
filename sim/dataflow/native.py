"""The part of the simulator that is compiled: `loop.cpp` becomes a shared library when it is first needed."""

from __future__ import annotations

import ctypes
import os
import shlex
import subprocess
import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from fireline.errors import FirelineError

FLAGS = ("-std=c++17", "-O2", "-shared", "-fPIC")


@cache
def dataflow() -> Any:
    """`fireline_dataflow` of loop.cpp, compiled in a fraction of a second.

    Raises:
        FirelineError: there is no C++ compiler (`CXX`, or else g++), it fails, or there is no temporary folder whose
            programs may run.
    """
    compiler = os.environ.get("CXX") or "g++"
    try:
        with tempfile.TemporaryDirectory(prefix="fireline-") as name:
            library = Path(name) / "dataflow.so"
            _compile(compiler, library)
            function = ctypes.CDLL(str(library)).fireline_dataflow
    except OSError as error:
        raise FirelineError(
            f"the simulator cannot be compiled: {error}",
            node=compiler,
            hint="install g++ or name another compiler in CXX, and in TMPDIR a folder whose programs may run",
        ) from None
    function.restype = ctypes.c_bool
    return function


def _compile(compiler: str, library: Path) -> None:
    source = files("fireline.sim.dataflow") / "loop.cpp"
    try:
        command = [*shlex.split(compiler), *FLAGS, "-x", "c++", "-", "-o", str(library)]
    except ValueError as error:
        raise FirelineError(f"CXX is no command: {error}", node=compiler) from None
    done = subprocess.run(
        command,
        input=source.read_bytes(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "LC_ALL": "C"},
        check=False,
    )
    if done.returncode:
        lines = done.stdout.decode(errors="replace").splitlines() or [f"exit status {done.returncode}"]
        reason = next((line for line in lines if "error" in line), lines[0])
        raise FirelineError(
            f"the C++ compiler fails: {reason}",
            node=compiler,
            hint="does it compile other programs? is there room in TMPDIR?",
        )
