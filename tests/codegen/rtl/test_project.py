"""Generated RTL projects: whole, deterministic, memories as the kernels read them, safe with any name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fireline.codegen.plan.devices import device
from fireline.codegen.plan.foldings import Folding
from fireline.codegen.plan.simple import simple_plan
from fireline.codegen.rtl.names import Names, module_name
from fireline.codegen.rtl.project import write_project
from fireline.codegen.rtl.tables import banks, memory
from fireline.errors import FirelineError
from tests.codegen.hls.test_project import contents
from tests.graphs import fire_network


def folder_of(path: Path) -> Path:
    write_project(replace(simple_plan(fire_network(), device("xc7z020"), 125.0), target="rtl"), path)
    return path


def test_same_plan_gives_the_same_bytes(tmp_path: Path) -> None:
    assert contents(folder_of(tmp_path / "a")) == contents(folder_of(tmp_path / "b"))


def test_every_memory_that_is_named_is_there(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "project")
    names = {path.name for path in (folder / "rtl").iterdir()}
    assert {"network.sv", "fl_mvu.sv", "fl_control.sv", "lint.vlt", "conv10_weights_000.hex"} <= names
    top = (folder / "rtl" / "network.sv").read_text()
    for word in top.split('"')[1::2]:
        assert word in names or f"{word}_000.hex" in names


def test_memories_are_rows_with_the_first_value_in_the_low_bits() -> None:
    rows = np.array([[1, -1, 2], [0, 3, -4]])
    assert memory(rows, 4) == "2f1\nc30\n"
    assert memory(rows, 3) == f"{2 << 6 | 7 << 3 | 1:03x}\n{4 << 6 | 3 << 3:03x}\n"
    wide = np.arange(40).reshape(1, -1)
    assert int(memory(wide, 7), 16) == sum(value << 7 * place for place, value in enumerate(range(40)))


def test_banks_are_files_of_a_depth() -> None:
    files = banks("w", np.arange(5).reshape(-1, 1), 4, 2)
    assert files == {"w_000.hex": "0\n1\n", "w_001.hex": "2\n3\n", "w_002.hex": "4\n"}


def test_names_are_no_keywords_and_no_others() -> None:
    names = Names(("clk",))
    assert [names.unique(n) for n in ("reg", "a.b", "a_b", "a__b", "clk")] == [
        "reg_2",
        "a_b",
        "a_b_2",
        "a_b_3",
        "clk_2",
    ]
    assert module_name("table") == "table_" and module_name("net") == "net"


def test_loaded_weights_are_refused(tmp_path: Path) -> None:
    plan = replace(simple_plan(fire_network(), device("xczu7ev"), 300.0), target="rtl")
    uram = tuple(replace(f, rom="uram") if i == 2 else f for i, f in enumerate(plan.foldings))
    with pytest.raises(FirelineError, match="loaded at start"):
        write_project(replace(plan, foldings=uram), tmp_path / "project")
    assert isinstance(uram[0], Folding) and not list(tmp_path.iterdir())
