"""Mutated QONNX and graph files: each gives a result or a FirelineError, never another exception, a hang or a file.

python -m tests.fuzz --seed 0 --count 20000
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from fireline.codegen.lower.network import lower
from fireline.errors import FirelineError
from fireline.graph import Graph
from tests.differential.onnxruntime_files import qdq, qoperator
from tests.random_networks import random_model

LONGEST = 4000  # message that is a line still
SECONDS = 20  # that one file may take
MEMORY = 6 << 30  # bytes of address space above which an allocation fails
NUMBERS = [
    0,
    1,
    -1,
    2,
    3,
    7,
    8,
    16,
    31,
    32,
    33,
    63,
    64,
    65,
    255,
    4096,
    1 << 15,
    1 << 31,
    (1 << 31) - 1,
    1 << 40,
    -(1 << 40),
]
LARGE = [(1 << 63) - 1, -(1 << 63)]
FLOATS = [0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, 1e-38, 3e38, float("inf"), float("-inf"), float("nan"), 1e10, 0.1]
NAMES = [
    "",
    "../../etc/passwd",
    "/etc/passwd",
    "a\nb",
    "x; rm -rf /",
    '"',
    "{{ 7*7 }}",
    "$(id)",
    "\0",
    "Ω" * 300,
    "int",
    "input",
    "t0",
]
Random = np.random.Generator


def mutate_bytes(content: bytes, random: Random) -> bytes:
    """A few bytes changed, removed, repeated, or the end cut off."""
    data = bytearray(content)
    for _ in range(random.integers(1, 6)):
        at = int(random.integers(0, max(1, len(data))))
        match random.integers(0, 5):
            case 0:
                data[at : at + 1] = bytes([int(random.integers(0, 256))])
            case 1:
                del data[at : at + int(random.integers(1, 20))]
            case 2:
                data[at:at] = data[at : at + int(random.integers(1, 40))]
            case 3:
                data[at : at + 1] = bytes([data[at] ^ (1 << int(random.integers(0, 8)))]) if data else b""
            case _:
                if random.integers(0, 8) == 0:
                    del data[at:]
    return bytes(data)


def pick(random: Random, values: Any) -> Any:
    return values[int(random.integers(0, len(values)))]


def mutate_model(model: onnx.ModelProto, random: Random) -> None:
    """A few fields of the protobuf set to something else, of the right kind or another."""
    graph = model.graph
    for _ in range(random.integers(1, 4)):
        match random.integers(0, 10):
            case 0:
                node = pick(random, graph.node)
                if node.input:
                    node.input[int(random.integers(0, len(node.input)))] = pick(
                        random, [*NAMES, *tensor_names(graph)]
                    )
            case 1:
                node = pick(random, graph.node)
                node.output[0] = pick(random, [*NAMES, *tensor_names(graph)])
            case 2:
                node = pick(random, graph.node)
                node.op_type = pick(
                    random,
                    [n.op_type for n in graph.node] + ["Tanh", "Clip", "Transpose", "Gemm", "Neg", "Trunc"],
                )
            case 3:
                node = pick(random, graph.node)
                node.name, node.domain = pick(random, NAMES), pick(random, [node.domain, *NAMES])
            case 4:
                mutate_attribute(pick(random, graph.node), random)
            case 5 | 6:
                mutate_tensor(pick(random, graph.initializer), random)
            case 7:
                node = pick(random, graph.node)
                del node.input[int(random.integers(0, len(node.input) + 1)) :]
            case 8:
                dims = graph.input[0].type.tensor_type.shape.dim
                pick(random, dims).dim_value = int(pick(random, NUMBERS))
            case _:
                if random.integers(0, 2):
                    graph.node.insert(int(random.integers(0, len(graph.node))), pick(random, graph.node))
                else:
                    del graph.node[int(random.integers(0, len(graph.node)))]
                    if not graph.node:
                        return


def tensor_names(graph: onnx.GraphProto) -> list[str]:
    return [name for node in graph.node for name in (*node.input, *node.output)]


def mutate_attribute(node: onnx.NodeProto, random: Random) -> None:
    if not node.attribute or random.integers(0, 4) == 0:
        name = pick(
            random,
            [
                "axis",
                "pads",
                "strides",
                "group",
                "auto_pad",
                "ceil_mode",
                "alpha",
                "perm",
                "dilations",
                "min",
                "keepdims",
            ],
        )
        value = pick(random, [1, -3, 0.25, "SAME_UPPER", [1, 1], [2, 2], [1, 1, 1, 1], [0, 3, 1, 2], [-1, 5]])
        kept = [attribute for attribute in node.attribute if attribute.name != name]
        del node.attribute[:]
        node.attribute.extend([*kept, onnx.helper.make_attribute(name, value)])
        return
    attribute = pick(random, node.attribute)
    match random.integers(0, 5):
        case 0:
            attribute.i = int(pick(random, NUMBERS + LARGE))
        case 1 if attribute.ints:
            attribute.ints[int(random.integers(0, len(attribute.ints)))] = int(pick(random, NUMBERS + LARGE))
        case 2:
            attribute.type = int(random.integers(0, 14))
        case 3:
            attribute.name = pick(random, NAMES)
        case _:
            del attribute.ints[int(random.integers(0, len(attribute.ints) + 1)) :]


def mutate_tensor(tensor: onnx.TensorProto, random: Random) -> None:
    match random.integers(0, 6):
        case 0:
            tensor.dims[:] = [int(pick(random, NUMBERS + LARGE)) for _ in range(random.integers(0, 5))]
        case 1:
            tensor.data_type = int(random.integers(0, 24))
        case 2:
            tensor.name = pick(random, NAMES)
        case 3:
            tensor.data_location = onnx.TensorProto.EXTERNAL
            entry = tensor.external_data.add()
            entry.key, entry.value = "location", pick(random, NAMES)
        case _ if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.raw_data) >= 4:
            values = np.frombuffer(tensor.raw_data, dtype="<f4").copy()
            values[int(random.integers(0, len(values)))] = pick(random, FLOATS + NUMBERS)
            tensor.raw_data = values.tobytes()
        case _:
            tensor.raw_data = mutate_bytes(tensor.raw_data, random)


def mutate_graph(content: bytes, random: Random) -> bytes:
    """The bytes of a graph file changed, or a few values of its JSON, or its arrays."""
    if random.integers(0, 3) == 0:
        return mutate_bytes(content, random)
    with np.load(io.BytesIO(content)) as archive:
        arrays = {name: archive[name] for name in archive.files}
    text = json.loads(arrays.pop("graph").tobytes())
    for _ in range(random.integers(1, 4)):
        if arrays and random.integers(0, 3) == 0:
            name = pick(random, list(arrays))
            arrays[name] = mutated_array(arrays[name], random)
        else:
            mutate_json(text, random)
    raw = json.dumps(text).encode()
    buffer = io.BytesIO()
    np.savez(buffer, graph=np.frombuffer(raw, np.uint8), **arrays)
    return buffer.getvalue()


def mutated_array(array: np.ndarray, random: Random) -> np.ndarray:
    match random.integers(0, 4):
        case 0:
            return array.astype(pick(random, [np.float32, np.uint64, np.bool_, "S4"]))
        case 1:
            return array.reshape(-1)[: int(random.integers(0, array.size + 1))]
        case 2 if array.size:
            wide = array.astype(np.int64)
            wide.ravel()[int(random.integers(0, array.size))] = pick(random, NUMBERS + LARGE)
            return wide
        case _:
            return array[None]


def mutate_json(value: Any, random: Random) -> None:
    """One value somewhere below `value`."""
    places: list[tuple[Any, Any]] = []

    def walk(inner: Any) -> None:
        for key in list(inner) if isinstance(inner, dict) else range(len(inner)):
            places.append((inner, key))
            if isinstance(inner[key], dict | list):
                walk(inner[key])

    walk(value)
    inner, key = pick(random, places)
    match random.integers(0, 6):
        case 0:
            inner[key] = pick(
                random,
                [None, True, [], {}, "x", [[[]]], "1e999999999", "1/0", "nan", 10**400, -(10**30), 1e308],
            )
        case 1:
            inner[key] = pick(random, NAMES)
        case 2 if isinstance(inner, dict):
            del inner[key]
        case 3 if isinstance(inner, list):
            inner.insert(key, inner[key])
        case _:
            inner[key] = int(pick(random, NUMBERS + LARGE))


class TooSlow(BaseException):
    """A file took longer than it may; no `except Exception` swallows it."""


@contextmanager
def time_limit(seconds: int) -> Any:
    def stop(*_: object) -> None:
        raise TooSlow(f"over {seconds} s")

    # Processor time, so that a busy machine is no fault.
    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def attempt(act: Callable[[], Graph], simulate: bool) -> str:
    """What becomes of one file: "result" or "refused"."""
    try:
        graph = act()
        if simulate:
            channels, height, width = graph.input.output.shape
            if channels * height * width < 10_000:
                graph.simulate(np.zeros((1, channels, height, width)))
        return "result"
    except FirelineError as error:
        if "\n" in str(error) or len(str(error)) > LONGEST:
            raise ValueError(f"a message of {len(str(error))} characters: {error!s:.100}") from None
        return "refused"


def fuzz(seed: int, count: int, report: Callable[[str], None] = print) -> Counter[str]:
    """Try `count` mutated files of each kind; the outcomes, "failed" among them."""
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models = [onnx.load(str(random_model(folder, i, i % 2 == 0))) for i in range(12)]
        models += [onnx.load(str(draw(i, folder).path)) for draw in (qdq, qoperator) for i in range(6)]
        contents = [model.SerializeToString() for model in models]
        graphs = []
        for i in range(12):
            lower(folder / f"random{i}.onnx").save(folder / "graph.npz")
            graphs.append((folder / "graph.npz").read_bytes())
        inside = folder / "inside"
        inside.mkdir()
        before = sorted(os.listdir(folder))
        for index in range(count):
            for kind in ("model", "graph"):
                random = np.random.default_rng([seed, index, kind == "graph"])
                path = inside / kind
                if kind == "graph":
                    path.write_bytes(mutate_graph(pick(random, graphs), random))
                    act: Callable[[], Graph] = lambda: Graph.load(inside / "graph")  # noqa: E731
                elif random.integers(0, 4) == 0:
                    path.write_bytes(mutate_bytes(pick(random, contents), random))
                    act = lambda: lower(inside / "model")  # noqa: E731
                else:
                    model = onnx.ModelProto.FromString(pick(random, contents))
                    mutate_model(model, random)
                    path.write_bytes(model.SerializeToString())
                    act = lambda: lower(inside / "model")  # noqa: E731
                try:
                    with time_limit(SECONDS):
                        outcomes[f"{kind} {attempt(act, simulate=index % 4 == 0)}"] += 1
                except (Exception, TooSlow) as error:
                    outcomes[f"{kind} failed"] += 1
                    where = traceback.extract_tb(error.__traceback__)[-1]
                    report(
                        f"seed {seed}, file {index}, {kind}: {error!r:.200} at {where.filename}:{where.lineno}"
                    )
        assert sorted(os.listdir(folder)) == before and sorted(os.listdir(inside)) == ["graph", "model"]
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=20_000)
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    outcomes = fuzz(arguments.seed, arguments.count)
    print(dict(sorted(outcomes.items())))
    sys.exit(any(key.endswith("failed") for key in outcomes))


if __name__ == "__main__":
    main()
