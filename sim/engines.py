"""The exact engines: each computes the integers of the graph's nodes in its own way, from nothing but the images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fireline.errors import FirelineError
from fireline.fixed import is_power_of_two
from fireline.graph import Graph, Node
from fireline.sim.integer import Simulator

Integers = npt.NDArray[np.int64]
Images = npt.NDArray[np.generic]

# Marks a real value that no integer of the tensor stands for: a mismatch whatever it is compared with.
OFF_GRID = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Engine:
    """A named way to compute the network.

    `run` maps images (N, C, H, W) to the integers (N, C, H, W) of every node it can see, by node name. A slow engine is
    a sample: it is shown one image in `every`, from the first on.
    """

    name: str
    run: Callable[[Images], Mapping[str, Integers]]
    every: int = 1


def simulator(graph: Graph) -> Engine:
    """The bit-accurate simulator."""
    return Engine("simulator", Simulator(graph).trace)


def qonnx_executor(graph: Graph, model: Path) -> Engine:
    """The QONNX reference executor on the file that `graph` was lowered from, one image at a time."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    wrapper = ModelWrapper(str(model))
    # The file may leave its number of images open, or name another.
    wrapper.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    wrapper = wrapper.transform(InferShapes())
    name = wrapper.graph.input[0].name
    # A file that takes channels last says so by its shape.
    channels, height, width = graph.input.output.shape
    sides = tuple(wrapper.get_tensor_shape(name))[1:]
    order = (1, 2, 0) if sides == (height, width, channels) != (channels, height, width) else (0, 1, 2)

    def run(images: Images) -> Mapping[str, Integers]:
        rows: dict[str, list[npt.NDArray[np.float32]]] = {
            node.name: [] for node in graph.nodes if node.source
        }
        for image in images:
            context = execute_onnx(
                wrapper,
                {name: image.transpose(order)[None].astype(np.float32)},
                return_full_exec_context=True,
            )
            for node in graph.nodes:
                if node.source:
                    rows[node.name].append(context[node.source])
        return {
            node.name: decode(node, np.concatenate(rows[node.name])) for node in graph.nodes if node.source
        }

    return Engine("qonnx", run)


def real_valued(
    graph: Graph, name: str, trace: Callable[[Images], Mapping[str, npt.NDArray[np.float32]]]
) -> Engine:
    """An engine around `trace`, which gives real values by the name of the QONNX tensor (Brevitas does)."""

    def run(images: Images) -> Mapping[str, Integers]:
        reals = trace(images)
        return {
            node.name: decode(node, reals[node.source])
            for node in graph.nodes
            if node.source and node.source in reals
        }

    return Engine(name, run)


def csim(
    graph: Graph, project: Path, jobs: int | None = None, kind: str = "csim", compilers: int | None = None
) -> Engine:
    """The compiled C-simulation of a generated project.

    Args:
        graph: the network of the project.
        project: a folder that `write_project` wrote.
        jobs: images at a time; one for each processor if None.
        kind: "csim" computes with native integers; "csim-checked" also stops where a value does not fit its declared
            width; "csim-ap-int" computes with ap_int, as synthesis does, and needs the headers that hls4ml carries.
        compilers: how many run at a time; one for each processor if None.

    Raises:
        FirelineError: the project cannot be built, or the headers are not there.
    """
    from fireline.sim import csim as runner

    match kind:
        case "csim":
            folder, flags = runner.BUILD, ""
        case "csim-checked":
            folder, flags = f"{runner.BUILD}_checked", "-DFL_CHECKED"
        case "csim-ap-int":
            folder, flags = f"{runner.BUILD}_ap_int", f"-DFL_AP_INT -isystem {ap_types()}"
        case _:
            raise AssertionError(f"{kind} is no C-simulation")
    runner.check_project(project, graph)
    runner.build(project, flags, compilers, folder)
    return Engine(kind, lambda images: runner.trace(graph, project, images, jobs=jobs, folder=folder))


def ap_types() -> Path:
    """Xilinx's ap_int headers, which hls4ml carries under their own licence (Apache-2.0).

    Raises:
        FirelineError: hls4ml is not installed.
    """
    found = find_spec("hls4ml")
    if found is None or found.origin is None:
        raise FirelineError(
            "the ap_int headers come with hls4ml, which is not installed", hint="pip install hls4ml==1.3.0"
        )
    return Path(found.origin).parent / "templates" / "vivado" / "ap_types"


def decode(node: Node, real: npt.NDArray[np.floating]) -> Integers:
    """The integers `(N, C, H, W)` that real values of any shape `(N, ...)` stand for, `OFF_GRID` where none does.

    A power-of-two scale divides exactly, so every value must be on the grid. Any other scale was rounded by the engine
    itself: the nearest integer is meant, and a value far from every integer is off the grid.
    """
    shape = node.output.shape
    if real.size != len(real) * int(np.prod(shape)):
        raise FirelineError(f"an engine gave {real.shape[1:]} where the graph has {shape}", node=node.name)
    scale = np.array([float(s) for s in node.output.scale]).reshape(-1, 1, 1)
    values = real.reshape(len(real), *shape)
    if all(map(is_power_of_two, node.output.scale)):
        steps = values * (1 / scale).astype(values.dtype)
        nearest = np.rint(steps)
        on_grid = steps - nearest == 0  # neither is infinity on the grid
    else:
        steps = values.astype(np.float64) / scale
        nearest = np.rint(steps)
        on_grid = np.abs(steps - nearest) <= 0.25
    if on_grid.all():
        return np.asarray(nearest.astype(np.int64) + node.output.zero_point)
    return np.where(on_grid, nearest + node.output.zero_point, OFF_GRID).astype(np.int64)
