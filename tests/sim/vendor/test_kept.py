"""What the open tools found of a project, kept in it and shown beside the plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fireline.cli import main
from fireline.codegen.host.project import PLAN
from fireline.errors import FirelineError
from fireline.sim.rtl import Cosimulation
from fireline.sim.vendor.figures import RTL_SIMULATED, Figures
from fireline.sim.vendor.kept import FOLDER, keep_cosimulation, kept
from tests.qonnx_models import fire_model


def cosimulation(interval: int) -> Cosimulation:
    return Cosimulation(3, 900, interval, 901, 300, 0, None, ())


def test_a_later_run_replaces_an_earlier_one(tmp_path: Path) -> None:
    for interval in (301, 300):
        keep_cosimulation(tmp_path, cosimulation(interval), RTL_SIMULATED)
    [report] = kept(tmp_path)
    assert (report.evidence, report.whole) == (RTL_SIMULATED, Figures(interval=300, latency=900))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"part": "", "whole": {"speed": 3}, "stages": {}}'])
def test_a_damaged_file_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir(parents=True)
    (tmp_path / FOLDER / "cosim.json").write_text(text)
    with pytest.raises(FirelineError, match=r"cosim\.json: damaged"):
        kept(tmp_path)


def test_plan_shows_what_was_found_of_the_same_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, options = tmp_path, ["--target", "rtl", "--device", "LFE5U-25F", "--target-fps"]
    fire_model(run).rename(run / "model.onnx")
    main(["generate", str(run), *options, "20000", "--out", str(run / "rtl")])
    keep_cosimulation(run / "rtl", cosimulation(300), RTL_SIMULATED)
    capsys.readouterr()
    found = {}
    for rate in ("20000", "200000"):
        main(["plan", str(run), *options, rate, "--json"])
        planned = json.loads(capsys.readouterr().out)
        found[rate] = [
            (one["stage"], one["figure"], one["found"], one["evidence"]) for one in planned["found"]
        ]
    assert found["20000"] == [("", "interval", 300, RTL_SIMULATED), ("", "latency", 900, RTL_SIMULATED)]
    assert found["200000"] == []  # folded otherwise
    assert (run / "rtl" / PLAN).exists()
    main(["plan", str(run), *options, "20000"])
    assert RTL_SIMULATED in capsys.readouterr().out
