"""The exact engines: each computes the integers of the graph's nodes in its own way, from nothing but the images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from fireline.codegen.lower.normal import normal
from fireline.errors import EngineError, FirelineError
from fireline.graph import Graph
from fireline.sim.engine import (
    OFF_GRID,
    Engine,
    Images,
    Integers,
    Judged,
    decode,
    file_order,
    file_tensors,
    in_order,
)
from fireline.sim.integer import Simulator

__all__ = [
    "OFF_GRID",
    "Engine",
    "Images",
    "Integers",
    "Judged",
    "ap_types",
    "csim",
    "decode",
    "qonnx_executor",
    "real_valued",
    "running",
    "simulator",
]


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

        proto = normal(onnx.load(str(model)), np.float32)
        wrapper = ModelWrapper(proto).transform(InferShapes())
        name, kind = wrapper.graph.input[0].name, wrapper.graph.input[0].type.tensor_type.elem_type
        dtype = onnx.helper.tensor_dtype_to_np_dtype(kind)
        order = file_order(graph, wrapper.get_tensor_shape(name)[1:])
        tensors = file_tensors(graph, wrapper.graph.output[0].name)

    def run(images: Images) -> Mapping[str, Integers]:
        rows: dict[str, list[npt.NDArray[np.float32]]] = {node: [] for node in tensors}
        for image in images:
            with running("qonnx", model):
                given = {name: _as_type(image.transpose(order)[None], dtype)}
                context = execute_onnx(wrapper, given, return_full_exec_context=True)
                for node, tensor in tensors.items():
                    rows[node].append(context[tensor])
        # Stacked, not concatenated: a file may end with a tensor that has no axis of images.
        return {
            node.name: decode(node, in_order(node, np.stack(rows[node.name])))
            for node in graph.nodes
            if node.name in rows
        }

    return Engine("qonnx", run, judge=Judge(graph, proto))


def _as_type(image: Images, dtype: np.dtype[Any]) -> Images:
    """`image` as a file's input has it; a type of integers would wrap what it does not hold."""
    given = image.astype(dtype)
    if dtype.kind in "iu" and not np.array_equal(given, image):
        raise EngineError(f"the file takes {dtype}, the images hold other numbers", hint=f"give it {dtype}")
    return given


def real_valued(
    graph: Graph, name: str, model: Path, trace: Callable[[Images], Mapping[str, npt.NDArray[np.float32]]]
) -> Engine:
    """An engine around `trace`, which gives real values by the name of the tensor in `model` (Brevitas does)."""
    from fireline.sim.float32.ties import Judge

    proto = normal(onnx.load(str(model)), np.float32)
    tensors = file_tensors(graph, proto.graph.output[0].name)

    def run(images: Images) -> Mapping[str, Integers]:
        with running(name, model):
            reals = trace(images)
        return {
            node.name: decode(node, in_order(node, reals[tensors[node.name]]))
            for node in graph.nodes
            if tensors.get(node.name) in reals
        }

    return Engine(name, run, judge=Judge(graph, proto))


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
