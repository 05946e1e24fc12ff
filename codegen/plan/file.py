"""A plan as a file beside its graph's: what it takes to have the same plan again."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fireline.codegen.plan.devices import device
from fireline.codegen.plan.foldings import Folding, Plan
from fireline.errors import FirelineError
from fireline.graph import Graph


def content(plan: Plan) -> dict[str, Any]:
    """What a file holds of a plan: all but its graph."""
    return {
        "device": plan.device.name,
        "clock_mhz": plan.clock_mhz,
        "target": plan.target,
        "foldings": [asdict(folding) for folding in plan.foldings],
        "depths": plan.depths,
        "adapter_depths": plan.adapter_depths,
    }


def dump(plan: Plan) -> str:
    """The text of a plan's file; the same plan gives the same text."""
    return json.dumps(content(plan), indent=1) + "\n"


def load(path: Path, graph: Graph) -> Plan:
    """The plan for `graph` that `dump` wrote.

    Raises:
        FirelineError: the file is missing, damaged, or of another network.
    """
    try:
        return parse(json.loads(path.read_text()), graph)
    except (OSError, FirelineError, KeyError, TypeError, ValueError):
        raise FirelineError(
            "there is no plan of this network", node=str(path), hint="fireline generate --force"
        ) from None


def is_of(path: Path, plan: Plan) -> bool:
    """Whether the file at `path` is there, and is what `dump` writes of this plan."""
    try:
        return bool(json.loads(path.read_text()) == json.loads(dump(plan)))
    except (OSError, ValueError):
        return False


def parse(content: dict[str, Any], graph: Graph) -> Plan:
    """The plan for `graph` of which `content` is what a file holds; raises whatever is wrong with it."""
    foldings = tuple(Folding(**folding) for folding in content["foldings"])
    depths, adapter_depths = (tuple(map(tuple, content[name])) for name in ("depths", "adapter_depths"))
    clock_mhz, target = float(content["clock_mhz"]), content["target"]
    return Plan(graph, device(content["device"]), clock_mhz, foldings, depths, adapter_depths, target)
