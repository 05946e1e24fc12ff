"""libclang: a parsed project, and of its cursors what the rules ask."""

from __future__ import annotations

import ctypes
import re
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fireline.errors import FirelineError
from fireline.sim import compiler
from fireline.sim.engines import ap_types
from fireline.sim.lint.source import Source

# A cursor of libclang's, which has no type annotations.
Cursor = Any

UNIT = "project.cpp"
COMMON = ("cstdint", "cstdio", "cstdlib", "type_traits", "ap_int.h", "ap_axi_sdata.h", "hls_stream.h")


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


@cache
def _flags() -> tuple[str, ...]:
    """Of every parse: C++14, and the headers, Vitis's stand-ins first."""
    stand_ins = Path(__file__).with_name("include")
    folders = [str(stand_ins), str(ap_types()), *_system_folders()]
    return ("-std=c++14", "-w", "-nostdinc", *(f"-isystem{folder}" for folder in folders))


@cache
def _precompiled() -> tuple[Path, tempfile.TemporaryDirectory[str]]:
    """The headers that every project includes, parsed once for all projects of this process, and their folder."""
    cindex, folder = library(), tempfile.TemporaryDirectory()
    text = "".join(f"#include <{name}>\n" for name in COMMON)
    path = Path(folder.name) / "common.pch"
    options = cindex.TranslationUnit.PARSE_INCOMPLETE
    unit = cindex.Index.create().parse(
        "common.h", ["-x", "c++-header", *_flags()], [("common.h", text)], options
    )
    unit.save(str(path))
    return path, folder


def parse(source: Source) -> Cursor:
    """The translation unit of a project's text."""
    path, _ = _precompiled()
    flags = ["-x", "c++", "-include-pch", str(path), *_flags()]
    return library().Index.create().parse(UNIT, flags, [(UNIT, source.text)])


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
