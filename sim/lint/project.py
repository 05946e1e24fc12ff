"""What Vitis is told about a project: its hls_config.cfg."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fireline.errors import FirelineError

CONFIGURATION = "hls_config.cfg"

# How the name of a part begins, and its family.
_FAMILIES = {
    "xc7": "7 series",
    "xcku": "ultrascale",
    "xcvu": "ultrascale",
    "xczu": "ultrascale+",
    "xck": "ultrascale+",
    "xcu": "ultrascale+",
    "xcv": "versal",
}


@dataclass(frozen=True)
class Project:
    """The top function, the sources to compile with `flags`, and the part."""

    folder: Path
    top: str
    sources: tuple[Path, ...]
    flags: tuple[str, ...]
    part: str

    @property
    def family(self) -> str:
        """The device family; Kintex and Virtex of UltraScale+ end their size with a `p`."""
        if self.part.startswith(("xcku", "xcvu")) and "p-" in self.part:
            return "ultrascale+"
        return next((name for start, name in _FAMILIES.items() if self.part.startswith(start)), "")


def read_project(folder: Path) -> Project:
    """The project in `folder`.

    Raises:
        FirelineError: it is none, or its configuration names no top function or no source that is there.
    """
    file = folder / CONFIGURATION
    if not file.is_file():
        raise FirelineError(
            f"no HLS project: {CONFIGURATION} is missing", node=str(folder), hint="fireline generate"
        )
    values: dict[str, list[str]] = {}
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        raise FirelineError("cannot be read", node=str(file)) from None
    for line in lines:
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            values.setdefault(key.strip(), []).append(value.strip())
    for key in ("part", "syn.top", "syn.file"):
        if key not in values:
            raise FirelineError(f"{key} = ... is missing", node=str(file), hint="fireline generate --force")
    sources = tuple((folder / name).resolve() for name in values["syn.file"])
    for source in sources:
        if not source.is_file():
            raise FirelineError(
                "missing from the project", node=str(source), hint="fireline generate --force"
            )
    return Project(
        folder.resolve(),
        values["syn.top"][-1],
        sources,
        tuple(flag for text in values.get("syn.cflags", []) for flag in text.split()),
        values["part"][-1].lower(),
    )
