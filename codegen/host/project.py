"""The folder of a project: what it holds whatever its target, and how it appears, whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fireline.codegen.design.memories import loaded_weights
from fireline.codegen.host.data import default_images, manifest, write_data
from fireline.codegen.host.drivers import DRIVER_FILES
from fireline.codegen.host.render import render
from fireline.codegen.plan import file as plan_file
from fireline.codegen.plan.foldings import Plan
from fireline.errors import FirelineError
from fireline.files import new_folder

# Files that every project has, and hardly another folder.
NETWORK, GRAPH, PLAN = "tb/network.json", "tb/graph.npz", "tb/plan.json"


@dataclass(frozen=True)
class Content:
    """What a target puts into a project: texts by path; patterns of firmware's files and folders, and where they go."""

    target: str
    texts: Mapping[str, str]
    copies: Mapping[str, str]
    common: Mapping[str, Any]  # what the templates of the drivers need


def images_of(plan: Plan, images: npt.ArrayLike | None) -> npt.NDArray[np.generic]:
    """`images` for the test bench, or the usual ones.

    Raises:
        FirelineError: there are none.
    """
    pixels = np.asarray(default_images(plan.graph) if images is None else images)
    if not len(pixels):
        raise FirelineError("no images for the test bench", node=plan.graph.name)
    return pixels


def write(
    plan: Plan, out: Path, content: Content, images: npt.NDArray[np.generic], force: bool = False
) -> None:
    """Write a project to the folder `out`: what its target says, golden data, the graph and the plan, drivers.

    Raises:
        FirelineError: `out` exists and `force` is false, it holds something else, or it cannot be written.
    """
    if out.is_dir() and any(out.iterdir()) and force and not (out / NETWORK).exists():
        raise FirelineError(
            "--force replaces projects, and this folder is none", node=str(out), hint="choose another place"
        )
    texts = dict(content.texts)
    texts |= {NETWORK: manifest(plan.graph, content.target), PLAN: plan_file.dump(plan)}
    if content.common["board"]:
        texts |= {
            path: render("fireline.codegen.host", Path(path).name, **content.common) for path in DRIVER_FILES
        }
    with new_folder(out, replace=force) as folder:
        write_data(plan.graph, images, folder / "tb" / "data")
        plan.graph.save(folder / GRAPH)
        if plan.loaded:
            (folder / "weights.bin").write_bytes(loaded_weights(plan))
        for path, text in texts.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        with as_file(files("fireline.firmware")) as firmware:
            for pattern, path in content.copies.items():
                for source in sorted(firmware.glob(pattern)):
                    _copy(source, folder / path)


def _copy(source: Path, path: Path) -> None:
    """A file, to a file or into a folder that is there, or all files of a folder."""
    if source.is_dir():
        shutil.copytree(source, path)
    else:
        shutil.copy(source, path)
