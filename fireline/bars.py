"""Progress bars on a terminal, in one form everywhere."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from fireline.progress import hidden


class Rate(ProgressColumn):
    """How much is done a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.3g}/s" if task.speed else "")


def bars(*, transient: bool) -> Progress:
    """Bars with what is done, the rate, and the time that is over and that remains; `transient` ones go in the end.

    A task's field `state` is shown beside it.
    """
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate()
    times = TimeElapsedColumn(), TimeRemainingColumn(), TextColumn("{task.fields[state]}")
    return Progress(*columns, *times, console=Console(stderr=True), transient=transient, disable=hidden.get())
