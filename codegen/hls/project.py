"""A plan as an HLS project: C++ sources, weight memories, test bench, build files."""

from __future__ import annotations

from importlib.resources import files
from math import prod
from pathlib import Path
from typing import Any

import numpy.typing as npt

from fireline.codegen.design.describe import describe, tensor_text
from fireline.codegen.design.kernels import Kernels, kernels
from fireline.codegen.design.memories import loaded_words
from fireline.codegen.geometry.axi import input_beat, output_bits
from fireline.codegen.hls.names import identifier
from fireline.codegen.hls.parameters import parameter_structs
from fireline.codegen.hls.source import layers, top
from fireline.codegen.hls.weights import has_constants, node_constants
from fireline.codegen.host import project
from fireline.codegen.host.data import element
from fireline.codegen.host.drivers import driver_values
from fireline.codegen.host.render import render
from fireline.codegen.plan.foldings import Plan
from fireline.errors import FirelineError

BUILD_FILES = ("README.md", "Makefile", "hls_config.cfg", "run_hls.tcl")

# Where the kernels and the generic part of the test bench go.
KERNELS = {"hls/fireline": "src/fireline", "hls/testbench/testbench.h": "tb/testbench.h"}


def write_project(plan: Plan, out: Path, images: npt.ArrayLike | None = None, force: bool = False) -> None:
    """Write the project of `plan` to the folder `out`, whole or not at all.

    The same graph, plan and images give the same bytes.

    Args:
        plan: the graph with its foldings, device and stream depths.
        out: the folder; it must not exist unless `force`.
        images: real-valued images (N, C, H, W) for the test bench; a few pseudo-random ones if None.
        force: replace what is at `out`.

    Raises:
        FirelineError: `out` exists or cannot be written, the plan has something the kernels cannot do, or its device is
            of a vendor whose parts no HLS here builds for.
    """
    if plan.device.family == "ecp5":
        raise FirelineError(
            "Vitis HLS builds for no part of Lattice", node=plan.device.name, hint="generate --target rtl"
        )
    made = kernels(plan)
    pixels = project.images_of(plan, images)
    texts = _sources(made)
    common = _build_values(made, sorted(texts), len(pixels))
    texts |= {path: _render(path, common) for path in BUILD_FILES} | {".clang-format": _read("clang-format")}
    project.write(plan, out, project.Content("hls", texts, KERNELS, common), pixels, force)


def _sources(made: Kernels) -> dict[str, str]:
    """The C++ of a project, by path."""
    plan, graph = made.plan, made.plan.graph
    common = _common(made)
    stages = layers(made)
    texts = {
        "src/parameters.h": _render("parameters.h", common, structs=parameter_structs(plan)),
        "src/layers.h": _render("layers.h", common, layers=stages),
        f"src/{common['top']}.h": _render("top.h", common),
        f"src/{common['top']}.cpp": _render("top.cpp", common, function=top(made)),
        "tb/testbench.cpp": _render(
            "testbench.cpp", common, tensors=_tensors(made), latencies=_latencies(made)
        ),
    }
    for item in stages:
        texts[f"src/layers/{item.name}.cpp"] = _render("layer.cpp", common, layer=item, label=item.name)
    for index, node in enumerate(graph.nodes):
        if has_constants(node):
            constants = node_constants(plan, index)
            texts[f"src/weights/{node.name}.h"] = _render(
                "weights.h",
                common,
                label=node.name,
                comment=describe(plan, node),
                loaded=index in plan.loaded,
                layer=identifier(node.name),
                layer_guard=node.name.upper(),
                tables=constants.tables,
                rule=constants.rule,
            )
    return texts


def _build_values(made: Kernels, sources: list[str], images: int) -> dict[str, Any]:
    """What the files that are not C++ need."""
    plan = made.plan
    values = _common(made) | {
        "part": plan.device.part,
        "period": f"{1000 / plan.clock_mhz:.3f}",
        "device": plan.device.name,
        "clock": f"{plan.clock_mhz:g}",
        "sources": [path for path in sources if path.startswith("src/") and path.endswith(".cpp")],
        "images": images,
        "layers": [
            {
                "name": node.name,
                "comment": describe(plan, node),
                "pe": folding.pe,
                "simd": folding.simd,
                "rows": folding.rows,
            }
            for node, folding in zip(plan.graph.nodes, plan.foldings, strict=True)
        ],
    }
    return values | driver_values(plan)


def _common(made: Kernels) -> dict[str, Any]:
    """What most templates use."""
    graph = made.plan.graph
    beat = input_beat(graph.input)
    return {
        "name": graph.name,
        "guard": graph.name.upper(),
        "top": identifier(graph.name),
        "summary": f"{tensor_text(graph.input.output)} -> {tensor_text(graph.output.output)}",
        "first_layer": identifier(graph.input.name),
        "beat_bits": beat.bits,
        "beat_channels": beat.channels,
        "slot": beat.slot,
        "beats": prod(graph.input.output.shape) // beat.channels,
        "word_bits": output_bits(graph.output),
        "reading": graph.output.output.reading,
        "values": prod(graph.output.output.shape),
        "weight_bytes": 8 * sum(loaded_words(made.plan)),
    }


def _tensors(made: Kernels) -> list[dict[str, object]]:
    rows = []
    for node in made.plan.graph.nodes:
        channels, height, width = node.output.shape
        type = element(node.output.type)
        rows.append(
            {
                "name": node.name,
                "channels": channels,
                "height": height,
                "width": width,
                "bytes": type.itemsize,
                "signed": "true" if type.kind == "i" else "false",
            }
        )
    return rows


def _latencies(made: Kernels) -> list[dict[str, object]]:
    """The cycles that a token is on its way into each stream, that of the design's output last."""
    rows: list[dict[str, object]] = [
        {"stream": made.fifos[place].name, "cycles": kernel.latency}
        for kernel in made.kernels
        for place in kernel.outputs
    ]
    return [*rows, {"stream": "AXI output", "cycles": made.kernels[-1].latency}]


def _render(name: str, common: dict[str, Any], **values: object) -> str:
    return render("fireline.codegen.hls", name, **common, **values)


def _read(name: str) -> str:
    return files("fireline.codegen.hls").joinpath("templates", name).read_text()
