"""Images and golden values of a project's test bench, and the table of its tensors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fireline.fixed import IntType
from fireline.graph import Graph

DEFAULT_IMAGES = 2
BATCH = 4


def element(type: IntType) -> np.dtype[np.int64]:
    """The little-endian integers that a file holds for values of `type`."""
    size = next(size for size in (1, 2, 4, 8) if type.bits <= 8 * size)
    return np.dtype(f"<{'i' if type.signed else 'u'}{size}")


def default_images(graph: Graph) -> npt.NDArray[np.float64]:
    """A few images (N, C, H, W) of pseudo-random values, always the same."""
    type = graph.input.output.type
    shape = (DEFAULT_IMAGES, *graph.input.output.shape)
    integers = np.random.default_rng(0).integers(type.min, type.max, shape, endpoint=True)
    return graph.input.output.real(integers)


def write_data(graph: Graph, images: npt.NDArray[np.generic], folder: Path) -> None:
    """Write `<node>.bin` for every node: its integers for all `images`, rows, columns, channels.

    A few images at a time, so that memory does not grow with their number.
    """
    folder.mkdir(parents=True)
    for start in range(0, len(images), BATCH):
        values = graph.trace(images[start : start + BATCH])
        for node in graph.nodes:
            raster = values[node.name].transpose(0, 2, 3, 1).astype(element(node.output.type))
            with (folder / f"{node.name}.bin").open("ab") as file:
                file.write(raster.tobytes())


def manifest(graph: Graph, target: str) -> str:
    """The target and the tensors of a project as JSON, for who runs it from outside.

    The real value of an output is (integer - zero_point) * scale + offset, with one entry or one for each channel.
    """
    tensors = [
        {
            "name": node.name,
            "kind": node.kind,
            "shape": node.output.shape,
            "bits": node.output.type.bits,
            "signed": node.output.type.signed,
        }
        for node in graph.nodes
    ]
    last = graph.output.output
    output = {
        "scale": [float(one) for one in last.scale],
        "zero_point": last.zero_point,
        "offset": [float(one) for one in last.offset],
    }
    content = {"name": graph.name, "target": target, "tensors": tensors, "output": output}
    return json.dumps(content, indent=1) + "\n"
