"""The integer graph as one file: an npz archive with the nodes as JSON and the weights as arrays."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from math import prod
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from fireline.errors import FirelineError
from fireline.nodes import Node

FORMAT = "fireline-graph"
VERSION = 1
MAX_BYTES = 1 << 30  # of a graph, unpacked
_NODES: TypeAdapter[tuple[Node, ...]] = TypeAdapter(tuple[Node, ...])


def dump(name: str, nodes: tuple[Node, ...]) -> bytes:
    """The bytes of the file of a graph; equal graphs give equal bytes."""
    arrays: list[npt.NDArray[np.int64]] = []
    plain = _NODES.dump_python(nodes, mode="json", context=arrays)
    text = json.dumps({"format": FORMAT, "version": VERSION, "name": name, "nodes": plain}, indent=1)
    entries = {f"array_{i}": _narrow(array) for i, array in enumerate(arrays)}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, graph=np.frombuffer(text.encode(), dtype=np.uint8), **entries)  # type: ignore[arg-type]
    return buffer.getvalue()


def load(path: str | PathLike[str]) -> tuple[str, tuple[Node, ...]]:
    """Name and nodes of the graph in a file; errors as for `Graph.load`."""
    where = str(path)
    entries = _entries(Path(path))
    try:
        content = json.loads(entries["graph"].tobytes())
        header = (content["format"], content["version"])
        name, nodes = str(content["name"]), content["nodes"]
        arrays = [entries[f"array_{i}"] for i in range(len(entries) - 1)]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FirelineError(f"not a Fireline graph: {error}", node=where) from None
    if header != (FORMAT, VERSION):
        raise FirelineError(f"this is {header}, Fireline reads {(FORMAT, VERSION)}", node=where)
    try:
        return name, _NODES.validate_python(nodes, context=arrays)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise FirelineError(f"damaged graph: {place}: {first['msg']}", node=where) from None


def _entries(path: Path) -> dict[str, npt.NDArray[np.integer]]:
    """The arrays of the file by name, no larger than their own bytes say."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_BYTES:
                raise FirelineError(f"more than {MAX_BYTES} bytes", node=str(path))
            return {
                entry.filename.removesuffix(".npy"): _array(archive.read(entry))
                for entry in archive.infolist()
            }
    except FileNotFoundError:
        raise FirelineError("no such file", node=str(path)) from None
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        # The archive's own names are in some messages, however long they are.
        raise FirelineError(f"not a Fireline graph: {error!s:.200}", node=str(path)) from None


def _array(content: bytes) -> npt.NDArray[np.integer]:
    """An array of integers in numpy's format."""
    file = io.BytesIO(content)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("an array of another format")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.kind not in "iu" or fortran:
        raise ValueError(f"an array of {dtype}")
    if prod(shape) * dtype.itemsize != len(content) - file.tell():
        raise ValueError(f"an array of shape {shape} in {len(content)} bytes")
    return np.frombuffer(content, dtype, offset=file.tell()).reshape(shape)


def _narrow(array: npt.NDArray[np.int64]) -> npt.NDArray[np.integer]:
    """The same integers in the narrowest type: weights are a few bits wide."""
    if not array.size:
        return array
    low, high = int(array.min()), int(array.max())
    types = (np.int8, np.int16, np.int32)
    return array.astype(
        next((t for t in types if np.iinfo(t).min <= low and high <= np.iinfo(t).max), np.int64)
    )
