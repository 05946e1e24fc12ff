"""What is written for as many streams as a network wants is clean, and PandA Bambu reads no pipeline pragma."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fireline.codegen.hls.project import write_project
from fireline.sim.lint.check import check_project
from fireline.sim.lint.project import read_project
from fireline.sim.lint.source import read_source
from tests.firmware.harness import drawn, plan
from tests.firmware.test_joins import joins
from tests.firmware.test_loaded import GRAPH, loaded_plan

pytest.importorskip("clang.cindex")
pytest.importorskip("hls4ml")


def test_forks_and_concatenations_are_clean(tmp_path: Path) -> None:
    write_project(plan(joins(), drawn(1)), tmp_path / "project")
    assert check_project(tmp_path / "project") == []


def test_weights_that_are_loaded_are_clean(tmp_path: Path) -> None:
    write_project(loaded_plan(GRAPH, 0), tmp_path / "project")
    assert check_project(tmp_path / "project") == []


def test_pipelines_are_for_vitis_alone(tmp_path: Path) -> None:
    write_project(plan(joins(), drawn(1)), tmp_path / "project")
    read = read_project(tmp_path / "project")
    vitis, bambu = (
        {pragma.name for pragma in read_source(replace(read, flags=(*read.flags, *more))).pragmas.values()}
        for more in ((), ("-D__BAMBU__",))
    )
    assert vitis - bambu == {"pipeline"} and bambu
