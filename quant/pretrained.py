"""Quantized networks that come with Fireline, trained, by name.

A checkpoint is two small files: NAME.json is the run, with the recipe that made it and the accuracy that it reached;
NAME.npz holds the weights of the float network in float16 and those of the twin on their grids. `unpack` makes a run
folder of them, which every command takes. `python -m fireline.quant.pretrained RUN NAME` packs one.
"""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fireline.errors import FirelineError
from fireline.files import new_folder, write_whole
from fireline.model.accuracy import accuracy
from fireline.model.data import load
from fireline.model.download import cache
from fireline.model.evaluate import logits
from fireline.model.network import Staged, float_network
from fireline.model.recipe import read_recipe
from fireline.model.run_info import FLOAT, INFO, Run, read_run, run_from, run_json, trained_on
from fireline.model.run_networks import load_float, save_network
from fireline.quant.run import TWIN, build_run_twin, calibrated_on, export_run, load_twin
from fireline.quant.twin import convolutions

FLOAT_PART, TWIN_PART = "float/", "twin/"


def names() -> list[str]:
    """The checkpoints that come with Fireline."""
    return sorted(
        file.name.removesuffix(".npz") for file in _folder().iterdir() if file.name.endswith(".npz")
    )


def checkpoint(name: str) -> Run:
    """What the checkpoint `name` says of itself: the recipe that made it, and the accuracy that it reached.

    Raises:
        FirelineError: there is no such checkpoint.
    """
    return run_from(_file(name, "json"), name)


def unpacked(name: str) -> Path:
    """The run folder of the checkpoint `name`, in the user's cache folder; made when it is asked for the first time.

    Raises:
        FirelineError: there is no such checkpoint, or the cache cannot be written.
    """
    digest = hashlib.sha256(_file(name, "npz") + _file(name, "json")).hexdigest()
    folder = cache() / "pretrained" / f"{name}-{digest[:12]}"
    if not (folder / INFO).exists():
        unpack(name, folder, replace=True)
    return folder


def unpack(name: str, folder: Path, *, replace: bool = False) -> None:
    """Make `folder` the run folder of the checkpoint `name`.

    Raises:
        FirelineError: there is no such checkpoint, the folder exists and `replace` is false, or it cannot be written.
    """
    with np.load(io.BytesIO(_file(name, "npz"))) as file:
        arrays = {key: torch.from_numpy(file[key].astype(np.float32)) for key in file.files}
    with new_folder(folder, replace=replace) as made:
        write_whole(made / INFO, _file(name, "json"))
        run = read_run(made)
        network = float_network(run.architecture)
        _load(network, arrays, FLOAT_PART)
        save_network(made / FLOAT, network)
        twin = build_run_twin(run)
        _load(twin, arrays, TWIN_PART)
        save_network(made / TWIN, twin)
        export_run(made)


def pack(run_folder: Path, name: str, out: Path) -> None:
    """Pack the run of the shipped recipe `name` into `out`: NAME.npz and NAME.json.

    Float weights are rounded to float16, and the accuracy in NAME.json is measured after that, on all test images.
    """
    run, recipe = read_run(run_folder), read_recipe(name)
    test = load(run.recipe.data if run.recipe else recipe.data, "test", run.architecture.input)
    network, twin = load_float(run_folder), load_twin(run_folder)
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.dtype == torch.float32:
                value.copy_(value.half().float())
        for _, conv in convolutions(twin):
            conv.weight.copy_(conv.quant_weight().value)
    arrays = dict(_arrays(network, FLOAT_PART, np.float16)) | dict(_arrays(twin, TWIN_PART, np.float32))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    run = replace(
        run,
        recipe=recipe,
        weights=trained_on(recipe),
        calibration=calibrated_on(recipe.quantize.images if recipe.quantize else 0, recipe.data),
        float_accuracy=accuracy(logits(network, test), test.labels),
        twin_accuracy=accuracy(logits(twin, test), test.labels),
    )
    write_whole(out / f"{name}.npz", buffer.getvalue())
    write_whole(out / f"{name}.json", run_json(run))


def _file(name: str, kind: str) -> bytes:
    if name not in names():
        raise FirelineError(f"there is no checkpoint {name!r}", hint=f"one of {', '.join(names())}")
    return (_folder() / f"{name}.{kind}").read_bytes()


def _folder() -> Traversable:
    return resources.files("fireline.quant") / "checkpoints"


def _arrays(
    network: Staged, part: str, kind: type[np.floating]
) -> Iterator[tuple[str, npt.NDArray[np.generic]]]:
    for key, value in network.state_dict().items():
        array = value.numpy()
        yield part + key, array.astype(kind) if array.dtype == np.float32 else array


def _load(network: Staged, arrays: dict[str, Tensor], part: str) -> None:
    own = network.state_dict()
    network.load_state_dict({key: arrays[part + key].to(value.dtype) for key, value in own.items()})


if __name__ == "__main__":
    pack(Path(sys.argv[1]), sys.argv[2], Path(__file__).parent / "checkpoints")
