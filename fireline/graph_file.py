"""The integer graph as one file: an npz archive with the nodes as JSON and the weights as arrays."""

from __future__ import annotations

import io
import json
import zipfile
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from fireline.errors import FirelineError
from fireline.files import write_whole
from fireline.graph import Graph, Node

FORMAT = "fireline-graph"
VERSION = 1
_NODES: TypeAdapter[tuple[Node, ...]] = TypeAdapter(tuple[Node, ...])


def dump(graph: Graph) -> bytes:
    """The file's bytes; equal graphs give equal bytes."""
    arrays: list[npt.NDArray[np.int64]] = []
    nodes = _NODES.dump_python(graph.nodes, mode="json", context=arrays)
    text = json.dumps({"format": FORMAT, "version": VERSION, "name": graph.name, "nodes": nodes}, indent=1)
    entries = {f"array_{i}": _narrow(array) for i, array in enumerate(arrays)}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, graph=np.frombuffer(text.encode(), dtype=np.uint8), **entries)  # type: ignore[arg-type]
    return buffer.getvalue()


def save(graph: Graph, path: str | PathLike[str]) -> None:
    """Write `graph` to `path`, whole or not at all."""
    write_whole(Path(path), dump(graph))


def load(path: str | PathLike[str]) -> Graph:
    """Read a graph; see `Graph.load`."""
    where = str(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            text = archive["graph"].tobytes().decode()
            arrays = [archive[f"array_{i}"] for i in range(len(archive.files) - 1)]
        content = json.loads(text)
        header = (content["format"], content["version"])
        name, nodes = str(content["name"]), content["nodes"]
    except FileNotFoundError:
        raise FirelineError("no such file", node=where) from None
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        zipfile.BadZipFile,
        NotImplementedError,
    ) as error:
        raise FirelineError(f"not a Fireline graph: {error}", node=where) from None
    if header != (FORMAT, VERSION):
        raise FirelineError(f"this is {header}, Fireline reads {(FORMAT, VERSION)}", node=where)
    try:
        return Graph(name, _NODES.validate_python(nodes, context=arrays))
    except ValidationError as error:
        first = error.errors()[0]
        raise FirelineError(f"damaged graph: {first['loc']}: {first['msg']}", node=where) from None


def _narrow(array: npt.NDArray[np.int64]) -> npt.NDArray[np.integer]:
    """The same integers in the narrowest type: weights are a few bits wide."""
    if not array.size:
        return array
    low, high = int(array.min()), int(array.max())
    types = (np.int8, np.int16, np.int32)
    return array.astype(
        next((t for t in types if np.iinfo(t).min <= low and high <= np.iinfo(t).max), np.int64)
    )
