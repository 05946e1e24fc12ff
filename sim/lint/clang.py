"""libclang: a parsed project, and of its cursors what the rules ask."""

from __future__ import annotations

import ctypes
import re
from functools import cache
from importlib.resources import as_file, files
from importlib.util import find_spec
from typing import Any

from fireline.errors import FirelineError
from fireline.sim import compiler
from fireline.sim.engines import ap_types
from fireline.sim.lint.source import Source

# A cursor of libclang's, which has no type annotations.
Cursor = Any

UNIT = "project.cpp"


@cache
def library() -> Any:
    """The bindings of libclang, with the functions that they lack.

    Raises:
        FirelineError: libclang is not installed.
    """
    if find_spec("clang") is None or find_spec("clang.cindex") is None:
        raise FirelineError("libclang is not installed", hint="pip install 'fireline[lint]'")
    from clang import cindex

    calls = cindex.conf.lib
    calls.clang_getCursorBinaryOperatorKind.argtypes = [cindex.Cursor]
    calls.clang_Cursor_Evaluate.argtypes = [cindex.Cursor]
    calls.clang_Cursor_Evaluate.restype = ctypes.c_void_p
    for name in ("getKind", "getAsLongLong", "dispose"):
        getattr(calls, f"clang_EvalResult_{name}").argtypes = [ctypes.c_void_p]
    calls.clang_EvalResult_getAsLongLong.restype = ctypes.c_longlong
    return cindex


@cache
def _system_folders() -> tuple[str, ...]:
    """Where g++ has the headers of the standard library."""
    _, text = compiler.run(["g++", "-E", "-v", "-x", "c++", "/dev/null"])
    listed = re.search(r"#include <\.\.\.> search starts here:\n(.*?)End of search list", text, re.DOTALL)
    return tuple(listed[1].split()) if listed else ()


def parse(source: Source) -> Cursor:
    """The translation unit of a project's text."""
    cindex = library()
    with as_file(files("fireline.sim.lint") / "include") as stand_ins:
        folders = [str(stand_ins), str(ap_types()), *_system_folders()]
        flags = ["-x", "c++", "-std=c++14", "-w", "-nostdinc", *(f"-isystem{folder}" for folder in folders)]
        return cindex.Index.create().parse(UNIT, flags, [(UNIT, source.text)])


def evaluate(cursor: Cursor) -> int | None:
    """The value of a constant integer expression, None if it is none."""
    calls = library().conf.lib
    result = calls.clang_Cursor_Evaluate(cursor)
    if not result:
        return None
    try:
        return (
            calls.clang_EvalResult_getAsLongLong(result)
            if calls.clang_EvalResult_getKind(result) == 1
            else None
        )
    finally:
        calls.clang_EvalResult_dispose(result)


# Operators of two operands, in the order of libclang's numbers, which begin at 3 with these.
_TEXT = "* / % + - << >> <=> < > <= >= == != & ^ | && || = *= /= %= += -= <<= >>= &= ^= |= ,"
OPERATORS = dict(enumerate(_TEXT.split(" "), start=3))


def operator(cursor: Cursor) -> str:
    """The operator of a binary expression or an assignment."""
    return OPERATORS.get(library().conf.lib.clang_getCursorBinaryOperatorKind(cursor), "")
