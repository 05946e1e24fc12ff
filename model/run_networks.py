"""The networks of a run folder, read and written without what trains them."""

from __future__ import annotations

import io
from pathlib import Path

import torch

from fireline.errors import FirelineError
from fireline.files import write_whole
from fireline.model.architecture import SqueezeNet
from fireline.model.network import Network, Staged, float_network
from fireline.model.recipe import Distill
from fireline.model.run_info import FLOAT, read_run


def load_float(folder: Path) -> Network:
    """The float network of a run, in eval mode.

    Raises:
        FirelineError: the folder is no run, has no float network, or is of a baseline.
    """
    run = read_run(folder)
    if not isinstance(run.architecture, SqueezeNet):
        raise FirelineError("a baseline goes no further than training", node=f"{run.preset} in {folder}")
    network = float_network(run.architecture)
    load_network(folder / FLOAT, network)
    return network.eval()


def load_any_float(folder: Path) -> Staged:
    """The float network of a run, a baseline's too, in eval mode.

    Raises:
        FirelineError: the folder is no run, or has no float network.
    """
    network = float_network(read_run(folder).architecture)
    load_network(folder / FLOAT, network)
    return network.eval()


def load_teacher(distill: Distill | None) -> Staged | None:
    """The network to learn from, None where no run is named.

    Raises:
        FirelineError: as `load_any_float`.
    """
    if distill is None or distill.teacher is None:
        return None
    try:
        return load_any_float(distill.teacher)
    except FirelineError as error:
        raise FirelineError(f"no teacher: {error.message}", node=error.node, hint="train it first") from None


def save_network(path: Path, network: Staged) -> None:
    """Write the state of `network`, float or twin."""
    buffer = io.BytesIO()
    torch.save(network.state_dict(), buffer)
    write_whole(path, buffer.getvalue())


def load_network(path: Path, network: Staged) -> None:
    """Read the state of `network`, in place.

    Raises:
        FirelineError: no such file, damaged, or of another network.
    """
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except FileNotFoundError:
        raise FirelineError(
            "missing from the run", node=str(path), hint="do the step before this one"
        ) from None
    except Exception as error:  # torch.load has no error of its own: a damaged file may raise anything
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise FirelineError(f"damaged, or of another network: {reason}", node=str(path)) from None
