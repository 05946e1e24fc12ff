"""Compiling the simulator's loop: what a user without a working compiler is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fireline.errors import FirelineError
from fireline.sim.native import dataflow


@pytest.fixture(autouse=True)
def not_compiled() -> Iterator[None]:
    dataflow.cache_clear()
    yield
    dataflow.cache_clear()


def test_a_compiler_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler -O1")
    with pytest.raises(FirelineError, match=r"^no-such-compiler: .*cannot be run.* \(install g\+\+"):
        dataflow()


def test_a_compiler_that_fails_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho 'no space left' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    with pytest.raises(FirelineError, match="fails: no space left"):
        dataflow()


def test_what_cannot_be_loaded_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    useless = tmp_path / "useless"
    useless.write_text('#!/bin/sh\nfor last; do :; done\necho nothing > "$last"\n')
    useless.chmod(0o755)
    monkeypatch.setenv("CXX", str(useless))
    with pytest.raises(FirelineError, match=r"cannot be loaded: .*TMPDIR"):
        dataflow()


def test_another_compiler_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "g++ -O1 -Wall -Wextra -Werror -pedantic")
    assert dataflow() is dataflow()
