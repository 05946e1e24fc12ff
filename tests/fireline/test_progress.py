"""Progress: told by the parts, shown on a terminal, and on nothing else."""

from __future__ import annotations

import os
import pty
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from fireline.progress import progress, shown, track
from tests.fireline.process import command_line, run_command, start
from tests.qonnx_models import fire_model


def test_nobody_has_to_look() -> None:
    assert list(track("work", [3, 4])) == [3, 4]
    with progress("work", 2) as advance:
        advance(1)


def test_who_looks_is_told() -> None:
    told: list[tuple[str, int, int]] = []

    @contextmanager
    def show(what: str, total: int) -> Iterator[Callable[[int], None]]:
        yield lambda done: told.append((what, done, total))

    with shown(show):
        assert list(track("work", "abc")) == ["a", "b", "c"]
    list(track("more", "d"))
    assert told == [("work", 1, 3), ("work", 2, 3), ("work", 3, 3)]


@pytest.mark.slow
def test_bars_are_on_a_terminal_alone(tmp_path: Path) -> None:
    model, images = fire_model(tmp_path), tmp_path / "x.npy"
    np.save(images, np.zeros((2, 3, 11, 11), np.uint8))
    command = ["verify", model, "--inputs", images, "--engine", "csim"]
    assert "compile" not in command_line(*command).stderr
    ours, theirs = pty.openpty()
    terminal = Path(os.ttyname(theirs))
    process = start(run_command, (command,), terminal, terminal)
    while not (text := read(ours)):
        time.sleep(0.01)
    os.close(theirs)
    text += "".join(iter(lambda: read(ours), ""))
    process.join()
    assert process.exitcode == 0, text
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
    assert "verify " in plain and re.search(r"compile [^\w]*[1-9]\d*/\d+", plain), plain


def read(terminal: int) -> str:
    """What is next on it; nothing when the other side is closed."""
    try:
        return os.read(terminal, 4096).decode(errors="replace")
    except OSError:
        return ""
