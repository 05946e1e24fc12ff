"""Compare engines integer by integer, and say where the first difference is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fireline.errors import FirelineError, MismatchError
from fireline.graph import Graph
from fireline.sim.engines import OFF_GRID, Engine, Images, Integers
from fireline.sim.explain import explain, image_region


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
    region: str = ""  # of the image that the integer depends on
    expression: str = ""  # that makes the expected integer

    def __str__(self) -> str:
        got = "no integer" if self.got == OFF_GRID else self.got
        why = f"; {self.expression}; from {self.region} of the image" if self.expression else ""
        return (
            f"node {self.node}, image {self.image}, channel {self.channel}, pixel ({self.y}, {self.x}): "
            f"expected {self.expected}, got {got}{why}"
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
    every: int = 1  # it saw one image in so many, from the first on


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
                "images": len(e.outputs),
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


def first_mismatch(
    graph: Graph, expected: Mapping[str, Integers], got: Mapping[str, Integers]
) -> Mismatch | None:
    """The first difference in the order of the nodes, then of images, pixels and channels, as the stream runs."""
    for index, node in enumerate(graph.nodes):
        if node.name not in got:
            continue
        differs = (expected[node.name] != got[node.name]).transpose(0, 2, 3, 1)
        if differs.any():
            image, y, x, channel = (int(i) for i in np.argwhere(differs)[0])
            at = (image, channel, y, x)
            found = Mismatch(
                node.name, image, channel, y, x, int(expected[node.name][at]), int(got[node.name][at])
            )
            if any(one.name not in expected for one in graph.nodes):
                return found
            expression = explain(graph, expected, node.name, *at)
            return replace(found, region=str(image_region(graph, index, y, x)), expression=expression)
    return None


def verify(
    graph: Graph,
    reference: Engine,
    witnesses: Sequence[Engine],
    parts: Iterable[Images],
    *,
    observe: Callable[[Images, Mapping[str, Integers]], None] = lambda images, trace: None,
    jobs: int = 1,
) -> Verification:
    """Run every engine on images and compare every tensor it can see with the reference's.

    Args:
        graph: the network; its nodes order the comparison.
        reference: the engine that the others are compared with.
        witnesses: the others, each of a name of its own.
        parts: images (N, C, H, W) in parts; memory is bounded by one part.
        observe: is shown every part with the reference's tensors.
        jobs: engines that run at the same time, each on one part at a time.

    Raises:
        FirelineError: there are no images, or they do not fit the network.
    """
    tallies = [_Tally(engine) for engine in (reference, *witnesses)]
    assert len({tally.engine.name for tally in tallies}) == len(tallies) and reference.every == 1
    images = 0
    with ThreadPoolExecutor(jobs) as pool:
        for part in parts:
            samples = {tally: tally.sample(images) for tally in tallies}
            active = [tally for tally, seen in samples.items() if len(part[seen])]
            traces = list(pool.map(_Tally.run, active, [part[samples[tally]] for tally in active]))
            observe(part, traces[0])
            for tally, got in zip(active, traces, strict=True):
                seen = samples[tally]
                expected = {name: values[seen] for name, values in traces[0].items()}
                tally.compare(graph, expected, got, images + seen.start)
            images += len(part)
    if not images:
        raise FirelineError("no images to verify", node=graph.name)
    return Verification(images, tuple(tally.result() for tally in tallies))


@dataclass(eq=False)
class _Tally:
    """What is known of one engine so far."""

    engine: Engine
    seconds: float = 0.0
    tensors: int = 0
    values: int = 0
    mismatches: int = 0
    first: Mismatch | None = None
    outputs: list[Integers] = field(default_factory=list)

    def sample(self, before: int) -> slice:
        """What the engine is shown of a part that `before` images precede."""
        return slice(-before % self.engine.every, None, self.engine.every)

    def run(self, part: Images) -> Mapping[str, Integers]:
        start = time.perf_counter()
        got = self.engine.run(part)
        self.seconds += time.perf_counter() - start
        return got

    def compare(
        self, graph: Graph, expected: Mapping[str, Integers], got: Mapping[str, Integers], before: int
    ) -> None:
        """Count what differs; `before` is the index of the first image."""
        self.tensors = len(got)
        self.outputs.append(got[graph.output.name])
        for name, values in got.items():
            self.values += values.size
            self.mismatches += int(np.count_nonzero(expected[name] != values))
        if self.first is None and self.mismatches:
            found = first_mismatch(graph, expected, got)
            self.first = found and replace(found, image=found.image * self.engine.every + before)

    def result(self) -> EngineResult:
        outputs = np.concatenate(self.outputs)
        return EngineResult(
            self.engine.name,
            self.seconds,
            self.tensors,
            self.values,
            self.mismatches,
            self.first,
            outputs,
            self.engine.every,
        )


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
