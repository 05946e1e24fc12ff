"""A command watched at every step that it takes on the file system: what a kill at that moment would leave behind.

python -m tests.fireline.watched FOLDER OUTPUT KILL COMMAND...

A killed process undoes nothing and writes nothing more, so what lies at OUTPUT when a step begins is what remains if
the process ends there. Prints a JSON list with one digest for each step below FOLDER; with KILL at 0 or more the
process really ends there, at that step.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from pathlib import Path

from fireline.cli import main

EVENTS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "ctypes.call_function")


def digest(path: Path) -> str:
    """All names and bytes below `path`; "" if there is nothing."""
    if not path.exists():
        return ""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    parts = [file.relative_to(path.parent).as_posix().encode() + b":" + file.read_bytes() for file in files]
    return hashlib.sha256(b"\n".join(parts)).hexdigest()


def watch(folder: Path, output: Path, kill: int) -> list[str]:
    """The digests of `output` from now on, before each step below `folder`."""
    seen: list[str] = []
    looking = False

    def look(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal looking
        if looking or event not in EVENTS:
            return
        place = os.fspath(arguments[0]) if isinstance(arguments[0], str | os.PathLike) else ""
        if not event.startswith("ctypes") and not str(place).startswith(str(folder)):
            return
        if len(seen) == kill:
            os.kill(os.getpid(), signal.SIGKILL)
        looking = True
        seen.append(digest(output))
        looking = False

    sys.addaudithook(look)
    return seen


if __name__ == "__main__":
    folder, output, kill, *command = sys.argv[1:]
    digests = watch(Path(folder), Path(output), int(kill))
    try:
        main(["-q", *command])
    finally:
        print(json.dumps([*digests, digest(Path(output))]))
