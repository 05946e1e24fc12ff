"""What `verify` runs a network on where the user has no project of it."""

from __future__ import annotations

from pathlib import Path

from fireline.cli.evaluate import own_project
from fireline.codegen.host.project import NETWORK
from tests.graphs import fire_network


def test_engines_of_a_target_share_one_project(tmp_path: Path) -> None:
    """`--engine rtl --engine rtl-fast`, or two builds of the C++, of a file that is in no run folder."""
    graph, model = fire_network(), tmp_path / "model.onnx"
    for target, name in (("hls", "project"), ("rtl", "rtl")):
        made = own_project(graph, model, tmp_path, target)
        assert made == tmp_path / name
        assert f'"target": "{target}"' in (made / NETWORK).read_text()
        first = (made / NETWORK).stat().st_ino
        assert own_project(graph, model, tmp_path, target) == made
        assert (made / NETWORK).stat().st_ino == first


def test_a_run_has_its_own_project(tmp_path: Path) -> None:
    (tmp_path / "run" / "rtl").mkdir(parents=True)
    assert own_project(fire_network(), tmp_path / "run", tmp_path, "rtl") == tmp_path / "run" / "rtl"
