"""Every command and every piece of Python in the documentation works as printed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fireline.codegen.plan.devices import Device
from fireline.sim.rtl import missing
from tests.docs.blocks import LANGUAGES, PAGES, ROOT, Block, Command, blocks, commands, plain, run_block
from tests.qonnx_models import QonnxBuilder


def unsupported(folder: Path) -> None:
    """The file that docs/qonnx.md shows refused."""
    b = QonnxBuilder((2, 6, 6))
    x = b.node("Softmax", [b.pixels()])
    b.nodes[-1].name = "Softmax_12"
    (folder / "model.onnx").unlink()
    b.save(x, folder).rename(folder / "model.onnx")


PREPARE: dict[str, Callable[[Path], None]] = {"qonnx.md": unsupported}
RUN = [page for page in PAGES if any(b.language in LANGUAGES and not b.needs for b in blocks(page))]


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN, ids=[page.relative_to(ROOT).as_posix() for page in RUN])
def test_page(page: Path, desk: Path) -> None:
    if "$ fireline cosim" in page.read_text() and (tool := missing()):
        pytest.skip(f"{tool[0]} is missing")
    PREPARE.get(page.name, lambda folder: None)(desk)
    names: dict[str, Any] = {"__name__": "page", "images": np.load("images.npy")}
    for block in blocks(page):
        run_block(block, page, names)


def test_blocks_are_read_with_their_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```sh\none\n```\n\n<!-- needs: a board -->\n```python\ntwo\n```\n<!-- file: x.toml -->\n```toml\n```\n"
    )
    assert blocks(page) == [
        Block("sh", "one\n", 2),
        Block("python", "two\n", 7, needs="a board"),
        Block("toml", "", 11, file="x.toml"),
    ]


def test_commands_are_read_with_what_they_print() -> None:
    first, second = commands("$ fireline a\nx\ny\n$ fireline b\nerror: no\n")
    assert first == Command("fireline a", ("x", "y"))
    assert not first.fails
    assert second.fails


def test_numbers_and_spacing_do_not_count() -> None:
    assert plain("LUT   38,499 of 53,200  72.4%") == plain("LUT 5 of 6 1%")
    assert plain("0 mismatches") != plain("0 match")


def test_every_kernel_is_described() -> None:
    page = (ROOT / "docs" / "reference" / "kernels.md").read_text()
    missing = [h.name for h in (ROOT / "firmware/hls/fireline").glob("*.h") if f"`{h.name}`" not in page]
    assert not missing


def test_the_device_that_is_added_has_every_field() -> None:
    (block,) = (b for b in blocks(ROOT / "docs" / "howto" / "add-a-device.md") if b.language == "toml")
    (row,) = tomllib.loads(block.text).values()
    assert list(row) == [field.name for field in fields(Device) if field.name != "name"]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(page: str) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text())
    assert [target for target in targets if not (ROOT / target).exists()] == []
