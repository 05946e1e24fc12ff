import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fireline.codegen.lower.network import lower
from fireline.errors import EngineError, FirelineError, MismatchError
from fireline.graph import Graph
from fireline.sim.engines import OFF_GRID, Engine, decode, qonnx_executor, real_valued, simulator
from fireline.sim.integer import batches
from fireline.sim.verify import load_images, verify
from tests.graphs import fire_network, random_pixels
from tests.qonnx_models import QonnxBuilder, fire_model

Layer = Callable[[QonnxBuilder, str], str]


def off_by_one(graph: Graph, node: str, at: tuple[int, int, int]) -> Engine:
    """The simulator with one integer changed in the last image of every batch."""

    def run(images: np.ndarray) -> dict[str, np.ndarray]:
        values = {name: value.copy() for name, value in graph.trace(images).items()}
        values[node][(len(images) - 1, *at)] += 1
        return values

    return Engine("broken", run)


def test_the_first_mismatch_is_named_by_node_channel_and_pixel() -> None:
    graph = fire_network()
    images = random_pixels(graph, 5)
    result = verify(
        graph, simulator(graph), [off_by_one(graph, "fire2_squeeze", (3, 1, 2))], batches(images, 4)
    )
    assert result.mismatches == 2
    first = result.engines[1].first
    assert first is not None
    assert (first.node, first.image, first.channel, first.y, first.x) == ("fire2_squeeze", 3, 3, 1, 2)
    assert first.got == first.expected + 1
    assert first.region == "rows 3 to 9, columns 7 to 13"
    assert first.expression.endswith(f"= {first.expected}") and first.expression.startswith("bias ")
    with pytest.raises(
        MismatchError, match=r"node fire2_squeeze, image 3, channel 3, pixel \(1, 2\): expected"
    ):
        result.require_exact()


def test_a_sampled_engine_sees_one_image_in_so_many() -> None:
    graph = fire_network()
    images, seen = random_pixels(graph, 8), []

    def run(part: np.ndarray) -> dict[str, np.ndarray]:
        seen.append(part)
        return dict(graph.trace(part))

    result = verify(graph, simulator(graph), [Engine("sample", run, every=3)], batches(images, 2))
    result.require_exact()
    assert np.array_equal(np.concatenate(seen), images[::3])
    assert np.array_equal(result.engines[1].outputs, graph.simulate(images)[::3])
    assert (result.as_json()["images"], result.as_json()["engines"]["sample"]["images"]) == (8, 3)

    broken = replace(off_by_one(graph, "fire2_squeeze", (3, 1, 2)), every=3)
    result = verify(graph, simulator(graph), [broken], batches(images[2:], 4))
    first = result.engines[1].first
    assert first is not None and first.image == 3
    assert result.mismatches == 1


def test_equal_engines_are_exact_and_counted() -> None:
    graph = fire_network()
    images = random_pixels(graph, 3)
    result = verify(graph, simulator(graph), [replace(simulator(graph), name="again")], batches(images, 2))
    result.require_exact()
    assert result.engines[1].values == sum(v.size for v in graph.trace(images).values())
    assert np.array_equal(result.engines[1].outputs, graph.simulate(images))
    content = json.loads(json.dumps(result.as_json()))
    assert content["images"] == 3
    assert content["mismatches"] == content["engines"]["simulator"]["mismatches"] == 0


def test_a_value_between_integers_is_a_mismatch(tmp_path: Path) -> None:
    graph = lower(fire_model(tmp_path))
    node = next(node for node in graph.nodes if node.name == "maxpool" or node.kind == "maxpool2d")
    images = np.zeros((1, *graph.input.output.shape))
    exact = node.output.real(graph.trace(images)[node.name]).astype(np.float32)
    assert (decode(node, exact) == graph.trace(images)[node.name]).all()
    assert (decode(node, exact + np.float32(node.output.scale[0] / 1024)) == OFF_GRID).all()


def test_an_engine_of_real_values_is_compared_where_it_has_the_tensor(tmp_path: Path) -> None:
    path = fire_model(tmp_path)
    graph, node = lower(path), lower(path).output

    def run(images: np.ndarray) -> dict[str, np.ndarray]:
        assert node.source is not None
        return {node.source: node.output.real(graph.trace(images)[node.name]).astype(np.float32)}

    images = random_pixels(graph, 2)
    result = verify(graph, simulator(graph), [real_valued(graph, "float engine", path, run)], [images])
    result.require_exact()
    assert result.engines[1].tensors == 1


LAST = [0, 2, 3, 1]


@pytest.mark.parametrize(
    "end",
    [
        lambda b, x: b.quant(b.node("Transpose", [x], perm=LAST), 0.5),
        lambda b, x: b.node("Transpose", [b.quant(x, 0.5)], perm=LAST),
        lambda b, x: b.node("Flatten", [b.node("Transpose", [x], perm=LAST)]),
        lambda b, x: b.node("Reshape", [x, b.constant([-1], dtype=np.int64)]),
        lambda b, x: b.node("Squeeze", [b.node("GlobalAveragePool", [x])]),
    ],
    ids=["last", "turned at last", "flattened with channels last", "no images' axis", "channels alone"],
)
def test_a_file_may_end_with_another_order_or_other_axes(tmp_path: Path, end: Layer) -> None:
    b = QonnxBuilder((3, 5, 6))
    path = b.save(end(b, b.conv(b.quant("input", 1.0), 3, 4)), tmp_path)
    graph = lower(path)
    images = random_pixels(graph, 3)
    result = verify(graph, simulator(graph), [qonnx_executor(graph, path)], [images])
    result.require_exact()
    assert result.engines[1].outputs.shape == (3, *graph.output.output.shape)


def test_ties_of_an_output_with_channels_last_are_told(tmp_path: Path) -> None:
    """Every odd sum is halfway between two steps; float32 rounds the products and the sums."""
    b = QonnxBuilder((3, 5, 6))
    scale = np.float32(0.1)
    x = b.node("Transpose", [b.conv(b.quant("input", 1.0), 3, 4, scale=scale)], perm=LAST)
    path = b.save(b.quant(x, 2 * scale), tmp_path)
    graph = lower(path)
    result = verify(graph, simulator(graph), [qonnx_executor(graph, path)], [random_pixels(graph, 3)])
    assert result.mismatches == 0 < result.ties


def test_nothing_is_exact_that_no_engine_could_run(tmp_path: Path) -> None:
    def run(images: np.ndarray) -> dict[str, np.ndarray]:
        raise EngineError("out of order")

    graph = fire_network()
    result = verify(graph, simulator(graph), [Engine("broken", run)], [random_pixels(graph, 1)])
    with pytest.raises(EngineError, match="out of order"):
        result.require_exact()


def test_bad_images_are_refused(tmp_path: Path) -> None:
    graph = fire_network()
    with pytest.raises(FirelineError, match="no images"):
        verify(graph, simulator(graph), [], [])
    with pytest.raises(FirelineError, match="no such file"):
        load_images(graph, str(tmp_path / "missing.npy"))
    (tmp_path / "text.npy").write_text("not numbers")
    with pytest.raises(FirelineError, match="not a numpy array"):
        load_images(graph, str(tmp_path / "text.npy"))
    np.save(tmp_path / "flat.npy", np.zeros(4))
    with pytest.raises(FirelineError, match=r"images are \(N, 3, 15, 15\), \(4,\) arrived"):
        load_images(graph, str(tmp_path / "flat.npy"))


def test_images_may_have_their_channels_last(tmp_path: Path) -> None:
    graph = fire_network()
    images = random_pixels(graph, 2)
    np.save(tmp_path / "last.npy", images.transpose(0, 2, 3, 1))
    assert np.array_equal(load_images(graph, str(tmp_path / "last.npy")), images)
    assert np.array_equal(graph.simulate(images.transpose(0, 2, 3, 1)), graph.simulate(images))
