"""Names of layers as users write them: `fire2` is all of Fire 2, `fire2.squeeze` one convolution."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TypeVar

from fireline.errors import FirelineError

Value = TypeVar("Value")


def value_of(path: str, named: Iterable[tuple[str, Value]], default: Value) -> Value:
    """What `named` says of the module at the dotted `path`: the longest name that covers it decides."""
    covering = [(name, value) for name, value in named if covers(name, path)]
    return max(covering, key=lambda item: len(item[0]), default=("", default))[1]


def check_names(names: Iterable[str], layers: Iterable[str]) -> None:
    """Raise `FirelineError` unless every one of `names` is, or holds, one of `layers`."""
    known = list(layers)
    for name in names:
        if not any(covers(name, path) for path in known):
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else None
            raise FirelineError("there is no such layer", node=name, hint=hint)


def covers(name: str, path: str) -> bool:
    """Whether `path` is `name`, inside it, or its activation (`conv1_act` goes with `conv1`)."""
    return path == name or path.startswith(f"{name}.") or path == f"{name}_act"
