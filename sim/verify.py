"""Compare engines integer by integer, and say where the first difference is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fireline.errors import EngineError, FirelineError, MismatchError
from fireline.graph import Graph
from fireline.sim.engines import OFF_GRID, Engine, Images, Integers, Judged
from fireline.sim.explain import explain, image_region
from fireline.sim.integer import channels_first

Places = npt.NDArray[np.bool_]
Reals = npt.NDArray[np.float64]


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
    distance: float | None = None  # of the exact value from the next step of its quantizer, in steps

    def __str__(self) -> str:
        got = "no integer" if self.got == OFF_GRID else self.got
        far = "" if self.distance is None else f"; {self.distance:.2g} of a step from a step"
        why = f"; {self.expression}; from {self.region} of the image" if self.expression else ""
        return (
            f"node {self.node}, image {self.image}, channel {self.channel}, pixel ({self.y}, {self.x}): "
            f"expected {self.expected}, got {got}{far}{why}"
        )


@dataclass(frozen=True)
class EngineResult:
    """One engine against the reference.

    An engine that computes in float32 may stand on the other side of a step where the exact value is within its own
    error of it: `ties`, each with the integer `expected` from the engine's own integers before, are no mismatches. Nor
    are integers that differ only because they are made from such: there are `behind_ties` of these.
    """

    name: str
    seconds: float
    tensors: int  # nodes compared
    values: int  # integers compared
    mismatches: int
    first: Mismatch | None
    outputs: Integers  # (N, C, H, W) of the last node
    every: int = 1  # it saw one image in so many, from the first on
    ties: tuple[Mismatch, ...] = ()
    behind_ties: int = 0

    @property
    def farthest_tie(self) -> float:
        """The largest distance of a tie's exact value from its step, in steps; 0 without ties."""
        return max((tie.distance or 0.0 for tie in self.ties), default=0.0)


@dataclass(frozen=True)
class Skipped:
    """An engine that could not run the network, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Verification:
    """All engines over a set of images."""

    images: int
    engines: tuple[EngineResult, ...]  # the reference first
    skipped: tuple[Skipped, ...] = ()

    @property
    def mismatches(self) -> int:
        """Integers that differ from the reference, over all engines; ties and what lies behind them apart."""
        return sum(engine.mismatches for engine in self.engines)

    @property
    def ties(self) -> int:
        """Ties over all engines."""
        return sum(len(engine.ties) for engine in self.engines)

    def as_json(self) -> dict[str, Any]:
        """What `fireline verify --json` prints."""
        engines = {
            e.name: {
                "images": len(e.outputs),
                "mismatches": e.mismatches,
                "ties": [asdict(tie) for tie in e.ties],
                "behind_ties": e.behind_ties,
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
            "ties": self.ties,
            "engines": engines,
            "skipped": {one.name: one.reason for one in self.skipped},
            "reference": self.engines[0].name,
            "seconds": round(sum(e.seconds for e in self.engines), 3),
        }

    def require_exact(self, strict: bool = False) -> None:
        """Raise `MismatchError` with the first difference unless there is none; if `strict`, ties are differences.

        Raises:
            EngineError: no engine could run the network, so that nothing was compared.
        """
        if self.skipped and len(self.engines) == 1:
            raise EngineError("; ".join(one.reason for one in self.skipped), hint="ask for another engine")
        for engine in self.engines:
            if engine.first:
                raise MismatchError(f"{engine.name} differs in {engine.mismatches} integers: {engine.first}")
        for engine in self.engines if strict else ():
            if engine.ties:
                raise MismatchError(
                    f"{engine.name} differs at {len(engine.ties)} ties and in {engine.behind_ties} integers "
                    f"behind them: {engine.ties[0]}",
                    hint="without --strict, what float32 itself rounds is no failure",
                )


def first_mismatch(
    graph: Graph,
    expected: Mapping[str, Integers],
    got: Mapping[str, Integers],
    wrong: Mapping[str, Places],
    distances: Mapping[str, Reals],
) -> Mismatch | None:
    """The first place in `wrong` in the order of the nodes, then of images, pixels and channels, as the stream runs."""
    for index, node in enumerate(graph.nodes):
        if node.name not in got or not wrong[node.name].any():
            continue
        image, y, x, channel = (int(i) for i in np.argwhere(wrong[node.name].transpose(0, 2, 3, 1))[0])
        at = (image, channel, y, x)
        found = _mismatch(node.name, at, expected[node.name], got[node.name], distances.get(node.name))
        if any(one.name not in expected for one in graph.nodes):
            return found
        expression = explain(graph, expected, node.name, *at)
        return replace(found, region=str(image_region(graph, index, y, x)), expression=expression)
    return None


def _mismatch(
    node: str, at: tuple[int, ...], expected: Integers, got: Integers, distances: Reals | None
) -> Mismatch:
    image, channel, y, x = at
    distance = None if distances is None or np.isnan(distances[at]) else float(distances[at])
    return Mismatch(node, image, channel, y, x, int(expected[at]), int(got[at]), distance=distance)


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
        parts: images (N, C, H, W) or (N, H, W, C) in parts; memory is bounded by one part.
        observe: is shown every part with the reference's tensors.
        jobs: engines that run at the same time, each on one part at a time.

    Raises:
        FirelineError: there are no images, or they do not fit the network; an engine that cannot run the network is
            left out and named in the result.
    """
    tallies = [_Tally(engine) for engine in (reference, *witnesses)]
    assert len({tally.engine.name for tally in tallies}) == len(tallies) and reference.every == 1
    images, skipped = 0, []
    with ThreadPoolExecutor(jobs) as pool:
        for part in (channels_first(graph.input, given) for given in parts):
            samples = {tally: tally.sample(images) for tally in tallies}
            active = [tally for tally, seen in samples.items() if len(part[seen])]
            traces = list(pool.map(_Tally.run, active, [part[samples[tally]] for tally in active]))
            first = traces[0]
            if isinstance(first, EngineError):
                raise first
            observe(part, first)
            for tally, got in zip(active, traces, strict=True):
                if isinstance(got, EngineError):
                    skipped.append(Skipped(tally.engine.name, got.message))
                    tallies.remove(tally)
                    continue
                seen = samples[tally]
                expected = {name: values[seen] for name, values in first.items()}
                tally.compare(graph, part[seen], expected, got, images + seen.start)
            images += len(part)
    if not images:
        raise FirelineError("no images to verify", node=graph.name)
    return Verification(images, tuple(tally.result() for tally in tallies), tuple(skipped))


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
    ties: list[Mismatch] = field(default_factory=list)
    behind_ties: int = 0

    def sample(self, before: int) -> slice:
        """What the engine is shown of a part that `before` images precede."""
        return slice(-before % self.engine.every, None, self.engine.every)

    def run(self, part: Images) -> Mapping[str, Integers] | EngineError:
        start = time.perf_counter()
        try:
            got = self.engine.run(part)
        except EngineError as error:
            return error
        self.seconds += time.perf_counter() - start
        return got

    def compare(
        self,
        graph: Graph,
        part: Images,
        expected: Mapping[str, Integers],
        got: Mapping[str, Integers],
        before: int,
    ) -> None:
        """Count what differs in `part`, the images that the engine was shown; `before` is the index of the first."""
        self.tensors = len(got)
        self.outputs.append(got[graph.output.name])
        self.values += sum(values.size for values in got.values())
        if all(np.array_equal(expected[name], values) for name, values in got.items()):
            return
        if self.engine.judge is None:
            wrong = {name: expected[name] != values for name, values in got.items()}
            distances: Mapping[str, Reals] = {}
        else:
            judged = self.engine.judge(part, got)
            wrong, behind = _attributed(graph, expected, got, judged)
            self.behind_ties += behind
            distances = {name: one.distance for name, one in judged.items()}
            for name, one in judged.items():
                self.ties += [
                    self._placed(before, _mismatch(name, tuple(at), one.expected, got[name], one.distance))
                    for at in np.argwhere(one.tie).tolist()
                ]
        self.mismatches += sum(int(np.count_nonzero(where)) for where in wrong.values())
        if self.first is None:
            found = first_mismatch(graph, expected, got, wrong, distances)
            self.first = found and self._placed(before, found)

    def _placed(self, before: int, found: Mismatch) -> Mismatch:
        """`found` in one part, by the image's place among all."""
        return replace(found, image=found.image * self.engine.every + before)

    def result(self) -> EngineResult:
        return EngineResult(
            self.engine.name,
            self.seconds,
            self.tensors,
            self.values,
            self.mismatches,
            self.first,
            np.concatenate(self.outputs),
            self.engine.every,
            tuple(self.ties),
            self.behind_ties,
        )


def _attributed(
    graph: Graph,
    expected: Mapping[str, Integers],
    got: Mapping[str, Integers],
    judged: Mapping[str, Judged],
) -> tuple[dict[str, Places], int]:
    """Where an engine is wrong, and how many integers differ only because of ties before them.

    An engine's integer that is not what its own integers before it make, and no tie, is wrong; so is every difference
    from the reference in what is made from a wrong one.
    """
    wrong: dict[str, Places] = {}
    behind = 0
    tainted: list[npt.NDArray[np.bool_]] = []  # by node: images of which something wrong is behind it
    for node in graph.nodes:
        taint = np.zeros(len(next(iter(got.values()))), dtype=bool)
        for source in node.inputs:
            taint |= tainted[source]
        if node.name in got:
            own = (got[node.name] != judged[node.name].expected) & ~judged[node.name].tie
            carried = (got[node.name] != expected[node.name]) & ~own & ~judged[node.name].tie
            behind += int(np.count_nonzero(carried[~taint]))
            wrong[node.name] = own | (carried & taint[:, None, None, None])
            taint = taint | own.any(axis=(1, 2, 3))
        tainted.append(taint)
    return wrong, behind


def load_images(graph: Graph, path: str) -> npt.NDArray[np.generic]:
    """Images (N, C, H, W) of a network from a .npy file, in which the channels may also come last.

    Raises:
        FirelineError: the file is missing or holds something else.
    """
    try:
        images = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise FirelineError("no such file", node=path) from None
    except (OSError, ValueError, EOFError) as error:
        raise FirelineError(f"not a numpy array: {error}", node=path) from None
    if not isinstance(images, np.ndarray):
        raise FirelineError("an array (N, C, H, W) expected", node=path)
    return channels_first(graph.input, images)
