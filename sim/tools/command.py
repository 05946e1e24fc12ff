"""The tools of the extra `rtl`: where they are, and running them."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

from fireline.errors import FirelineError
from fireline.progress import progress
from fireline.sim.compiler import run

INSTALL = "pip install fireline[rtl]"


@cache
def version(tool: str) -> str:
    """What `tool` says it is. Its first call on a machine takes a minute or two: it compiles WebAssembly, and keeps it.

    Raises:
        FirelineError: it is not installed, or does not run.
    """
    with progress(f"start {tool}, which is compiled when first called", 1) as advance:
        status, output = run([_path(tool), "--version"])
        advance(1)
    if status:
        raise FirelineError(f"does not run: {_last(output)}", node=tool, hint=INSTALL)
    found = re.search(r"(\w+)[ -](?:Version )?(\d[\w.+-]*)", output.strip().splitlines()[-1])
    return " ".join(found.groups()) if found else tool


def call(
    tool: str, arguments: list[str], folder: Path, watch: Callable[[str], None] = lambda line: None
) -> str:
    """All output of `tool` in `folder`; only relative paths reach files there, as /tmp is the tool's own.

    Raises:
        FirelineError: it is not installed, or it fails; the message is its own.
    """
    version(tool)
    status, output = run([_path(tool), *arguments], folder, watch)
    if status:
        raise FirelineError(_last(output), node=tool, hint=f"in {folder}")
    return output


def _path(tool: str) -> str:
    """Beside this Python, or else on the PATH."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which(tool, path=places)
    if found is None:
        raise FirelineError("is not installed", node=tool, hint=INSTALL)
    return found


def _last(output: str) -> str:
    """The first line that says ERROR, or else the last one."""
    lines = [line for line in output.splitlines() if line.strip()] or ["no output"]
    return next((line for line in lines if "ERROR" in line), lines[-1]).strip()
