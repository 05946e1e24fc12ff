"""What a sweep tries: a TOML file with a recipe, the fields of it that vary, and what must hold of the result."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field, PositiveFloat, PositiveInt, TypeAdapter
from pydantic.dataclasses import dataclass

from fireline.cli.recipes import set_field
from fireline.errors import FirelineError
from fireline.validate import validated

if TYPE_CHECKING:
    from fireline.model.recipe import Recipe

_STRICT = ConfigDict(extra="forbid")
LAYER_BITS = "quantize.bits."  # of one layer, or of every layer for itself where the layer is called *


@dataclass(frozen=True, config=_STRICT)
class Range:
    """Any number from `low` to `high`, evenly on a logarithmic scale if `log`."""

    low: float
    high: float
    log: bool = False


Choices = Annotated[list[str | int | float | bool], Field(min_length=1)]


@dataclass(frozen=True, config=_STRICT)
class Budget:
    """What a network must keep to: bytes of its weights, a device that it fits, and its frames a second there."""

    weight_bytes: PositiveInt | None = None
    device: str | None = None
    frames_per_second: PositiveFloat | None = None


@dataclass(frozen=True, config=_STRICT)
class Sweep:
    """`trials` trials of `recipe`, whose fields `space` (dotted paths) vary; a grid needs choices and tries them all.

    `quantize.bits.fire2` is the bits of one layer, `quantize.bits.*` of every layer for itself. What counts is top-1 on
    the test images (all, or `images` of them): of the firmware's integers if the recipe quantizes, else of the float
    network.
    """

    recipe: str
    space: dict[str, Choices | Range]
    sampler: Literal["grid", "random", "tpe"] = "tpe"
    trials: PositiveInt = 20
    images: PositiveInt | None = None
    seed: int = 0
    budget: Budget = field(default_factory=Budget)


_SWEEP = TypeAdapter(Sweep)


def read_sweep(path: Path) -> Sweep:
    """A sweep from a TOML file; `recipe` may be a path beside it.

    Raises:
        FirelineError: not readable, a field is wrong, or a range in a grid.
    """
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise FirelineError(f"not a TOML file: {error}", node=str(path)) from None
    sweep = validated(_SWEEP.validate_python, content, str(path), "docs/howto/sweep.md")
    ranges = [name for name, values in sweep.space.items() if isinstance(values, Range)]
    if sweep.sampler == "grid" and ranges:
        raise FirelineError(f"a grid has no choices for {ranges[0]}", node=str(path), hint="list them")
    if sweep.budget.frames_per_second and not sweep.budget.device:
        raise FirelineError(
            "budget.frames_per_second is of a device", node=str(path), hint="add budget.device"
        )
    return sweep


def sweep_recipe(sweep: Sweep, path: Path) -> Recipe:
    """The recipe of a sweep that stands in `path`."""
    from fireline.model.recipe import read_recipe

    beside = path.parent / sweep.recipe
    return read_recipe(str(beside) if beside.suffix == ".toml" else sweep.recipe)


def spread(space: Mapping[str, Choices | Range], recipe: Recipe) -> dict[str, Choices | Range]:
    """The space with `quantize.bits.*` as one field for each convolution outside Fires and each Fire."""
    layers = dict.fromkeys(conv.name.partition(".")[0] for conv in recipe.architecture.convolutions())
    result: dict[str, Choices | Range] = {}
    for name, values in space.items():
        names = [LAYER_BITS + layer for layer in layers] if name == LAYER_BITS + "*" else [name]
        result |= dict.fromkeys(names, values)
    return result


def vary(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """The recipe with other values of its fields.

    Raises:
        FirelineError: there is no such field, or a value cannot be.
    """
    from fireline.model.recipe import recipe_from, recipe_json

    content = recipe_json(recipe)
    for name, value in values.items():
        if not name.startswith(LAYER_BITS):
            set_field(content, name, value)
    if any(name.startswith(LAYER_BITS) for name in values) and content["quantize"] is None:
        raise FirelineError("the recipe does not quantize", node=recipe.name, hint="add a table [quantize]")
    for name, value in values.items():
        if name.startswith(LAYER_BITS):
            content["quantize"]["bits"] += f",{name.removeprefix(LAYER_BITS)}={value}"
    return recipe_from(content, recipe.name)
