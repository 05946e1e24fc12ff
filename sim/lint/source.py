"""The C++ of a project as one text that libclang parses, in which every pragma has become a statement.

A C++ parser skips the pragmas that it does not know. So the project's own files are preprocessed as synthesis sees
them, and each pragma that comes out is written as a block that holds its words as a string, and behind them the
expressions that it names: the parser then resolves those where they stand, in templates for every instance.
"""

from __future__ import annotations

import re
import tempfile
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

from fireline.errors import FirelineError
from fireline.sim import compiler
from fireline.sim.lint.grammar import Pragma, PragmaError, parse
from fireline.sim.lint.project import Project

MARK = "#HLS "  # how the string of a pragma begins

_INCLUDED = "fl_lint_included"
_LINE = re.compile(r'# (\d+) "(.*)"')
_PRAGMA = re.compile(r"#\s*pragma\s+HLS\b(.*)")
_HEADER = re.compile(r"^\s*#\s*include\s*<([^>]+)>", re.MULTILINE)
_ROW = re.compile(r"[\s{}0-9a-fA-FxuUlL,\-]*\d[\s{}0-9a-fA-FxuUlL,\-]*")


@dataclass(frozen=True)
class Place:
    """A line of a file."""

    file: str
    line: int


@dataclass(frozen=True)
class Source:
    """The text, and what its lines are."""

    text: str
    starts: list[int]  # lines of the text from which on...
    places: list[Place]  # ...it is these lines of files
    pragmas: dict[int, Pragma]  # by line of the text
    refused: dict[int, str]  # why, by line of the text

    def place(self, line: int) -> Place:
        """Where a line of the text came from."""
        index = bisect_right(self.starts, line) - 1
        start = self.places[index]
        return Place(start.file, start.line + line - self.starts[index])


def read_source(project: Project) -> Source:
    """Preprocess all sources of a project.

    Raises:
        FirelineError: they cannot be preprocessed.
    """
    return _rewritten(_preprocessed(project))


def _preprocessed(project: Project) -> str:
    """What g++ makes of the project's files alone: headers of the system and of Vitis stay as they are included."""
    with tempfile.TemporaryDirectory() as folder:
        stubs = Path(folder)
        for name in _system_headers(project):
            stub = stubs / name
            stub.parent.mkdir(parents=True, exist_ok=True)
            stub.write_text(f'{_INCLUDED} "{name}"\n')
        unit = stubs / "unit.cpp"
        unit.write_text("".join(f'#include "{source}"\n' for source in project.sources))
        command = ["g++", "-E", "-nostdinc", *project.flags, "-D__SYNTHESIS__", "-isystem", folder, str(unit)]
        status, text = compiler.run(command, project.folder)
        if status:
            raise FirelineError(
                f"cannot be preprocessed: {compiler.first_error(text)}",
                node=str(project.folder),
                hint=compiler.way_out(text),
            )
    return text


def _system_headers(project: Project) -> set[str]:
    """The headers that any file beside the sources includes in angle brackets."""
    folders = {source.parent for source in project.sources}
    files = {file for folder in folders for kind in ("*.h", "*.hpp", "*.cpp") for file in folder.rglob(kind)}
    return {name for file in files for name in _HEADER.findall(file.read_text(errors="replace"))}


def _rewritten(text: str) -> Source:
    """Pragmas as statements; rows of numbers, the contents of memories, are left out, which no rule is about."""
    lines: list[str] = []
    starts, places = [0], [Place("", 0)]
    pragmas: dict[int, Pragma] = {}
    refused: dict[int, str] = {}
    for line in text.splitlines():
        if marker := _LINE.match(line):
            starts.append(len(lines) + 1)
            places.append(Place(marker[2], int(marker[1])))
        elif found := _PRAGMA.match(line):
            lines.append("")
            try:
                pragma = parse(found[1])
            except PragmaError as error:
                refused[len(lines)] = str(error)
            else:
                pragmas[len(lines)] = pragma
                lines[-1] = _statement(pragma, len(lines))
        elif line.startswith(_INCLUDED):
            lines.append(f"#include <{line.split(chr(34))[1]}>")
        else:
            lines.append("" if _ROW.fullmatch(line) else line)
    return Source("\n".join(lines) + "\n", starts, places, pragmas, refused)


def _statement(pragma: Pragma, line: int) -> str:
    values = "".join(f" (void)({value});" for _, value in pragma.expressions())
    return f'{{ "{MARK}{line}";{values} }}'
