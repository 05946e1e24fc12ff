"""What the commands print, at three levels: quiet (errors and --json only), normal, and verbose (each step's time)."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.progress import Progress

QUIET, NORMAL, VERBOSE = -1, 0, 1


def level() -> int:
    """The level that the command line was called at; normal outside of it."""
    context = click.get_current_context(silent=True)
    found = context.find_root().obj if context else None
    return found if isinstance(found, int) else NORMAL


def say(text: object) -> None:
    """Print a line, unless quiet."""
    if level() > QUIET:
        click.echo(text)


def complete(names: Callable[[], Iterable[str]]) -> Callable[..., list[str]]:
    """What a shell offers for an option or an argument: those of `names` that begin as typed."""

    def offered(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
        return [name for name in names() if name.startswith(incomplete)]

    return offered


def device_names() -> list[str]:
    """The parts of the device table."""
    from fireline.codegen.plan.devices import devices

    return list(devices())


def preset_names() -> list[str]:
    """The presets that can be quantized, and the baselines."""
    from fireline.model.presets import NAMES

    return list(NAMES)


def recipe_names() -> list[str]:
    """The recipes that come with Fireline, and the presets, which are recipes too."""
    from fireline.model.recipe import shipped

    return [*shipped(), *preset_names()]


def warn(text: object) -> None:
    """Print a warning on standard error, quiet or not."""
    click.echo(f"{click.style('warning:', fg='yellow', bold=True)} {text}", err=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """At the verbose level, tell on standard error how long the block took."""
    start = time.perf_counter()
    yield
    if level() >= VERBOSE:
        click.echo(f"{time.perf_counter() - start:8.2f} s  {what}", err=True)


def print_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under `header`, integers grouped by thousands; into a pipe the same words, unwrapped."""
    if level() == QUIET:
        return
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(width=200, highlight=False)
    table = Table(*header)
    for column in table.columns[1:]:
        column.justify = "right"
        column.no_wrap = True
    for row in rows:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row))
    console.print(table)


# The bars on the terminal, if there are any.
_bars: list[Progress] = []


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar named `what` with the rate and the remaining time, on standard error, only where somebody watches.

    Call the given function with how many of `total` are done. The bar goes when that is over.
    """
    if level() == QUIET or not sys.stderr.isatty():
        yield lambda done: None
        return
    from fireline.bars import bars

    with ExitStack() as stack:
        if not _bars:
            _bars.append(stack.enter_context(bars(transient=True)))
            stack.callback(_bars.clear)
        shown = _bars[0]
        task = shown.add_task(what, total=total, state="")
        stack.callback(shown.remove_task, task)
        yield lambda done: shown.update(task, completed=done)
