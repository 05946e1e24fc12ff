"""Fireline's command line in a process of its own, that has its own environment and limits and can be killed.

It is forked from one that has torch and Brevitas imported, which takes seconds longer than most commands.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path

from fireline.cli import main

IMPORTED = ["fireline.cli", "fireline.model.run", "fireline.quant.run", "fireline.sim.engines"]

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(IMPORTED)


def command_line(
    *arguments: object, environment: Mapping[str, str] | None = None, file_bytes: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `fireline ARGUMENTS`, where all files stay below `file_bytes` if that is said."""
    return forked(run_command, (arguments, file_bytes), environment)


def run_command(arguments: tuple[object, ...], file_bytes: int | None = None) -> None:
    """Run `fireline ARGUMENTS` in this process."""
    if file_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, resource.RLIM_INFINITY))
    main([str(one) for one in arguments])


def forked(
    function: Callable[..., None], arguments: tuple[object, ...], environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Call a function of a module in a new process, and what it and all below it print."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = start(function, arguments, out, err, environment)
        process.join()
        assert process.exitcode is not None
        return subprocess.CompletedProcess([], process.exitcode, out.read_text(), err.read_text())


def start(
    function: Callable[..., None],
    arguments: tuple[object, ...],
    out: Path,
    err: Path,
    environment: Mapping[str, str] | None = None,
) -> BaseProcess:
    """Call it and do not wait; what it prints goes to two files, or to a terminal."""
    process = _FORKS.Process(target=_child, args=(out, err, dict(environment or {}), function, arguments))
    process.start()
    return process


def _child(
    out: Path,
    err: Path,
    environment: Mapping[str, str],
    function: Callable[..., None],
    arguments: tuple[object, ...],
) -> None:
    for path, number in ((out, 1), (err, 2)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT)
        os.dup2(file, number)
        os.close(file)
    os.environ.update(environment)
    tempfile.tempdir = None  # to be found again, in that environment
    # Where the tests run in the background of a shell, interrupts are ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    function(*arguments)
