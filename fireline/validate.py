"""Data from a user's file, checked by pydantic: the first thing that is wrong becomes one clear line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pydantic import ValidationError

from fireline.errors import FirelineError

_T = TypeVar("_T")
_Source = TypeVar("_Source")


def validated(read: Callable[[_Source], _T], source: _Source, where: str, hint: str | None = None) -> _T:
    """What `read`, a method of a `TypeAdapter`, makes of `source`, which stands in `where`.

    Raises:
        FirelineError: a field is missing, unknown or out of range; the message names the first such field.
    """
    try:
        return read(source)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise FirelineError(f"{field}: {first['msg']}", node=where, hint=hint) from None
