"""A plan as an RTL project: SystemVerilog, weight memories, test bench, build files."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy.typing as npt

from fireline.codegen.design.describe import describe, tensor_text
from fireline.codegen.design.kernels import kernels
from fireline.codegen.design.memories import loaded_words
from fireline.codegen.geometry.axi import input_beat, output_bits
from fireline.codegen.host import project, serial
from fireline.codegen.host.data import element
from fireline.codegen.host.drivers import driver_values
from fireline.codegen.host.render import render
from fireline.codegen.plan.foldings import Plan
from fireline.codegen.rtl.names import module_name
from fireline.codegen.rtl.top import Top, top

BUILD_FILES = ("README.md", "Makefile", "package_ip.tcl")

# Where the kernels and the generic part of the test bench go.
KERNELS = {
    "rtl/*.sv": "rtl",
    "rtl/lint.vlt": "rtl/lint.vlt",
    "rtl/testbench/testbench.h": "tb/testbench.h",
    "rtl/testbench/fl_*.sv": "tb",
}

# Makes the wires of a stream visible to the test bench.
PUBLIC = "  /* verilator public_flat_rd */"


def write_project(plan: Plan, out: Path, images: npt.ArrayLike | None = None, force: bool = False) -> None:
    """Write the project of `plan` to the folder `out`, whole or not at all.

    The same graph, plan and images give the same bytes.

    Args:
        plan: the graph with its foldings, device and stream depths.
        out: the folder; it must not exist unless `force`.
        images: real-valued images (N, C, H, W) for the test bench; a few pseudo-random ones if None.
        force: replace what is at `out`.

    Raises:
        FirelineError: `out` exists or cannot be written, or the plan has something the kernels cannot do.
    """
    made = top(kernels(plan))
    pixels = project.images_of(plan, images)
    common = _common(plan, made, len(pixels))
    texts = {f"rtl/{name}": text for name, text in made.files.items()}
    texts |= {f"rtl/{common['top']}.sv": _render("top.sv", common)}
    texts |= {"tb/testbench.cpp": _render("testbench.cpp", common)}
    texts |= {path: _render(path, common) for path in BUILD_FILES}
    copies = KERNELS
    if plan.device.family == "ecp5":
        texts, copies = texts | serial.serial_texts(plan), {**copies, f"{serial.KERNELS}/*.sv": "rtl"}
    project.write(plan, out, project.Content("rtl", texts, copies, common), pixels, force)


def _common(plan: Plan, made: Top, images: int) -> dict[str, Any]:
    """What the templates place."""
    graph = plan.graph
    beat = input_beat(graph.input)
    stalled = [instance.stalled for instance in made.instances if instance.stalled]
    values: dict[str, Any] = {
        "name": graph.name,
        "top": module_name(graph.name),
        "summary": f"{tensor_text(graph.input.output)} -> {tensor_text(graph.output.output)}",
        "part": plan.device.part,
        "device": plan.device.name,
        "clock": f"{plan.clock_mhz:g}",
        "beat_bits": beat.bits,
        "beat_high": beat.bits - 1,
        "beat_channels": beat.channels,
        "slot": beat.slot,
        "beats": prod(graph.input.output.shape) // beat.channels,
        "word_bits": output_bits(graph.output),
        "reading": graph.output.output.reading,
        "word_high": output_bits(graph.output) - 1,
        "values": prod(graph.output.output.shape),
        "weight_bytes": 8 * sum(loaded_words(plan)),
        "loaded": [f"32'd{words}" for words in reversed(loaded_words(plan))],
        "guard": graph.name.upper(),
        "public": PUBLIC,
        "streams": made.streams,
        "instances": made.instances,
        "stalled": [f"~{wire}" for wire in reversed(stalled)],
        "counters": [instance.name for instance in made.instances if instance.stalled],
        "stages_high": len(stalled) - 1,
        "memories": sorted(made.files),
        "tensors": _tensors(plan, made),
        "images": images,
        "layers": [
            {"name": node.name, "comment": describe(plan, node), "folding": folding}
            for node, folding in zip(graph.nodes, plan.foldings, strict=True)
        ],
    }
    return values | driver_values(plan)


def _tensors(plan: Plan, made: Top) -> list[dict[str, Any]]:
    """Every tensor with the stream that it goes through."""
    streams = {stream.tensor: stream for stream in made.streams if stream.tensor is not None}
    rows = []
    for index, node in enumerate(plan.graph.nodes):
        channels, height, width = node.output.shape
        rows.append(
            {
                "name": node.name,
                "channels": channels,
                "height": height,
                "width": width,
                "bytes": element(node.output.type).itemsize,
                "bits": node.output.type.bits,
                "signed": "true" if node.output.type.signed else "false",
                "lanes": streams[index].lanes,
                "stream": streams[index].name,
            }
        )
    return rows


def _render(name: str, common: dict[str, Any], **values: object) -> str:
    return render("fireline.codegen.rtl", name, **common, **values)
