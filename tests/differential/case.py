"""A file in somebody's format with what it is worth, and the one check of all formats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fireline.codegen.lower.network import lower
from fireline.errors import FirelineError
from fireline.graph import Graph, Tensor
from tests.rational import Trace, evaluate

NEAR_A_TIE = 1e-3  # of a step: as far as float32 sums of these networks go astray,
OF_ITSELF = 2.0**-21  # and so much of a tensor's largest value: some roundings of float32 after each other

Tensors = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """A model file, an image (C, H, W), and the format's own executor: image to real values by tensor name."""

    path: Path
    image: np.ndarray
    executor: Callable[[np.ndarray], Tensors]
    what: str  # the options that it was drawn with
    feed: np.ndarray | None = None  # the image as the file takes it, where that is not (C, H, W)


class NotMade(Exception):
    """The format's own tools fail on what was drawn."""


class Wrong(AssertionError):
    """Fireline's integers are not those of the file."""


def check(case: Case, counts: Counter[str]) -> None:
    """Every tensor of Fireline equals rational arithmetic; the executor does, but next to a tie.

    Raises:
        Wrong: a tensor differs.
    """
    try:
        graph = lower(case.path)
        got = graph.trace(case.image[None])
    except FirelineError as error:
        counts[f"refused: {error.message}"] += 1
        return
    feed = case.image if case.feed is None else case.feed
    exact = evaluate(case.path, feed)
    _equal_output(graph, got, exact)
    for node in graph.nodes:
        if node.source and node.source in exact.values:
            _equal(graph, node.name, node.source, got, exact)
    floating = case.executor(feed)
    unheard = _too_fine(exact)
    counts["tensors with steps too fine for float32"] += len(unheard)
    elsewhere = _elsewhere(exact, {name: value for name, value in floating.items() if name not in unheard})
    counts["networks where float32 rounds elsewhere"] += elsewhere > 0
    counts["integers where float32 rounds elsewhere"] += elsewhere
    counts["exact"] += 1


def _equal(graph: Graph, name: str, source: str, got: Tensors, exact: Trace) -> None:
    node = next(node for node in graph.nodes if node.name == name)
    reals = _reals(node.output, got[name])
    value = exact.values[source]
    off = (reals.ravel() != value.fractions().ravel()).sum()
    if off:
        raise Wrong(f"{off} of {reals.size} values of {name} ({source}) differ from rational arithmetic")


def _reals(tensor: Tensor, integers: np.ndarray) -> np.ndarray:
    """The rational numbers that the integers (1, C, H, W) of a tensor stand for."""
    scale, offset = (
        np.array(numbers, dtype=object).reshape(-1, 1, 1) for numbers in (tensor.scale, tensor.offset)
    )
    return (integers[0].astype(object) - tensor.zero_point) * scale + offset


def _equal_output(graph: Graph, got: Tensors, exact: Trace) -> None:
    """The output may lie in the file's own order, channels last."""
    output = graph.output.output
    value = exact.values[exact.output].fractions()
    if graph.output.source is None:
        channels, height, width = output.shape
        value = value.reshape(height, width, channels).transpose(2, 0, 1)
    reals = _reals(output, got[graph.output.name])
    off = (reals.ravel() != value.ravel()).sum()
    if off:
        raise Wrong(f"{off} of {reals.size} outputs differ from rational arithmetic")


def _too_fine(exact: Trace) -> set[str]:
    """Quantizers whose step float32 cannot tell from nothing beside the file's values, as uncalibrated ones have it.

    Brevitas starts a scale at 1e-10. The executor's integers say nothing there: rational arithmetic is the judge alone.
    """
    largest = max(float(np.max(np.abs(value.integers)) * value.unit) for value in exact.values.values())
    return {name for name, step in exact.step.items() if float(step.min()) < OF_ITSELF * largest}


def _elsewhere(exact: Trace, floating: Tensors) -> int:
    """Values that the executor has on another integer: in the first tensor where it has, by one step next to a tie."""
    count = 0
    for name in exact.distance:
        if name not in floating:
            continue
        truth = exact.values[name].fractions().astype(np.float64).ravel()
        values = np.asarray(floating[name], dtype=np.float64).ravel()
        steps = np.abs(values - truth) / exact.step[name].ravel()
        off = steps > 0.25
        if off.any() and not count:
            near = exact.distance[name].ravel()[off].max()
            astray = NEAR_A_TIE + OF_ITSELF * float(np.abs(truth / exact.step[name].ravel()).max())
            if steps.max() > 2.25 or near > astray:
                raise Wrong(
                    f"{off.sum()} values of {name} are not the executor's, by {steps.max():.3g} steps, "
                    f"{near:.3g} of a step from a tie"
                )
        count += int(off.sum())
    return count
