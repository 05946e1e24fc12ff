from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fireline.errors import FirelineError
from fireline.model.data import load


def write_cifar10(folder: Path, rows: int = 4) -> np.ndarray:
    """A CIFAR-10 folder of `rows` random images per file; the rows of its test batch."""
    random = np.random.default_rng(0)
    for name in [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]:
        table = random.integers(0, 256, (rows, 3073)).astype(np.uint8)
        table[:, 0] = np.arange(rows) % 10
        table.tofile(folder / name)
    (folder / "batches.meta.txt").write_text("\n".join(f"class{i}" for i in range(10)) + "\n\n")
    return table


def write_images(folder: Path, size: tuple[int, int] = (300, 260)) -> None:
    for label, name in enumerate(["cat", "ant"]):
        (folder / name).mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", size, (100 * label, 20 * i, 7)).save(folder / name / f"{i}.png")


def test_digits_are_split_for_good() -> None:
    train, test = load("digits", "train"), load("digits", "test")
    assert (len(train), len(test)) == (1437, 360)
    assert train.shape == (1, 8, 8)
    pixels = test.read()
    assert pixels.dtype == np.uint8
    assert pixels.max() == 255
    assert test.labels[:10].tolist() == load("digits", "test").labels[:10].tolist()
    assert np.bincount(test.labels).min() >= 34  # stratified


def test_cifar10_binaries(tmp_path: Path) -> None:
    table = write_cifar10(tmp_path)
    test = load(str(tmp_path), "test", (3, 32, 32))
    assert np.array_equal(test.read(), table[:, 1:].reshape(4, 3, 32, 32))
    assert test.labels.tolist() == [0, 1, 2, 3]
    assert test.classes[3] == "class3"
    assert len(load(str(tmp_path), "train")) == 20


def test_cifar10_inside_its_published_folder(tmp_path: Path) -> None:
    (tmp_path / "cifar-10-batches-bin").mkdir()
    write_cifar10(tmp_path / "cifar-10-batches-bin")
    assert len(load(str(tmp_path), "test")) == 4


def test_cifar100_binaries_have_two_labels(tmp_path: Path) -> None:
    table = np.zeros((2, 3074), dtype=np.uint8)
    table[:, 1] = [99, 5]
    for name in ("train.bin", "test.bin"):
        table.tofile(tmp_path / name)
    data = load(str(tmp_path), "test")
    assert data.labels.tolist() == [99, 5]
    assert len(data.classes) == 100


def test_broken_cifar(tmp_path: Path) -> None:
    write_cifar10(tmp_path)
    (tmp_path / "data_batch_2.bin").write_bytes(b"abc")
    with pytest.raises(FirelineError, match="3 bytes are not rows of 3073"):
        load(str(tmp_path), "train")
    (tmp_path / "data_batch_2.bin").unlink()
    with pytest.raises(FirelineError, match="missing"):
        load(str(tmp_path), "train")
    np.full(3073, 12, dtype=np.uint8).tofile(tmp_path / "test_batch.bin")
    with pytest.raises(FirelineError, match="label 12 of 10 classes"):
        load(str(tmp_path), "test")


def test_an_image_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    write_images(tmp_path)
    data = load(str(tmp_path), "test", (3, 224, 224))
    assert data.classes == ("ant", "cat")
    assert data.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.read([4])[0, :, 0, 0].tolist() == [0, 20, 7]
    assert load(str(tmp_path), "test", (1, 28, 28)).read([0]).shape == (1, 1, 28, 28)


def test_photographs_of_256_are_cropped_and_nothing_else(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (256, 256, 3)).astype(np.uint8)
    (tmp_path / "a").mkdir()
    Image.fromarray(pixels).save(tmp_path / "a" / "x.png")
    data = load(str(tmp_path), "train", (3, 224, 224))
    assert np.array_equal(data.read()[0], pixels[16:240, 16:240].transpose(2, 0, 1))


def test_splits_of_an_image_folder(tmp_path: Path) -> None:
    write_images(tmp_path / "train")
    write_images(tmp_path / "val", (224, 224))
    assert len(load(str(tmp_path), "test", (3, 32, 32))) == 6
    assert load(str(tmp_path), "train").classes == ("ant", "cat")


def test_broken_images_and_missing_data(tmp_path: Path) -> None:
    with pytest.raises(FirelineError, match="no such data"):
        load(str(tmp_path / "none"), "test")
    with pytest.raises(FirelineError, match="neither CIFAR"):
        load(str(tmp_path), "test")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.jpg").write_text("hello")
    with pytest.raises(FirelineError, match="not a readable image"):
        load(str(tmp_path), "test").read()
    with pytest.raises(FirelineError, match="images are 1x8x8, the network takes 3x32x32"):
        load("digits", "test", (3, 32, 32))


def test_held_out_images_are_the_same_and_of_every_class() -> None:
    whole = load("digits", "train")
    rest, held = whole.held_out(300)
    assert (len(rest), len(held)) == (1137, 300)
    both = np.concatenate([rest.read(), held.read()]).reshape(1437, -1)
    assert (np.unique(both, axis=0) == np.unique(whole.read().reshape(1437, -1), axis=0)).all()
    assert len(np.unique(both, axis=0)) == 1437  # no image is in both
    share = np.bincount(held.labels) / np.bincount(whole.labels)
    assert np.allclose(share, 300 / 1437, atol=0.01)
    assert (whole.held_out(300)[1].labels == held.labels).all()
    assert isinstance(rest.images, np.ndarray)  # so that no processes are started to read it
    assert (held.read([3, 5]) == held.read()[[3, 5]]).all()
    for count in (9, 1428):
        with pytest.raises(FirelineError, match=f"of 1437 images {count} cannot be held out"):
            whole.held_out(count)


def test_subsets_and_batches(tmp_path: Path) -> None:
    write_images(tmp_path)
    some = load(str(tmp_path), "test", (3, 16, 16)).subset(4, seed=1)
    assert len(some) == 4
    assert some.subset(9) is some
    parts = list(some.batches(3))
    assert [len(images) for images, _ in parts] == [3, 1]
    assert np.array_equal(np.concatenate([images for images, _ in parts]), some.read())
    assert np.array_equal(np.concatenate([labels for _, labels in parts]), some.labels)
