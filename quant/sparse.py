"""Sparse weights as entries and the gaps between them.

Han et al., Deep Compression, 2016 (arXiv:1510.00149), section 2. An entry is a code, its gap the number of zeros since
the entry before. A gap has few bits; where more zeros stand in a row than it can count, the zero behind as many as it
can count is an entry of its own.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int64]


def entries(codes: Codes, gap_bits: int) -> tuple[Codes, Codes]:
    """The entries (E,) of `codes` (N,) and their gaps, 0 to 2**`gap_bits` - 1; zeros behind the last code have none."""
    places = np.flatnonzero(codes)
    span = 1 << gap_bits  # places that a gap and its entry cover at most
    zeros = np.diff(places, prepend=-1) - 1
    fillers = zeros // span
    last = np.cumsum(fillers + 1) - 1  # where each code stands among its fillers
    found, gaps = (
        np.zeros(len(places) + fillers.sum(), np.int64),
        np.full(len(places) + fillers.sum(), span - 1),
    )
    found[last], gaps[last] = codes[places], zeros % span
    return found, gaps


def dense(found: Codes, gaps: Codes, count: int) -> Codes:
    """The codes (`count`,) whose entries and gaps these are."""
    codes = np.zeros(count, np.int64)
    codes[np.cumsum(gaps + 1) - 1] = found
    return codes
