"""Recipes on the command line: listing them, and changing single fields."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from fireline.cli.output import complete, print_table, recipe_names
from fireline.errors import FirelineError

if TYPE_CHECKING:
    from fireline.model.recipe import Recipe


@click.command()
@click.argument("name", required=False, shell_complete=complete(recipe_names))
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def recipes(name: str | None, as_json: bool) -> None:
    """List the recipes that come with Fireline, or print the one called NAME to start a file of your own from."""
    from fireline.model.recipe import parse_recipe, recipe_json, shipped

    texts = shipped()
    if name is not None and name not in texts:
        raise FirelineError(f"there is no recipe {name!r}", hint=f"one of {', '.join(texts)}")
    chosen = {one: parse_recipe(texts[one], one, one) for one in texts if name in (None, one)}
    if as_json:
        click.echo(json.dumps([recipe_json(recipe) for recipe in chosen.values()], indent=2))
    elif name is not None:
        click.echo(texts[name], nl=False)
    else:
        print_table(
            ["recipe", "network", "data", "epochs", "bits", "published"],
            [
                (
                    one,
                    recipe.network,
                    recipe.data,
                    sum(phase.epochs for phase in recipe.train.phases),
                    recipe.quantize.bits if recipe.quantize else "float",
                    "" if recipe.published is None else f"{recipe.published:.2f}%",
                )
                for one, recipe in chosen.items()
            ],
        )


def change_recipe(recipe: Recipe, data: str | None, epochs: int | None, changes: Iterable[str]) -> Recipe:
    """A recipe with another data set, other epochs of every phase, and `FIELD=VALUE` changes.

    Raises:
        FirelineError: a change cannot be read, or there is no such field.
    """
    from fireline.model.recipe import recipe_from, recipe_json

    content = recipe_json(recipe)
    if data is not None:
        content["data"] = data
    if epochs is not None:
        for phase in content["train"]["phases"]:
            phase["epochs"] = epochs
    for change in changes:
        field, equals, value = change.partition("=")
        if not equals:
            raise FirelineError(f"--set {change} cannot be read", hint="write FIELD=VALUE")
        set_field(content, field.strip(), value_of(value.strip()))
    return recipe_from(content, recipe.name)


def set_field(content: Any, field: str, value: Any) -> None:
    """Set the field at the dotted path `field` of nested tables and lists; a table that is None begins empty.

    Raises:
        FirelineError: there is no such table.
    """
    *path, last = field.split(".")
    try:
        for part in path:
            place: Any = int(part) if isinstance(content, list) else part
            if content[place] is None:
                content[place] = {}
            content = content[place]
        content[int(last) if isinstance(content, list) else last] = value
    except (KeyError, IndexError, ValueError, TypeError):
        raise FirelineError(
            "a recipe has no such field", node=field, hint="fireline recipes --json"
        ) from None


def value_of(text: str) -> Any:
    """A TOML value; what is none is taken as a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
