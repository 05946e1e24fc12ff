"""The schedule of a line buffer: which pixels it holds. The kernel is firmware/hls/fireline/line_buffer.h.

It fills, and takes in up to `stride` rows with every row of windows. By the last window every pixel is in: fewer than
`stride` rows lie below that window, and it takes in `stride`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fireline.fixed import IntArray
from fireline.graph import Conv2d, Shape


def fill_pixels(node: Conv2d, source: Shape) -> int:
    """Pixels that come in before the first window goes out: all that it needs, none where it lies in the padding."""
    return min(_ahead(node, source), source[1] * source[2])


def _ahead(node: Conv2d, source: Shape) -> int:
    """Pixels up to the last one of the first window, in an image as high as need be."""
    width = source[2]
    top, left, _, _ = node.padding
    kh, kw = map(int, node.weight.shape[2:])
    return max((kh - 1 - top) * width + max(min(kw - left, width), 0), 0)


def buffer_rows(node: Conv2d, source: Shape) -> int:
    """Rows of pixels held, so that a pixel comes in only over one that no window needs any more.

    This is kernel + stride - 1, or one more where the image is hardly wider than the kernel.
    """
    width = source[2]
    top, left, _, _ = node.padding
    sh, sw = node.stride
    columns = node.output.shape[2]
    pace = max(-(-sh * width // columns), sh * sw)
    span = max(
        _ahead(node, source) + min((x + 1) * pace, sh * width) + top * width - max(x * sw - left, 0)
        for x in range(columns)
    )
    return -(-span // width)


@dataclass(frozen=True)
class Distances:
    """Steps of the kernel's loop between two accesses to a place of the buffer, at least; None where there are none.

    `read` is from a write to a read of what was written, 1 if that is in the same step; `write` is from a read to the
    write of what comes in its place.
    """

    read: int | None
    write: int | None


def distances(node: Conv2d, source: Shape, simd: int, rows: int) -> Distances:
    """How near to each other the accesses to a place of the buffer come, over a whole image.

    Reads whose value is not used, as padding is taken instead, are no reads.
    """
    channels, height, width = source
    _, columns = node.output.shape[1:]
    kh, kw = map(int, node.weight.shape[2:])
    (sh, sw), (top, left, _, _) = node.stride, node.padding
    folds, group = channels // simd, channels // simd // node.groups
    loads = max(-(-sh * width * folds // columns), sh * sw * folds)
    steps = max(kh // rows * kw * folds, loads)

    row, column, fold = np.ogrid[:height, :width, :folds]

    def read(y: IntArray, x: IntArray) -> IntArray:
        """When the window at `y`, `x` reads each token."""
        place = (fold // group * (kh // rows) + (row + top - y * sh) // rows) * kw + (column + left - x * sw)
        time: IntArray = (y * columns + x) * steps + place * group + fold % group
        return time

    first = np.maximum(-((kh - 1 - row - top) // sh), 0), np.maximum(-((kw - 1 - column - left) // sw), 0)
    last = (
        np.minimum((row + top) // sh, node.output.shape[1] - 1),
        np.minimum((column + left) // sw, columns - 1),
    )
    is_read = (first[0] <= last[0]) & (first[1] <= last[1]) & (fold >= 0)
    later = (row * width + column) * folds + fold - fill_pixels(node, source) * folds  # than the fill
    y, within = np.divmod(later, sh * width * folds)
    written = (y * columns + within // loads) * steps + within % loads

    reads = (read(*first) - written)[is_read & (later >= 0)]
    held = buffer_rows(node, source)
    kept = max(height - held, 0)  # rows that another one comes in over
    before = (written[height - kept :] - read(*last)[:kept])[is_read[:kept]]
    return Distances(_least(np.maximum(reads, 1)), _least(before))


def _least(values: IntArray) -> int | None:
    return int(values.min()) if values.size else None
