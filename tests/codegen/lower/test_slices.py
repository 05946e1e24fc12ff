"""Channels, rows and columns that a node takes of an activation, as ShuffleNet's halves or a crop."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fireline.codegen.lower.network import lower
from fireline.errors import FirelineError
from tests.codegen.lower.test_as_people_have_them import assert_equal_to_onnxruntime, integer_conv, linear
from tests.codegen.lower.test_output import assert_exact
from tests.codegen.lower.test_spellings import ints, weight
from tests.qonnx_models import QonnxBuilder

Layer = Callable[[QonnxBuilder, str], str]


def sliced(b: QonnxBuilder, x: str, axis: int, start: int, end: int, step: int = 1) -> str:
    return b.node("Slice", [x, *(ints(b, number) for number in (start, end, axis, step))])


def split(b: QonnxBuilder, x: str, *sizes: int, axis: int = 1) -> list[str]:
    first = b.node("Split", [x, ints(b, *sizes)], axis=axis)
    more = [f"{first}_{i}" for i in range(1, len(sizes))]
    b.nodes[-1].output.extend(more)
    return [first, *more]


def halves(b: QonnxBuilder, x: str) -> str:
    """Each with a convolution of its own, as grouped Fires have it; of codes of a quantizer."""
    left, right = split(b, linear(b, integer_conv(b, linear(b, x, 1.0, 9), 3, 6), 0.5, 3), 4, 2)
    return b.concat(integer_conv(b, left, 4, 3, 3), integer_conv(b, right, 2, 3))


def halves_of_codes(b: QonnxBuilder, x: str) -> str:
    """As onnxruntime's quantizer leaves them between its operations on integers."""
    grid = [b.constant(0.5), b.constant(3, dtype=np.uint8)]
    codes = b.node("QuantizeLinear", [integer_conv(b, x, 3, 6), *grid])
    left, right = split(b, codes, 4, 2)
    joined = b.concat(right, sliced(b, left, 1, 1, 3))
    return integer_conv(b, b.node("DequantizeLinear", [joined, *grid]), 4, 4, 3)


def halves_of_a_function(b: QonnxBuilder, x: str) -> str:
    slopes = b.constant(np.reshape([0.5, 0.25, 0.125, 0.5], (4, 1, 1)))
    made = b.node("PRelu", [integer_conv(b, x, 3, 4), slopes])
    made = b.node("Add", [made, b.constant(np.reshape([8.5, 1.0, -3.25, 0.0], (4, 1, 1)))])
    left, right = split(b, made, 1, 3)
    return integer_conv(b, b.concat(linear(b, right, 0.5, 7), linear(b, left, 0.5, 7)), 4, 4, 3)


def a_part_passed_by(b: QonnxBuilder, x: str) -> str:
    """What is sliced is read whole, too."""
    x = linear(b, integer_conv(b, x, 3, 6), 0.5, 3)
    return b.node("Add", [sliced(b, x, 1, -3, 9), integer_conv(b, x, 6, 3, 3)])


def parts_of_a_concatenation(b: QonnxBuilder, x: str) -> str:
    joined = linear(b, b.concat(integer_conv(b, x, 3, 3), integer_conv(b, x, 3, 4, 3)), 0.5, 3)
    joined = b.node("Mul", [joined, b.constant(np.reshape([1, 2, 1, 0.5, 2, 1, 0.25], (7, 1, 1)))])
    left, both, right = split(b, joined, 3, 2, 2)
    return b.concat(integer_conv(b, right, 2, 2, 3), b.node("Add", [both, integer_conv(b, left, 3, 2)]))


def parts_in_turns(b: QonnxBuilder, x: str) -> str:
    joined = linear(b, b.concat(integer_conv(b, x, 3, 3), integer_conv(b, x, 3, 3, 3)), 0.5, 3)
    return integer_conv(b, b.node("Gather", [joined, ints(b, 0, 3, 1, 4, 2, 5)], axis=1), 6, 3)


def parts_before_their_quantizer(b: QonnxBuilder, x: str) -> str:
    joined = b.concat(integer_conv(b, x, 3, 3), b.relu(integer_conv(b, x, 3, 4, 3)))
    left, right = split(b, joined, 2, 5)
    return b.concat(linear(b, left, 0.5, 3), linear(b, right, 0.5, 3))


def channels_last(b: QonnxBuilder, x: str) -> str:
    last = b.node("Transpose", [integer_conv(b, x, 3, 6)], perm=[0, 2, 3, 1])
    last = sliced(b, sliced(b, last, 3, 1, 5), 1, 2, 6)
    return b.node("Transpose", [last], perm=[0, 3, 1, 2])


def halves_of_groups(b: QonnxBuilder, x: str) -> str:
    made = b.node("Conv", [x, weight(b, 6, 1, 3, 3)], group=3, pads=[1] * 4)
    return b.node("Add", split(b, made, 3, 3))


def logits(b: QonnxBuilder, x: str) -> str:
    flat = b.node("Flatten", [b.node("GlobalAveragePool", [integer_conv(b, x, 3, 6)])])
    return sliced(b, flat, -1, 0, 4)


LAYERS: dict[str, Layer] = {
    "halves": halves,
    "halves of codes": halves_of_codes,
    "halves of a function": halves_of_a_function,
    "a part passed by": a_part_passed_by,
    "parts of a concatenation": parts_of_a_concatenation,
    "parts in turns": parts_in_turns,
    "parts before their quantizer": parts_before_their_quantizer,
    "channels last": channels_last,
    "halves of groups": halves_of_groups,
    "logits": logits,
    "channels of the image": lambda b, x: integer_conv(b, sliced(b, x, 1, 1, 3), 2, 4, 3),
    "channels backwards": lambda b, x: sliced(b, integer_conv(b, x, 3, 4), 1, 3, -9, -1),
    "channels in another order": lambda b, x: integer_conv(
        b, b.node("Gather", [linear(b, x, 1.0, 9), ints(b, 2, 0, 2)], axis=1), 3, 4, 3
    ),
    "a crop": lambda b, x: integer_conv(
        b, sliced(b, sliced(b, linear(b, integer_conv(b, x, 3, 4), 0.5, 3), 2, 1, -1), 3, 0, 4), 4, 4, 3
    ),
    "every second pixel": lambda b, x: sliced(b, sliced(b, integer_conv(b, x, 3, 4), 2, 1, 9, 2), 3, 0, 9, 2),
    "columns of a clamp": lambda b, x: sliced(b, b.relu(integer_conv(b, x, 3, 4)), 3, 2, 5),
    "all of it": lambda b, x: integer_conv(b, sliced(b, integer_conv(b, x, 3, 4), 1, 0, 99), 4, 4),
}


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_what_is_taken_is_what_onnxruntime_takes(tmp_path: Path, layer: Layer) -> None:
    b = QonnxBuilder((3, 6, 6))
    made = layer(b, linear(b, "input", 1.0))
    assert_equal_to_onnxruntime(b.save(linear(b, made, 2.0, 100), tmp_path))


def test_ties_are_told_behind_a_slice(tmp_path: Path) -> None:
    """Every tensor that has a name, on scales that are no powers of two, and a bias at the end of each half."""
    b = QonnxBuilder((3, 6, 6))
    x = b.quant(b.conv(b.quant("input", 1.0), 3, 6, scale=0.07), 0.31, zero_point=3.0)
    left, right = split(b, x, 2, 4)
    right = b.quant(b.conv(right, 4, 2, 3, padding=1, scale=0.11), 0.2, signed=True)
    left = b.node("Add", [left, b.constant(np.reshape([0.3, 0.7], (2, 1, 1)))])
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 6, 6)).astype(np.uint8)
    assert_exact(b.save(b.quant(b.concat(left, right), 0.13, signed=True), tmp_path), images)


def test_halves_of_a_convolution_are_its_rows(tmp_path: Path) -> None:
    """No weight more than there was."""
    b = QonnxBuilder((3, 6, 6))
    graph = lower(b.save(linear(b, halves(b, linear(b, "input", 1.0)), 2.0), tmp_path))
    weights = [node.weight.size for node in graph.nodes if node.kind == "conv2d"]
    assert weights == [4 * 3, 2 * 3, 3 * 4 * 9, 3 * 2]


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (lambda b, x: sliced(b, b.node("Flatten", [x]), 1, 0, 40), "not whole channels, rows and columns"),
        (lambda b, x: sliced(b, x, 2, 5, -9, -1), "rows or columns are in no order"),
        (lambda b, x: sliced(b, x, 1, 2, 2), "takes nothing"),
        (lambda b, x: b.node("Gather", [x, b.constant(1, dtype=np.int64)], axis=1), "not whole channels"),
    ],
)
def test_what_is_no_part_of_a_map_is_refused(tmp_path: Path, layer: Layer, says: str) -> None:
    b = QonnxBuilder((3, 6, 6))
    with pytest.raises(FirelineError, match=says):
        lower(b.save(linear(b, layer(b, linear(b, "input", 1.0)), 2.0), tmp_path))


def test_an_image_is_sliced_behind_its_quantizer(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 6, 6))
    with pytest.raises(FirelineError, match="the network's input is not quantized where it is read"):
        lower(b.save(linear(b, sliced(b, "input", 1, 0, 2), 1.0), tmp_path))
