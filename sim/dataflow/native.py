"""The part of the simulator that is compiled: `loop.cpp` becomes a shared library when it is first needed."""

from __future__ import annotations

import ctypes
import os
import shlex
import tempfile
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from fireline.errors import FirelineError
from fireline.sim.compiler import first_error, run

FLAGS = ("-std=c++17", "-O2", "-shared", "-fPIC")
WAY_OUT = "install g++ or name another compiler in CXX, and in TMPDIR a folder whose programs may run"


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
            hint=WAY_OUT,
        ) from None
    function.restype = ctypes.c_bool
    return function


def _compile(compiler: str, library: Path) -> None:
    with as_file(files(__package__) / "loop.cpp") as source:
        try:
            command = [*shlex.split(compiler), *FLAGS, str(source), "-o", str(library)]
        except ValueError as error:
            raise FirelineError(f"CXX is no command: {error}", node=compiler) from None
        try:
            status, output = run(command)
        except FirelineError as error:
            raise FirelineError(
                f"the simulator cannot be compiled: {error.message}", node=compiler, hint=WAY_OUT
            ) from None
    if status:
        raise FirelineError(
            f"the C++ compiler fails: {first_error(output)}",
            node=compiler,
            hint="does it compile other programs? is there room in TMPDIR?",
        )
