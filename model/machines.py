"""What trains together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Machines:
    """What trains: `devices` (GPUs, or processes where there is none) on each of `nodes`, started by Lightning.

    A batch is shared out among all of them.
    """

    devices: int = 1
    nodes: int = 1

    @property
    def processes(self) -> int:
        """All of them."""
        return self.devices * self.nodes


ALONE = Machines()
