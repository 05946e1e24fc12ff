"""Builds the site: `sphinx-build -W --keep-going -d build/doctrees docs build/site`."""

import inspect
import re
from importlib.metadata import version as installed
from typing import Any

project = "Fireline"
release = version = installed("fireline")
copyright = "the Fireline authors"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_default_options = {"member-order": "bysource"}
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
maximum_signature_line_length = 80

smartquotes = False  # they make one dash of two

html_theme = "furo"
html_title = "Fireline"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}

# Console blocks show prompts and output; what is copied is the commands.
copybutton_prompt_text = "$ "
copybutton_exclude = ".linenos, .gp, .go"
pygments_style = "friendly"
pygments_dark_style = "monokai"


class Text:
    """Stands in a signature for what the source says."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def as_written(annotation: Any) -> Any:
    """An annotation of the source; modules of numpy's type hints say nothing to a reader."""
    return Text(re.sub(r"\b(npt|np|torch)\.", "", annotation)) if isinstance(annotation, str) else annotation


def plain_signature(
    app: Any, what: str, name: str, obj: Any, options: Any, arguments: str | None, result: str | None
) -> tuple[str | None, str | None]:
    """The signature with the source's own names of types: `IntArray`, not what the alias stands for."""
    if arguments is None or what not in ("class", "function", "method"):
        return arguments, result
    signature = inspect.signature(obj)
    parameters = [
        p.replace(
            annotation=as_written(p.annotation),
            default=Text("...") if repr(p.default).startswith("<function") else p.default,
        )
        for p in signature.parameters.values()
        if p.name != "self"
    ]
    written = signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty)
    returned = as_written(signature.return_annotation)
    return str(written), str(returned) if isinstance(returned, Text) and what != "class" else None


def plain_markdown(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are Markdown: code stands between single backquotes, and bars and stars mean themselves."""
    for i, line in enumerate(lines):
        parts = line.split("`")
        if len(parts) % 2:
            parts[::2] = [re.sub(r"([*|])", r"\\\1", part) for part in parts[::2]]
            lines[i] = "``".join(parts)


def plain_help(app: Any, context: Any, lines: list[str]) -> None:
    """The same for the help of commands."""
    plain_markdown(app, "command", context.info_name, context.command, None, lines)


def setup(app: Any) -> None:
    app.connect("autodoc-process-signature", plain_signature)
    app.connect("autodoc-process-docstring", plain_markdown, priority=400)  # before napoleon
    app.connect("sphinx-click-process-description", plain_help)
