"""The commands and code of a Markdown page, and how to run them.

A comment on the line before a block says what to do with it:

<!-- needs: Vitis HLS -->     it is not run here
<!-- file: options.toml -->   it is the content of that file
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fireline.cli import main

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
LANGUAGES = ("console", "sh", "python")

_BLOCK = re.compile(r"(?:^<!-- (needs|file): ([^\n]+) -->\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"\d[\d,.]*(?:e[+-]\d+)?")


@dataclass(frozen=True)
class Block:
    """A fenced block; `needs` and `file` are what the comment before it says."""

    language: str
    text: str
    line: int
    needs: str = ""
    file: str = ""


@dataclass(frozen=True)
class Command:
    """A line behind a prompt, and lines of what it prints."""

    line: str
    prints: tuple[str, ...]

    @property
    def fails(self) -> bool:
        """Whether the page shows it refused."""
        return any(line.startswith("error:") for line in self.prints)


def blocks(page: Path) -> list[Block]:
    """The blocks of a page that have a language."""
    text = page.read_text()
    found = []
    for match in _BLOCK.finditer(text):
        mark, value, language, body = match.groups()
        line = text[: match.start(4)].count("\n") + 1
        found.append(Block(language, body, line, *((value, "") if mark == "needs" else ("", value or ""))))
    return found


def commands(text: str) -> Iterator[Command]:
    """The commands of a console block."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, *prints = part.rstrip("\n").split("\n")
        yield Command(line, tuple(prints))


def run_block(block: Block, page: Path, names: dict[str, Any]) -> None:
    """Run a block in the current folder; `names` are the Python variables of its page."""
    if block.file:
        Path(block.file).write_text(block.text)
    elif block.needs or block.language not in LANGUAGES:
        return
    elif block.language == "python":
        exec(compile("\n" * (block.line - 1) + block.text, str(page), "exec"), names)
    elif block.language == "sh":
        status, output = shell(block.text)
        assert status == 0, output
    else:
        for command in commands(block.text):
            run_command(command)


def run_command(command: Command) -> None:
    """Run a command and find in its output, in order, every line that the page shows.

    Numbers may differ: they depend on the machine, and on what the planner has learnt since.
    """
    words = shlex.split(command.line)
    status, output = cli(words[1:]) if words[0] == "fireline" else shell(command.line)
    assert (status != 0) == command.fails, f"$ {command.line}\nexit status {status}\n{output}"
    rest = iter([plain(line) for line in output.splitlines()])
    for expected in command.prints:
        assert any(plain(expected) in line for line in rest), (
            f"$ {command.line}\nno {expected!r} in\n{output}"
        )


def plain(line: str) -> str:
    """A line with its numbers and its spacing taken out."""
    return " ".join(_NUMBER.sub("#", line).split())


def cli(arguments: list[str]) -> tuple[int, str]:
    """Exit status and output of `fireline`, in this process: importing torch each time takes seconds."""
    printed, status = io.StringIO(), 0
    with redirect_stdout(printed), redirect_stderr(printed):
        try:
            main(arguments)
        except SystemExit as stop:
            status = int(stop.code or 0)
    return status, printed.getvalue()


def shell(script: str) -> tuple[int, str]:
    """Exit status and output of a script; `fireline` is the one beside this Python."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout
