"""The exact engines: each computes the integers of the graph's nodes in its own way, from nothing but the images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx

from fireline.errors import EngineError, FirelineError
from fireline.fixed import is_power_of_two
from fireline.graph import Graph, Node
from fireline.sim.integer import Simulator

Integers = npt.NDArray[np.int64]
Images = npt.NDArray[np.generic]

Reals = npt.NDArray[np.float64]

# Marks a real value that no integer of the tensor stands for: a mismatch whatever it is compared with.
OFF_GRID = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Judged:
    """One node of an engine, every array (N, C, H, W).

    `expected` are the simulator's integers given what the engine itself has at the nodes before. Where it has another,
    `tie` tells whether its own rounding may have made that of the file's exact value, and `distance` how far that value
    is from the next step, in steps: not a number where there is no step or it is not known.
    """

    expected: Integers
    tie: npt.NDArray[np.bool_]
    distance: Reals


@dataclass(frozen=True)
class Engine:
    """A named way to compute the network.

    `run` maps images (N, C, H, W) to the integers (N, C, H, W) of every node it can see, by node name. A slow engine is
    a sample: it is shown one image in `every`, from the first on. An engine that computes in float32 has a `judge`: it
    tells from images and the engine's integers by node name which of them its own rounding explains.
    """

    name: str
    run: Callable[[Images], Mapping[str, Integers]]
    every: int = 1
    judge: Callable[[Images, Mapping[str, Integers]], Mapping[str, Judged]] | None = None


def simulator(graph: Graph) -> Engine:
    """The bit-accurate simulator."""
    return Engine("simulator", Simulator(graph).trace)


@contextmanager
def running(name: str, file: Path) -> Iterator[None]:
    """Whatever the code of others raises over `file` is one error of the engine `name`."""
    try:
        yield
    except (FirelineError, OSError, MemoryError):
        raise
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        raise EngineError(
            f"{name} cannot run this file: {type(error).__name__}: {lines[0]:.300}", node=str(file)
        ) from error


def qonnx_executor(graph: Graph, model: Path) -> Engine:
    """The QONNX reference executor on the file that `graph` was lowered from, one image at a time.

    Raises:
        EngineError: the executor cannot run the file. Running raises it, too.
    """
    from fireline.sim.float32.ties import Judge

    with running("qonnx", model):
        from qonnx.core.modelwrapper import ModelWrapper
        from qonnx.core.onnx_exec import execute_onnx
        from qonnx.transformation.infer_shapes import InferShapes

        proto = single(onnx.load(str(model)))
        wrapper = ModelWrapper(proto).transform(InferShapes())
        name = wrapper.graph.input[0].name
        order = file_order(graph, wrapper.get_tensor_shape(name)[1:])

    def run(images: Images) -> Mapping[str, Integers]:
        rows: dict[str, list[npt.NDArray[np.float32]]] = {
            node.name: [] for node in graph.nodes if node.source
        }
        for image in images:
            with running("qonnx", model):
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

    return Engine("qonnx", run, judge=Judge(graph, proto))


def single(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` for one image, with nothing said twice, as the QONNX executor needs it.

    Constants among the inputs and shapes of outputs are legal, and so is another number of images, or none.
    """
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    outputs = {value.name for value in graph.output}
    inputs = [value for value in graph.input if value.name not in constants]
    shapes = [value for value in graph.value_info if value.name not in outputs]
    batch = inputs[0].type.tensor_type.shape.dim[0]
    if batch.dim_value != 1:
        batch.dim_value = 1
        made = {inputs[0].name}
        for node in graph.node:
            made.update(node.output if made.intersection(node.input) else ())
        shapes = [value for value in shapes if value.name not in made]
        for value in graph.output:
            value.type.tensor_type.ClearField("shape")
    for kept, field in ((inputs, graph.input), (shapes, graph.value_info)):
        copies = [onnx.ValueInfoProto.FromString(value.SerializeToString()) for value in kept]
        del field[:]
        field.extend(copies)
    return model


def file_order(graph: Graph, sides: Sequence[int]) -> tuple[int, int, int]:
    """Where the axes of an image (C, H, W) go in a file that takes `sides`, by which it says that channels are last."""
    channels, height, width = graph.input.output.shape
    last = tuple(sides) == (height, width, channels) != (channels, height, width)
    return (1, 2, 0) if last else (0, 1, 2)


def real_valued(
    graph: Graph, name: str, model: Path, trace: Callable[[Images], Mapping[str, npt.NDArray[np.float32]]]
) -> Engine:
    """An engine around `trace`, which gives real values by the name of the tensor in `model` (Brevitas does)."""
    from fireline.sim.float32.ties import Judge

    def run(images: Images) -> Mapping[str, Integers]:
        with running(name, model):
            reals = trace(images)
        return {
            node.name: decode(node, reals[node.source])
            for node in graph.nodes
            if node.source and node.source in reals
        }

    return Engine(name, run, judge=Judge(graph, onnx.load(str(model))))


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
