"""A command watched at every step that it takes on the file system: what a kill at that moment would leave behind."""

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


def run_watched(folder: Path, output: Path, kill: int, command: list[str]) -> None:
    """Run a command and print a JSON list with one digest of `output` for each step below `folder`.

    A killed process undoes nothing and writes nothing more, so what lies at `output` when a step begins is what remains
    if the process ends there. With `kill` at 0 or more the process really ends, at that step.
    """
    digests = watch(folder, output, kill)
    try:
        main(["-q", *command])
    finally:
        print(json.dumps([*digests, digest(output)]))
