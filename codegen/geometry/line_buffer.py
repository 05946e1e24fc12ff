"""The schedule of a line buffer: which pixels it holds. The kernel is firmware/hls/fireline/line_buffer.h.

It fills, and takes in up to `stride` rows with every row of windows. By the last window every pixel is in: fewer than
`stride` rows lie below that window, and it takes in `stride`.
"""

from __future__ import annotations

from fireline.errors import FirelineError
from fireline.graph import Conv2d, Shape


def fill_pixels(node: Conv2d, source: Shape) -> int:
    """Pixels that come in before the first window goes out: all that it needs."""
    _, height, width = source
    top, left, _, _ = node.padding
    kh, kw = map(int, node.weight.shape[2:])
    if top >= kh or left >= kw:
        raise FirelineError(f"padding {node.padding} is as large as the kernel {kh}x{kw}", node=node.name)
    return min((kh - 1 - top) * width + min(kw - left, width), height * width)


def buffer_rows(node: Conv2d, source: Shape) -> int:
    """Rows of pixels held, so that a pixel comes in only over one that no window needs any more.

    This is kernel + stride - 1, or one more where the image is hardly wider than the kernel.
    """
    width = source[2]
    top, left, _, _ = node.padding
    sh, sw = node.stride
    columns = node.output.shape[2]
    pace = max(-(-sh * width // columns), sh * sw)
    kh, kw = map(int, node.weight.shape[2:])
    ahead = (kh - 1 - top) * width + min(kw - left, width)
    span = max(
        ahead + min((x + 1) * pace, sh * width) + top * width - max(x * sw - left, 0) for x in range(columns)
    )
    return -(-span // width)
