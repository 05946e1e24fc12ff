"""Fireline: quantized SqueezeNets to bit-exact FPGA firmware.

graph = fireline.lower("model.onnx")
logits = graph.simulate(images)
fireline.generate(graph, device="xc7z020", out="project")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fireline.errors import FirelineError

if TYPE_CHECKING:
    from os import PathLike

    from fireline.codegen.plan.foldings import Plan, Target
    from fireline.graph import Graph

__all__ = ["FirelineError", "Graph", "generate", "lower"]


def lower(path: str | PathLike[str]) -> Graph:
    """The integer graph of a QONNX file.

    Raises:
        FirelineError: the file is broken, not quantized, or has an operation that cannot be lowered exactly.
    """
    from fireline.codegen.lower.network import lower as lower_file

    return lower_file(path)


def generate(
    graph: Graph,
    *,
    device: str,
    out: str | PathLike[str],
    clock_mhz: float | None = None,
    target_fps: float | None = None,
    load_weights: bool = False,
    images: Any = None,
    force: bool = False,
    target: Target = "hls",
) -> Plan:
    """Fold `graph` for `device` and write its project, of HLS or RTL, to the folder `out`.

    Args:
        graph: the network.
        device: a part of the device table, such as "xc7z020".
        out: the project's folder; it must not exist unless `force`.
        clock_mhz: the clock to plan for; the part's usual one if None.
        target_fps: frames a second to reach with the fewest resources; the most that fits if None.
        load_weights: weights may lie in UltraRAM, where a host loads them once at start.
        images: images (N, C, H, W) for the test bench; a few pseudo-random ones if None.
        force: replace what is at `out`.
        target: "hls" for C++, "rtl" for SystemVerilog.

    Raises:
        DoesNotFitError: the network does not fit the device.
        FirelineError: the device is unknown, there is no C++ compiler for the cycle simulation that finds the depths of
            streams, or `out` exists or cannot be written.
    """
    from pathlib import Path

    from fireline.codegen.hls import project as hls
    from fireline.codegen.plan.options import Freedom
    from fireline.codegen.rtl import project as rtl
    from fireline.sim.dataflow.planning import best_plan

    plan = best_plan(graph, device, clock_mhz, target_fps, Freedom(load_weights, target))
    write_project = rtl.write_project if target == "rtl" else hls.write_project
    write_project(plan, Path(out), images=images, force=force)
    return plan


def __getattr__(name: str) -> Any:
    # Graph brings numpy and pydantic: `fireline --help` does without.
    if name == "Graph":
        from fireline.graph import Graph

        return Graph
    raise AttributeError(f"module 'fireline' has no attribute {name!r}")
