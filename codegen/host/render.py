"""Templates become the texts of a project. They hold no arithmetic: Python computes, templates place."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache
def _environment(package: str) -> Environment:
    return Environment(
        loader=PackageLoader(package),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )


def render(package: str, name: str, /, **values: object) -> str:
    """`name`.j2 of the folder `templates` of `package`, such as "fireline.codegen.hls"."""
    return _environment(package).get_template(f"{name}.j2").render(**values)
