"""How good the engines are, as rows of the report: accuracy, classes, confusions, and images seen unlike."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt
from PIL import Image

from fireline.sim.accuracy import EngineAccuracy, most_confused
from fireline.sim.report.format import percent, width

MATRIX = 20  # classes that fit a confusion matrix
PAIRS, WEAKEST = 15, 10  # rows shown of more classes than that
ENOUGH = 5.0  # images a class on average, from which on its accuracy says something
SIDE = 112  # pixels of an image in the report


@dataclass(frozen=True)
class Disagreement:
    """An image that the float network and the firmware see unlike; `pixels` are (C, H, W) of uint8."""

    index: int
    pixels: npt.NDArray[np.uint8]
    label: int | None
    float_class: int
    firmware_class: int


@dataclass(frozen=True)
class EngineRow:
    """Accuracy of one engine; `change` is against the float network, in points."""

    engine: str
    images: str
    top1: str
    bar: str
    top5: str
    change: str


@dataclass(frozen=True)
class ClassRow:
    """Accuracy of one class."""

    name: str
    images: int
    firmware: str
    bar: str
    floating: str


@dataclass(frozen=True)
class Cell:
    """A cell of the confusion matrix; `shade` grows with its share of the row, in percent."""

    count: int
    shade: str
    hit: bool
    tip: str


@dataclass(frozen=True)
class Matrix:
    """The confusion matrix: one row a class."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


@dataclass(frozen=True)
class Pair:
    """A frequent mistake."""

    label: str
    predicted: str
    count: int
    share: str
    bar: str


@dataclass(frozen=True)
class Picture:
    """A disagreement, its image as a PNG in base64."""

    index: int
    png: str
    label: str | None
    floating: str
    firmware: str
    right: str


def class_name(classes: Sequence[str], index: int) -> str:
    """The name of a class, its number when it has none."""
    return classes[index] if index < len(classes) else f"class {index}"


def engine_rows(floating: EngineAccuracy | None, engines: Sequence[EngineAccuracy]) -> list[EngineRow]:
    """The float network first."""
    rows = []
    for one in ([floating] if floating else []) + list(engines):
        change = ""
        if floating and one is not floating and one.images == floating.images:
            points = 100 * (one.top1 - floating.top1) / one.images
            change = f"{points:+.2f} points" if points else "equal"
        share = one.top1 / one.images
        top5 = percent(one.top5 / one.images, 2) if len(one.confusion) > 5 else ""
        rows.append(EngineRow(one.engine, f"{one.images:,}", percent(share, 2), width(share), top5, change))
    return rows


def class_rows(
    floating: EngineAccuracy | None, firmware: EngineAccuracy, classes: Sequence[str]
) -> list[ClassRow]:
    """Every class with images, or the weakest of many; none where images are too few to say."""
    images = firmware.class_images
    known = np.flatnonzero(images)
    if images.sum() / len(images) < ENOUGH:
        return []
    right = firmware.confusion.diagonal()
    if len(images) > MATRIX:
        known = known[np.argsort(right[known] / images[known], kind="stable")][:WEAKEST]
    rows = []
    for i in known.tolist():
        share = right[i] / images[i]
        other = percent(floating.confusion[i, i] / floating.class_images[i]) if floating else ""
        rows.append(ClassRow(class_name(classes, i), int(images[i]), percent(share), width(share), other))
    return rows


def matrix(confusion: npt.NDArray[np.int64], classes: Sequence[str]) -> Matrix | None:
    """None for more classes than fit."""
    if len(confusion) > MATRIX:
        return None
    names = tuple(class_name(classes, i) for i in range(len(confusion)))
    rows = []
    for label, counts in enumerate(confusion):
        cells = []
        for predicted, number in enumerate(counts.tolist()):
            share = number / max(int(counts.sum()), 1)
            tip = f"{names[label]} taken for {names[predicted]}: {number} ({percent(share)})"
            cells.append(Cell(number, width(sqrt(share)), label == predicted, tip))
        rows.append((names[label], tuple(cells)))
    return Matrix(names, tuple(rows))


def pairs(confusion: npt.NDArray[np.int64], classes: Sequence[str]) -> list[Pair]:
    """The commonest mistakes; what happened once is no habit."""
    found = [one for one in most_confused(confusion, PAIRS) if one.count > 1]
    return [
        Pair(
            class_name(classes, one.label),
            class_name(classes, one.predicted),
            one.count,
            percent(one.count / int(confusion[one.label].sum())),
            width(one.count / found[0].count),
        )
        for one in found
    ]


def pictures(disagreements: Sequence[Disagreement], classes: Sequence[str]) -> list[Picture]:
    """The images with who is right."""
    rows = []
    for one in disagreements:
        right = ""
        if one.label is not None:
            right = {one.float_class: "float is right", one.firmware_class: "firmware is right"}.get(
                one.label, "neither is right"
            )
        rows.append(
            Picture(
                one.index,
                png(one.pixels),
                None if one.label is None else class_name(classes, one.label),
                class_name(classes, one.float_class),
                class_name(classes, one.firmware_class),
                right,
            )
        )
    return rows


def png(pixels: npt.NDArray[np.uint8]) -> str:
    """(C, H, W) bytes as a PNG in base64: colour for three channels, else the first as grey; large ones reduced."""
    image = Image.fromarray(pixels.transpose(1, 2, 0) if len(pixels) == 3 else pixels[0])
    if max(image.size) > SIDE:
        image.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()
