"""The part of the simulator that is compiled: `dataflow.cpp` becomes a shared library when it is first needed."""

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
    """`fireline_dataflow` of dataflow.cpp, compiled in a fraction of a second.

    Raises:
        FirelineError: there is no C++ compiler (`CXX`, or else g++), or it fails.
    """
    source = files("fireline.sim") / "dataflow.cpp"
    compiler = shlex.split(os.environ.get("CXX", "g++"))
    with tempfile.TemporaryDirectory(prefix="fireline-") as name:
        library = Path(name) / "dataflow.so"
        command = [*compiler, *FLAGS, "-x", "c++", "-", "-o", str(library)]
        try:
            done = subprocess.run(
                command, input=source.read_text(), capture_output=True, text=True, check=False
            )
        except OSError as error:
            raise FirelineError(
                f"the C++ compiler cannot be run: {error.strerror}",
                node=compiler[0],
                hint="install g++, or name another in CXX",
            ) from None
        if done.returncode:
            raise FirelineError(
                f"the C++ compiler fails: {next(iter(done.stderr.splitlines()), 'without a message')}",
                node=compiler[0],
                hint="does it compile other programs? is there room in TMPDIR?",
            )
        try:
            function = ctypes.CDLL(str(library)).fireline_dataflow
        except OSError as error:
            raise FirelineError(
                f"what the C++ compiler made cannot be loaded: {error}",
                node=compiler[0],
                hint="programs must be allowed in TMPDIR, and made for this machine",
            ) from None
    function.restype = ctypes.c_bool
    return function
