"""The results as a Markdown page."""

from __future__ import annotations

from collections.abc import Sequence

from bench.measure import Result

TIMES = "\N{MULTIPLICATION SIGN}"

HEAD = """# Benchmarks

`make bench` measures all of this and writes this page ({date}).

Machine: {machine}. {versions}.

Both sides of a ratio run alternately on the same network, weights and images, on one core each; a ratio is given as
median (least to largest) of the pairs. Ratios compare CPU time, user and system, because other work on the machine
changes it less than wall time, whose median stands beside it. Networks have random weights and random pixels;
projects are folded for xczu7ev.

![How many times as fast Fireline is as its peers](benchmarks.svg)

"""


def page(rows: Sequence[Result], date: str, machine: str, versions: str, profile: str) -> str:
    """The whole page; `profile` is its end."""
    goals = [row for row in rows if row.limit is not None and row.unit != "exponent"]
    others = [row for row in rows if row.limit is None]
    growth = [row for row in rows if row.unit == "exponent"]
    parts = [
        HEAD.format(date=date, machine=machine, versions=versions),
        "## Goals\n\n",
        table(["what", "network", "against", "goal", "measured", "wall", ""], [goal(row) for row in goals]),
        "\n## Other comparisons\n\n",
        table(["what", "network", "against", "measured", "wall"], [other(row) for row in others]),
        "\n## Growth\n\n"
        "CPU seconds and bytes on a series of networks like `cifar_e4`, 0.03 to 5.2 million parameters. An exponent "
        "of 1 is linear growth; it is fitted over the four largest.\n\n",
        table(["what", "exponent", "size: seconds or bytes"], [slope(row) for row in growth]),
        "\n## What was measured\n\n",
        "".join(f"- {title(row)}: {row.note}\n" for row in rows if row.note and row.unit != "exponent"),
        f"\n{profile}",
    ]
    return "".join(parts)


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def title(row: Result) -> str:
    """What is compared with what."""
    return ", ".join(filter(None, [row.what, row.network])) + (f" against {row.peer}" if row.peer else "")


def goal(row: Result) -> list[str]:
    sign = "≥" if row.unit == "x" else "≤"
    verdict = "met" if row.met else "**missed**"
    return [row.what, row.network, row.peer, f"{sign} {quantity(row.limit, row.unit)}", *values(row), verdict]


def other(row: Result) -> list[str]:
    return [row.what, row.network, row.peer, *values(row)]


def slope(row: Result) -> list[str]:
    return [row.what, quantity(row.value, ""), row.note]


def values(row: Result) -> list[str]:
    wall = f"{row.wall.median:.3g}" if row.wall else ""
    return [quantity(row.value, row.unit), quantity(wall, row.unit) if wall else ""]


def quantity(value: object, unit: str) -> str:
    """A number or a spread in its unit."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text + TIMES if unit == "x" else f"{text} {unit}".strip()
