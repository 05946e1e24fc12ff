"""Where the windows of a convolution or a pool lie, ONNX's automatic and ceil modes worked out."""

from __future__ import annotations

from dataclasses import dataclass

from fireline.codegen.lower.onnx_file import OnnxNode
from fireline.errors import FirelineError
from fireline.graph import Padding, Pair, Shape, window_count

MAX_SIDE = 1 << 15  # of kernels, strides and paddings


@dataclass(frozen=True)
class Window:
    """A window operation's geometry; `outputs` are the height and width of what it makes."""

    kernel: Pair
    stride: Pair
    padding: Padding
    outputs: Pair


def dilation(node: OnnxNode) -> Pair:
    """Pixels from one weight of the kernel to the next."""
    height, width = _sides(node, "dilations", (1, 1), 2, at_least=1)
    return height, width


def extent(kernel: Pair, apart: Pair) -> Pair:
    """Height and width of a kernel whose weights are `apart`."""
    return (kernel[0] - 1) * apart[0] + 1, (kernel[1] - 1) * apart[1] + 1


def window(node: OnnxNode, shape: Shape, kernel: Pair, wide: bool = False) -> Window:
    """The windows of `kernel` over an activation of `shape`.

    `wide` says that `kernel` has the pixels between its weights, too.

    Raises:
        FirelineError: an attribute cannot be, or no window fits.
    """
    stride = _sides(node, "strides", (1, 1), 2, at_least=1)
    if dilation(node) != (1, 1) and not wide:
        raise FirelineError(
            f"dilation {list(dilation(node))} of a max pool is not supported", hint="use dilation 1"
        )
    pads = list(_sides(node, "pads", (0, 0, 0, 0), 4, at_least=0))
    auto = node.text("auto_pad")
    if auto not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER", ""):
        raise FirelineError(f"auto_pad {auto} is not supported")
    if auto.startswith("SAME"):
        for axis in range(2):
            total = max(
                0, (-(-shape[axis + 1] // stride[axis]) - 1) * stride[axis] + kernel[axis] - shape[axis + 1]
            )
            small, large = total // 2, total - total // 2
            pads[axis], pads[axis + 2] = (small, large) if auto == "SAME_UPPER" else (large, small)
    if node.integer("ceil_mode", 0):
        for axis in range(2):
            rest = (shape[axis + 1] + pads[axis] + pads[axis + 2] - kernel[axis]) % stride[axis]
            extra = (stride[axis] - rest) % stride[axis]
            # A window that starts in the padding below or to the right does not count.
            starts = shape[axis + 1] + pads[axis] + pads[axis + 2] + extra - kernel[axis]
            if extra and starts < shape[axis + 1] + pads[axis]:
                pads[axis + 2] += extra
    top, left, bottom, right = pads
    outputs = (
        window_count(shape[1], kernel[0], stride[0], top, bottom),
        window_count(shape[2], kernel[1], stride[1], left, right),
    )
    if min(outputs) < 1:
        raise FirelineError(f"a {kernel[0]}x{kernel[1]} window does not fit {shape[1]}x{shape[2]} pixels")
    return Window(kernel, (stride[0], stride[1]), (top, left, bottom, right), outputs)


def kernel_shape(node: OnnxNode) -> Pair:
    """The window of a pool."""
    height, width = _sides(node, "kernel_shape", None, 2, at_least=1)
    return height, width


def _sides(
    node: OnnxNode, name: str, default: tuple[int, ...] | None, count: int, at_least: int
) -> tuple[int, ...]:
    values = node.integers(name, default)
    if len(values) != count:
        raise FirelineError(f"{name} is {list(values)} where {count} numbers belong")
    if min(values) < at_least or max(values) > MAX_SIDE:
        raise FirelineError(f"{name} is {list(values)}, {at_least} to {MAX_SIDE} expected")
    return values
