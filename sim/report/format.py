"""Numbers as a report writes them."""

from __future__ import annotations

from math import isinf

TIMES, NBSP = "\N{MULTIPLICATION SIGN}", "\N{NO-BREAK SPACE}"


def count(value: float) -> str:
    """12345 as 12,345; halves keep their digit."""
    return f"{value:,.10g}"


def percent(share: float, digits: int = 1) -> str:
    """0.973 as 97.3 %; what is neither nothing nor all never looks it."""
    text = f"{100 * share:.{digits}f}"
    smallest = 10**-digits
    if share > 0 and float(text) == 0:
        return f"<{NBSP}{smallest:g}{NBSP}%"
    if share < 1 and float(text) == 100:
        return f">{NBSP}{100 - smallest:g}{NBSP}%"
    return f"{text}{NBSP}%"


def width(share: float) -> str:
    """A share as the length of a bar in percent, within 0 to 100."""
    return f"{100 * min(max(share, 0.0), 1.0):.2f}"


def decibel(value: float) -> str:
    """A ratio in dB, as far as it is one."""
    return ("exact" if value > 0 else "no signal") if isinf(value) else f"{value:.1f}"


def bits(value: int) -> str:
    """A memory's size: bits up to 8 kbit, then kbit and Mbit, by 1024."""
    if value < 8 * 1024:
        return f"{value:,} bit"
    if value < 8 * 1024 * 1024:
        return f"{value / 1024:,.1f} kbit"
    return f"{value / 1024**2:,.2f} Mbit"


def duration(milliseconds: float) -> str:
    """Three digits, in ms or µs."""
    if milliseconds < 0.1:
        return f"{milliseconds * 1000:.3g}{NBSP}µs"
    return f"{milliseconds:,.3g}{NBSP}ms" if milliseconds < 1000 else f"{milliseconds:,.0f}{NBSP}ms"


def shape(sides: tuple[int, ...]) -> str:
    """64x55x55."""
    return TIMES.join(map(str, sides))


def listing(words: list[str]) -> str:
    """`a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def plural(value: int, word: str, words: str = "") -> str:
    """1 image, 2 images."""
    return f"{value:,} {word}" if value == 1 else f"{value:,} {words or word + 's'}"
