"""Fireline's command line in a process of its own, that has its own environment and limits and can be killed.

A process that is forked has torch and Brevitas imported, which takes seconds longer than most commands.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from fireline.cli import main

IMPORTED = ["fireline.cli", "fireline.quant.run", "fireline.codegen.hls.project", "fireline.sim.engines"]

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(IMPORTED)


def command_line(
    *arguments: object, environment: Mapping[str, str] | None = None, file_bytes: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `fireline ARGUMENTS`, where all files stay below `file_bytes` if that is said."""
    return forked(_main, ([str(one) for one in arguments], file_bytes), environment)


def forked(
    function: Callable[..., object],
    arguments: tuple[object, ...],
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Call a function of a module in a new process, and what it and all below it print."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = _FORKS.Process(target=_child, args=(out, err, dict(environment or {}), function, arguments))
        process.start()
        process.join()
        assert process.exitcode is not None
        command = [function.__name__, *map(str, arguments)]
        return subprocess.CompletedProcess(command, process.exitcode, out.read_text(), err.read_text())


def _main(arguments: list[str], file_bytes: int | None) -> None:
    if file_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, resource.RLIM_INFINITY))
    main(arguments)


def _child(
    out: Path,
    err: Path,
    environment: Mapping[str, str],
    function: Callable[..., object],
    arguments: tuple[object, ...],
) -> None:
    for path, number in ((out, 1), (err, 2)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
        os.close(file)
    os.environ.update(environment)
    tempfile.tempdir = None  # to be found again, in that environment
    function(*arguments)
