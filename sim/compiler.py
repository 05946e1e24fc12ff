"""Running compilers and what they made, and picking from their output the line that says what was wrong."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from fireline.errors import FirelineError

_MEMORY = r"out of memory|Cannot allocate memory|virtual memory exhausted|[Kk]illed"
_SPACE = r"No space left on device|Read-only file system|Permission denied"


def run(
    command: list[str], cwd: Path | None = None, watch: Callable[[str], None] = lambda line: None
) -> tuple[int, str]:
    """Exit status and all output of a program; `watch` gets every line when it comes.

    Raises:
        FirelineError: the program is not there, or cannot be run.
    """
    lines = []
    try:
        with subprocess.Popen(
            command,
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C"},
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout
            try:
                for line in process.stdout:
                    lines.append(line)
                    watch(line)
            except BaseException:  # `watch` has seen enough
                process.kill()
                raise
    except FileNotFoundError:
        name = Path(command[0]).name
        raise FirelineError(f"{name} is not there", hint=f"install {name}, or build the project") from None
    except OSError as error:
        raise FirelineError(f"cannot be run: {error.strerror}", node=command[0]) from None
    return process.returncode, "".join(lines)


def first_error(output: str) -> str:
    """What was wrong first: with memory or the disk, in the source, with a compiler that is not there."""
    lines = output.splitlines()
    for pattern in (_MEMORY, _SPACE, r"\berror: ", r"No such file|not found", r"\bError \d"):
        found = [line for line in lines if re.search(pattern, line)]
        if found:
            return found[0]
    return (lines or ["make failed"])[-1]


def way_out(output: str) -> str:
    """What to do about a compilation that failed."""
    if re.search(_MEMORY, output):
        return "the compiler needs more memory: close other programs, or build in the project with make -j1"
    if re.search(_SPACE, output):
        return "make room or another place for the project, or for temporary files with TMPDIR"
    if re.search(r"\.(cpp|h):\d+:\d+: error: ", output):
        return "was the project changed? `fireline generate` makes it anew"
    return "is g++ installed and does it work?"
