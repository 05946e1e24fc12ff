"""What trains together. Lightning, which takes seconds to import, is not needed to ask."""

from __future__ import annotations

import sys
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


def leads() -> bool:
    """Whether this process, of those that train together, is the one that writes files.

    Lightning starts the others, so there are none before it is imported.
    """
    lightning = sys.modules.get("lightning.fabric.utilities.rank_zero")
    return lightning is None or bool(getattr(lightning.rank_zero_only, "rank", 0) == 0)
