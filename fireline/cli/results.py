"""What a run folder remembers of its hardware and its evaluation, for `report` and `compare`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fireline.errors import FirelineError
from fireline.files import write_whole

if TYPE_CHECKING:
    from fireline.cli.evaluate import Evaluation
    from fireline.codegen.plan.foldings import Plan
    from fireline.codegen.plan.summary import Summary
    from fireline.graph import Graph

HARDWARE, RESULTS = "hardware.json", "results.json"


def save_hardware(
    run: Path, plan: Plan, device: str, clock_mhz: float | None, target_fps: float | None
) -> Summary:
    """Keep what the run's project was planned for, and the plan's totals, which are returned."""
    from fireline.codegen.plan.file import content
    from fireline.sim.dataflow.planning import figures_of

    figures = figures_of(plan)
    kept = {
        "options": {"device": device, "clock_mhz": clock_mhz, "target_fps": target_fps},
        "frames_per_second": figures.frames_per_second,
        "used": asdict(figures.used),
        "available": asdict(figures.available),
        **content(plan),
    }
    write_whole(run / HARDWARE, json.dumps(kept, indent=2) + "\n")
    return figures


def load_plan(run: Path, graph: Graph) -> Plan:
    """The plan that `generate` made for a run.

    Raises:
        FirelineError: there is none, or it is of another network.
    """
    from fireline.codegen.plan.file import parse

    content = _read(run / HARDWARE, "fireline generate")
    try:
        return parse(content, graph)
    except (FirelineError, KeyError, TypeError, ValueError):
        raise FirelineError(
            "this plan is of another network or another Fireline",
            node=str(run / HARDWARE),
            hint="fireline generate --force",
        ) from None


def save_results(run: Path, evaluation: Evaluation, graph: Graph) -> None:
    """Keep an evaluation on labelled data, and which model it is of."""
    from fireline.graph import weight_bytes

    content = {
        "model": digest(run),
        "data": evaluation.source.data.name if evaluation.source.data else None,
        "weight_bytes": weight_bytes(graph),
        **evaluation.as_json(graph),
    }
    write_whole(run / RESULTS, json.dumps(content, indent=2) + "\n")


def load_results(run: Path) -> dict[str, Any]:
    """The evaluation and, where there is one, the hardware of a run.

    Raises:
        FirelineError: the run was not evaluated, or quantized anew since.
    """
    results = _read(run / RESULTS, "fireline report")
    if results.get("model") != digest(run):
        raise FirelineError(
            "model.onnx changed since the run was evaluated", node=str(run), hint="fireline report"
        )
    hardware = _read(run / HARDWARE, "fireline generate") if (run / HARDWARE).exists() else {}
    return {**results, "hardware": hardware}


def digest(run: Path) -> str:
    """What tells a model file from another."""
    try:
        return hashlib.sha256((run / "model.onnx").read_bytes()).hexdigest()
    except OSError as error:
        raise FirelineError(f"cannot be read: {error.strerror}", node=str(run / "model.onnx")) from None


def _read(path: Path, hint: str) -> dict[str, Any]:
    if path.parent.is_file():
        raise FirelineError(
            "this is a file, a run folder expected", node=str(path.parent), hint="`verify` takes QONNX files"
        )
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        raise FirelineError("missing from the run", node=str(path), hint=hint) from None
    if not isinstance(content, dict):
        raise FirelineError("damaged", node=str(path), hint=hint)
    return content
