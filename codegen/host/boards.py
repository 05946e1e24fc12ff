"""The board table: data, not code (`boards.toml`)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from fireline.codegen.plan.devices import Device


@dataclass(frozen=True)
class System:
    """The processing system beside the logic of a part: pins and settings of its IP."""

    ip: str
    automation: str  # configuration of its block automation
    settings: dict[str, int]
    clock_setting: str  # MHz
    clock: str
    reset: str
    interrupt: str
    control: str  # AXI master towards the registers
    memory: str  # AXI slave towards the DRAM
    port_clocks: tuple[str, ...]
    registers: int  # lowest address of the control port
    address_bits: int


@dataclass(frozen=True)
class Board:
    """A board and the processing system of its part."""

    name: str
    files: str  # its name among Vivado's board files
    system: System


@cache
def _boards() -> dict[str, Board]:
    table = tomllib.loads(files(__package__).joinpath("boards.toml").read_text())
    systems = {
        name: System(**{**row, "port_clocks": tuple(row["port_clocks"])})
        for name, row in table["systems"].items()
    }
    return {
        device: Board(row["name"], row["files"], systems[row["system"]])
        for device, row in table["boards"].items()
    }


def board_of(device: Device) -> Board | None:
    """The board that carries `device`, if the table has one."""
    return _boards().get(device.name)
