"""Progress of work that takes seconds: the parts tell it, and whoever runs them may show it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TypeVar

Item = TypeVar("Item")
Advance = Callable[[int], None]
Show = Callable[[str, int], AbstractContextManager[Advance]]

_shows: list[Show] = []

# Whether bars that draw themselves, as training's do, stay away.
hidden: ContextVar[bool] = ContextVar("hidden", default=False)


def progress(what: str, total: int) -> AbstractContextManager[Advance]:
    """Work called `what`; call the function of its block with how much of `total` is done."""
    return _shows[-1](what, total) if _shows else nullcontext(lambda done: None)


def track(what: str, items: Sequence[Item]) -> Iterator[Item]:
    """`items` one by one, as progress of work called `what`."""
    with progress(what, len(items)) as advance:
        for done, item in enumerate(items, start=1):
            yield item
            advance(done)


@contextmanager
def shown(show: Show) -> Iterator[None]:
    """Within the block, progress appears as `show` does it."""
    _shows.append(show)
    try:
        yield
    finally:
        _shows.remove(show)
