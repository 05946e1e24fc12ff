"""Figures of matplotlib as files: PNG, SVG or PDF by the name's suffix, the same bytes each time."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from fireline.errors import FirelineError
from fireline.files import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What a file tells of its making, by kind: no date, no versions.
_KINDS: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}


def picture_kind(path: Path) -> str:
    """The kind of picture that a path names.

    Raises:
        FirelineError: there is no such kind.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in _KINDS:
        raise FirelineError(f"no picture of kind {kind!r}", node=str(path), hint=".png, .svg or .pdf")
    return kind


def picture(figure: Figure, kind: str) -> bytes:
    """The content of a file of `kind`."""
    from matplotlib import rc_context

    content = BytesIO()
    with rc_context({"svg.hashsalt": "fireline", "svg.fonttype": "none"}):
        figure.savefig(content, format=kind, dpi=150, metadata=_KINDS[kind])
    return content.getvalue()


def write_picture(figure: Figure, path: Path) -> None:
    """Draw `figure` into a file, whole or not at all.

    Raises:
        FirelineError: the suffix names no kind of picture, or the file cannot be written.
    """
    write_whole(path, picture(figure, picture_kind(path)))
