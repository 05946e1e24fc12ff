"""Compare engines integer by integer, and say where the first difference is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fireline.errors import FirelineError, MismatchError
from fireline.graph import Graph
from fireline.sim.engines import OFF_GRID, Engine, Images, Integers
from fireline.sim.integer import batches


@dataclass(frozen=True)
class Mismatch:
    """Where an engine first differs from the reference."""

    node: str
    image: int
    channel: int
    y: int
    x: int
    expected: int
    got: int

    def __str__(self) -> str:
        got = "no integer" if self.got == OFF_GRID else self.got
        return (
            f"node {self.node}, image {self.image}, channel {self.channel}, pixel ({self.y}, {self.x}): "
            f"expected {self.expected}, got {got}"
        )


@dataclass(frozen=True)
class EngineResult:
    """One engine against the reference."""

    name: str
    seconds: float
    tensors: int  # nodes compared
    values: int  # integers compared
    mismatches: int
    first: Mismatch | None
    outputs: Integers  # (N, C, H, W) of the last node


@dataclass(frozen=True)
class Verification:
    """All engines over a set of images."""

    images: int
    engines: tuple[EngineResult, ...]  # the reference first

    @property
    def mismatches(self) -> int:
        """Integers that differ from the reference, over all engines."""
        return sum(engine.mismatches for engine in self.engines)

    def as_json(self) -> dict[str, Any]:
        """What `fireline verify --json` prints."""
        engines = {
            e.name: {
                "mismatches": e.mismatches,
                "tensors": e.tensors,
                "values": e.values,
                "seconds": round(e.seconds, 3),
                "first": asdict(e.first) if e.first else None,
            }
            for e in self.engines
        }
        return {
            "images": self.images,
            "mismatches": self.mismatches,
            "engines": engines,
            "reference": self.engines[0].name,
            "seconds": round(sum(e.seconds for e in self.engines), 3),
        }

    def require_exact(self) -> None:
        """Raise `MismatchError` with the first difference unless there is none."""
        for engine in self.engines:
            if engine.first:
                raise MismatchError(f"{engine.name} differs in {engine.mismatches} integers: {engine.first}")


def first_mismatch(graph: Graph, expected: dict[str, Integers], got: dict[str, Integers]) -> Mismatch | None:
    """The first difference in the order of the nodes, then of images, pixels and channels, as the stream runs."""
    for node in graph.nodes:
        if node.name not in got:
            continue
        differs = (expected[node.name] != got[node.name]).transpose(0, 2, 3, 1)
        if differs.any():
            image, y, x, channel = (int(i) for i in np.argwhere(differs)[0])
            at = (image, channel, y, x)
            return Mismatch(
                node.name, image, channel, y, x, int(expected[node.name][at]), int(got[node.name][at])
            )
    return None


def verify(
    graph: Graph,
    reference: Engine,
    witnesses: Sequence[Engine],
    images: Images,
    *,
    batch: int = 16,
    progress: Callable[[int], None] = lambda images: None,
) -> Verification:
    """Run every engine on `images` and compare every tensor it can see with the reference's.

    Memory is bounded by `batch` images. `progress` is told how many images are done.

    Raises:
        FirelineError: there are no images, or they do not fit the network.
    """
    if not len(images):
        raise FirelineError("no images to verify", node=graph.name)
    engines = (reference, *witnesses)
    seconds = dict.fromkeys((e.name for e in engines), 0.0)
    counts = {e.name: [0, 0, 0] for e in engines}  # tensors, values, mismatches
    firsts: dict[str, Mismatch] = {}
    outputs: dict[str, list[Integers]] = {e.name: [] for e in engines}
    done = 0
    for part in batches(images, batch):
        expected: dict[str, Integers] = {}
        for engine in engines:
            start = time.perf_counter()
            got = dict(engine.run(part))
            seconds[engine.name] += time.perf_counter() - start
            outputs[engine.name].append(got[graph.output.name])
            expected = expected or got
            _count(counts[engine.name], expected, got)
            first = first_mismatch(graph, expected, got)
            if first and engine.name not in firsts:
                firsts[engine.name] = _moved(first, done)
        done += len(part)
        progress(done)
    results = tuple(
        EngineResult(
            e.name, seconds[e.name], *counts[e.name], firsts.get(e.name), np.concatenate(outputs[e.name])
        )
        for e in engines
    )
    return Verification(done, results)


def _count(counts: list[int], expected: dict[str, Integers], got: dict[str, Integers]) -> None:
    counts[0] = len(got)
    for name, values in got.items():
        counts[1] += values.size
        counts[2] += int(np.count_nonzero(expected[name] != values))


def _moved(mismatch: Mismatch, images: int) -> Mismatch:
    return Mismatch(**{**asdict(mismatch), "image": mismatch.image + images})


def load_images(path: str) -> npt.NDArray[np.generic]:
    """Images (N, C, H, W) from a .npy file.

    Raises:
        FirelineError: the file is missing or holds something else.
    """
    try:
        images = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise FirelineError("no such file", node=path) from None
    except (OSError, ValueError, EOFError) as error:
        raise FirelineError(f"not a numpy array: {error}", node=path) from None
    if not isinstance(images, np.ndarray) or images.ndim != 4:
        raise FirelineError("an array (N, C, H, W) expected", node=path)
    return images
