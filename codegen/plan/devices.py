"""The device table: data, not code (`devices.toml`)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

from fireline.errors import FirelineError


@dataclass(frozen=True)
class Device:
    """Resources of one FPGA part."""

    name: str
    part: str  # with package and speed grade
    clock_mhz: float  # default
    family: str
    lut: int
    lutram: int
    ff: int
    dsp: int
    bram36: int
    ebr: int
    uram: int
    boards: str
    source: str

    @property
    def bram18(self) -> int:
        """Block RAMs of 18 Kbit: halves of a BRAM36, or the EBR of a Lattice part."""
        return 2 * self.bram36 + self.ebr


@cache
def devices() -> dict[str, Device]:
    """Every known part, by name, smallest first."""
    table = tomllib.loads(files(__package__).joinpath("devices.toml").read_text())
    return {name: Device(name=name, **row) for name, row in table.items()}


def device(name: str) -> Device:
    """The part called `name`.

    Raises:
        FirelineError: there is no such part; the message names the nearest.
    """
    if name not in devices():
        near = get_close_matches(name, devices(), n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(devices())}"
        raise FirelineError(f"unknown device {name!r}", hint=hint)
    return devices()[name]
