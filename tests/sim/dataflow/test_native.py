"""Compiling the simulator's loop: what a user without a working compiler is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fireline.errors import FirelineError
from fireline.sim.dataflow.native import dataflow


@pytest.fixture(autouse=True)
def not_compiled() -> Iterator[None]:
    dataflow.cache_clear()
    yield
    dataflow.cache_clear()


def test_a_compiler_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler -O1")
    with pytest.raises(FirelineError, match=r"^no-such-compiler -O1: .*cannot be compiled.* \(install g\+\+"):
        dataflow()


def test_a_compiler_that_fails_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"#!/bin/sh\necho 'In file \xff' >&2\necho 'error: no space left' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    with pytest.raises(FirelineError, match="fails: error: no space left"):
        dataflow()


def test_what_cannot_be_loaded_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    useless = tmp_path / "useless"
    useless.write_text('#!/bin/sh\nfor last; do :; done\necho nothing > "$last"\n')
    useless.chmod(0o755)
    monkeypatch.setenv("CXX", str(useless))
    with pytest.raises(FirelineError, match=r"cannot be compiled: .*TMPDIR"):
        dataflow()


def test_another_compiler_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "g++ -O1 -Wall -Wextra -Werror -pedantic")
    assert dataflow() is dataflow()


def test_a_compiler_without_a_name_is_g_plus_plus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "")
    assert dataflow() is dataflow()


def test_what_is_no_command_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", 'g++ "')
    with pytest.raises(FirelineError, match="CXX is no command"):
        dataflow()


def test_a_missing_temporary_folder_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(FirelineError, match="TMPDIR"):
        dataflow()
