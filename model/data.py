"""Labelled images: the embedded digits, CIFAR binary folders, and ImageFolder trees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from fireline.errors import FirelineError
from fireline.model.architecture import Shape
from fireline.model.download import ARCHIVES, fetched

Split = Literal["train", "test"]
Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
Indices = npt.NDArray[np.int64]

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".pgm"}
CROP = 224 / 256  # of a photograph's shorter side, the crop that ImageNet accuracies are given for


class Images(Protocol):
    """Images read by index: an array, or files opened when they are asked for."""

    def __getitem__(self, index: Indices) -> Pixels: ...


@dataclass(frozen=True)
class ImageSet:
    """Images `(N, C, H, W)` of uint8 with a label each; a large set stays on disk until it is read.

    `classes` are the names that the labels index.
    """

    name: str
    images: Images
    labels: Labels
    classes: tuple[str, ...]
    shape: Shape

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, index: npt.ArrayLike | None = None) -> Pixels:
        """The images at `index`, or all of them."""
        chosen = np.arange(len(self)) if index is None else np.asarray(index, dtype=np.int64)
        return self.images[chosen]

    def batches(self, size: int) -> Iterator[tuple[Pixels, Labels]]:
        """The whole set in order, `size` images at a time."""
        for start in range(0, len(self), size):
            index = np.arange(start, min(start + size, len(self)))
            yield self.read(index), self.labels[index]

    def subset(self, count: int, seed: int = 0) -> ImageSet:
        """`count` images drawn without replacement, in the set's order; all of them when there are no more."""
        if count >= len(self):
            return self
        index = np.sort(np.random.default_rng(seed).choice(len(self), count, replace=False))
        return self._at(index)

    def held_out(self, count: int) -> tuple[ImageSet, ImageSet]:
        """The set without `count` images, and these: always the same ones, of every class its share.

        Raises:
            FirelineError: nothing would be left, or there are fewer than one of each class.
        """
        from sklearn.model_selection import train_test_split

        if not len(self.classes) <= count <= len(self) - len(self.classes):
            raise FirelineError(
                f"of {len(self)} images {count} cannot be held out",
                node=self.name,
                hint=f"at least one of each of {len(self.classes)} classes, on both sides",
            )
        rest, held = train_test_split(
            np.arange(len(self)), test_size=count, random_state=0, stratify=self.labels
        )
        return self._at(np.sort(rest)), self._at(np.sort(held))

    def _at(self, index: Indices) -> ImageSet:
        here = isinstance(self.images, np.ndarray)
        images = self.images[index] if here else _Chosen(self.images, index)
        return replace(self, images=images, labels=self.labels[index])


@dataclass(frozen=True)
class _Chosen:
    images: Images
    index: Indices

    def __getitem__(self, index: Indices) -> Pixels:
        return self.images[self.index[index]]


@dataclass(frozen=True)
class _Files:
    """Photographs on disk: the shorter side resized to 256/224 of the network's, then the centre cropped."""

    paths: Sequence[Path]
    shape: Shape

    def __getitem__(self, index: Indices) -> Pixels:
        if not len(index):
            return np.empty((0, *self.shape), dtype=np.uint8)
        return np.stack([read_image(self.paths[i], self.shape) for i in index])


def load(spec: str, split: Split, shape: Shape | None = None) -> ImageSet:
    """The data set that `spec` names.

    Args:
        spec: `digits` (scikit-learn's handwritten digits, 8x8); a folder of CIFAR-10 or CIFAR-100 binaries; an
            ImageFolder tree `<class>/<image>`, perhaps below `train` and `test` or `val`; or, where no such folder is,
            `cifar10` or `cifar100`, which is downloaded unless the cache has it (`fireline.model.download`). Classes
            are numbered in the order of their names: of the 1000 ImageNet wnids that is the usual order.
        split: an ImageFolder tree without such folders is the same for both.
        shape: the network's `(C, H, W)`. Photographs are cropped to it, 3x224x224 if None; other sets must have it.

    Raises:
        FirelineError: no such data, broken files, or images of another shape.
    """
    path = Path(spec)
    if spec in ARCHIVES and not path.exists():
        path = fetched(spec)
    if spec == "digits":
        result = _digits(split)
    elif not path.exists():
        known = ", ".join(["digits", *ARCHIVES])
        raise FirelineError("there is no such data", node=spec, hint=f"{known}, or a folder of images")
    elif (folder := _cifar_folder(path)) is not None:
        result = _cifar(folder, split)
    else:
        return _image_folder(path, split, shape or (3, 224, 224))
    if shape is not None and result.shape != shape:
        raise FirelineError(
            f"images are {_sides(result.shape)}, the network takes {_sides(shape)}", node=spec
        )
    return result


def load_training(spec: str, shape: Shape, hold_out: int) -> ImageSet:
    """What to train on: the training split, without the `hold_out` images that are kept aside.

    Raises:
        FirelineError: as `load`, or as many cannot be held out.
    """
    whole = load(spec, "train", shape)
    return whole.held_out(hold_out)[0] if hold_out else whole


def load_measured(spec: str, shape: Shape, hold_out: int) -> ImageSet:
    """What to measure on: the test split, or the `hold_out` training images that are kept aside in place of it.

    Raises:
        FirelineError: as `load_training`.
    """
    return load(spec, "train", shape).held_out(hold_out)[1] if hold_out else load(spec, "test", shape)


def read_image(path: Path, shape: Shape) -> Pixels:
    """One photograph as `shape`: resized, centre-cropped, in RGB or grey."""
    channels, height, width = shape
    try:
        with Image.open(path) as file:
            image = file.convert("L" if channels == 1 else "RGB")
    except (OSError, UnidentifiedImageError, ValueError) as error:
        raise FirelineError(f"not a readable image: {error}", node=str(path)) from None
    shorter = round(max(height, width) / CROP)
    if min(image.size) != shorter:
        ratio = shorter / min(image.size)
        image = image.resize(
            (round(image.width * ratio), round(image.height * ratio)), Image.Resampling.BILINEAR
        )
    left, top = round((image.width - width) / 2), round((image.height - height) / 2)
    pixels = np.asarray(image.crop((left, top, left + width, top + height)))
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _digits(split: Split) -> ImageSet:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    images = np.rint(digits.images[:, None] * (255 / 16)).astype(np.uint8)
    parts = train_test_split(images, digits.target, test_size=360, random_state=0, stratify=digits.target)
    place = 0 if split == "train" else 1
    names = tuple(str(name) for name in digits.target_names)
    return ImageSet("digits", parts[place], parts[place + 2].astype(np.int64), names, (1, 8, 8))


def _cifar_folder(path: Path) -> Path | None:
    """The folder with the binaries: `path` or the one inside it that the published archive makes."""
    for folder in (path, path / "cifar-10-batches-bin", path / "cifar-100-binary"):
        if any(
            (folder / name).is_file()
            for name in ("test_batch.bin", "data_batch_1.bin", "test.bin", "train.bin")
        ):
            return folder
    return None


def _cifar(folder: Path, split: Split) -> ImageSet:
    """CIFAR-10 rows are a label and 3072 pixels; CIFAR-100 rows have a coarse label before the fine one."""
    hundred = (folder / "fine_label_names.txt").is_file() or (folder / "train.bin").is_file()
    if hundred:
        files, meta, labels = [f"{split}.bin"], "fine_label_names.txt", 2
    else:
        train = [f"data_batch_{i}.bin" for i in range(1, 6)]
        files, meta, labels = train if split == "train" else ["test_batch.bin"], "batches.meta.txt", 1
    row = labels + 3072
    rows = []
    for name in files:
        try:
            data = np.fromfile(folder / name, dtype=np.uint8)
        except OSError:
            raise FirelineError("this CIFAR file is missing", node=str(folder / name)) from None
        if not data.size or data.size % row:
            raise FirelineError(f"{data.size} bytes are not rows of {row}", node=str(folder / name))
        rows.append(data.reshape(-1, row))
    table = np.concatenate(rows)
    count = 100 if hundred else 10
    fine = table[:, labels - 1].astype(np.int64)
    if fine.max() >= count:
        raise FirelineError(f"label {fine.max()} of {count} classes", node=str(folder / files[0]))
    try:
        names = tuple((folder / meta).read_text().split())
    except OSError:
        names = tuple(str(i) for i in range(count))
    return ImageSet(f"cifar{count}", table[:, labels:].reshape(-1, 3, 32, 32), fine, names, (3, 32, 32))


def _image_folder(path: Path, split: Split, shape: Shape) -> ImageSet:
    for name in ("train",) if split == "train" else ("test", "val"):
        if (path / name).is_dir():
            path = path / name
            break
    classes = sorted(entry.name for entry in path.iterdir() if entry.is_dir()) if path.is_dir() else []
    paths, labels = [], []
    for label, name in enumerate(classes):
        inside = sorted(file for file in (path / name).iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
        paths += inside
        labels += [label] * len(inside)
    if not paths:
        raise FirelineError(
            "neither CIFAR binaries nor <class>/<image> folders here",
            node=str(path),
            hint="or `digits`",
        )
    return ImageSet(path.name, _Files(paths, shape), np.array(labels, dtype=np.int64), tuple(classes), shape)


def _sides(shape: Shape) -> str:
    return "x".join(map(str, shape))
