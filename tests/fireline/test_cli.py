"""A user's mistakes: one clear line, an exit status other than zero, nothing half-written, no traceback."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from fireline.cli import main
from fireline.cli.results import load_plan, save_hardware
from fireline.codegen.lower.network import lower
from fireline.errors import FirelineError
from fireline.graph import Conv2d
from fireline.sim.dataflow.planning import best_plan
from tests.graphs import Builder, fire_network
from tests.qonnx_models import QonnxBuilder, fire_model
from tests.random_networks import random_model


def run(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a command."""
    status = 0
    try:
        main([str(arg) for arg in args])
    except SystemExit as stop:
        status = int(stop.code or 0)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def unsupported(folder: Path) -> Path:
    b = QonnxBuilder((2, 6, 6))
    return b.save(b.node("Softmax", [b.pixels()]), folder)


def unquantized(folder: Path) -> Path:
    b = QonnxBuilder((2, 6, 6))
    return b.save(b.node("Conv", [b.pixels(), b.constant(np.ones((3, 2, 1, 1)))]), folder)


def nan_weights(folder: Path) -> Path:
    b = QonnxBuilder((2, 6, 6))
    weight = b.quant(b.constant(np.full((3, 2, 1, 1), np.nan)), 0.5, 4, True)
    return b.save(b.node("Conv", [b.pixels(), weight]), folder)


def bad_scale(folder: Path) -> Path:
    b = QonnxBuilder((2, 6, 6))
    return b.save(b.quant(b.pixels(), float("inf")), folder)


def unequal_concat(folder: Path) -> Path:
    b = QonnxBuilder((2, 6, 6))
    x = b.pixels()
    return b.save(b.conv(b.concat(b.quant(x, 0.5, 4, True), b.quant(x, 0.3, 4, True)), 4, 2), folder)


def not_onnx(folder: Path) -> Path:
    (folder / "model.onnx").write_bytes(b"\x00not a model")
    return folder / "model.onnx"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (not_onnx, "not an ONNX model"),
        (unquantized, "is not quantized"),
        (unsupported, "unsupported: Softmax"),
        (nan_weights, "values are nan"),
        (bad_scale, "scale inf cannot be represented"),
        (unequal_concat, "differ in scale"),
    ],
)
@pytest.mark.parametrize("command", ["generate", "plan"])
def test_a_bad_model(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, make: object, message: str, command: str
) -> None:
    model = make(tmp_path)  # type: ignore[operator]
    out = tmp_path / "project"
    args = [command, model, "--device", "xc7z020", *(["--out", out] if command == "generate" else [])]
    before = sorted(tmp_path.iterdir())
    status, stdout, stderr = run(capsys, *args)
    assert status == 2
    assert stdout == ""
    assert message in stderr
    assert stderr.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_an_unknown_device(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "project"
    args = ["generate", fire_model(tmp_path), "--device", "xc7z02", "--out", out]
    status, _, stderr = run(capsys, *args)
    assert status == 2
    assert "unknown device 'xc7z02' (did you mean xc7z020?)" in stderr
    assert not out.exists()


def test_an_output_folder_that_exists_is_left_alone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "project"
    out.mkdir()
    (out / "mine").write_text("keep")
    status, _, stderr = run(capsys, "generate", fire_model(tmp_path), "--device", "xc7z020", "--out", out)
    assert status == 2
    assert "exists" in stderr
    assert [p.name for p in out.iterdir()] == ["mine"]


def test_images_of_another_shape(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((2, 3, 5, 5), np.uint8))
    args = ["verify", fire_model(tmp_path), "--inputs", tmp_path / "x.npy", "--engine", "qonnx"]
    status, _, stderr = run(capsys, *args)
    assert status == 2
    assert "images are (N, 3, 11, 11), (2, 3, 5, 5) arrived" in stderr


def test_no_compiler(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "x.npy", np.zeros((2, 3, 11, 11), np.uint8))
    model = fire_model(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    args = ["verify", model, "--inputs", tmp_path / "x.npy", "--engine", "csim"]
    status, _, stderr = run(capsys, *args)
    assert status == 2
    assert "g++" in stderr or "make" in stderr
    assert stderr.count("\n") == 1


def test_verify_prints_one_json_object(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 11, 11)).astype(np.uint8)
    np.save(tmp_path / "x.npy", images)
    args = ["verify", fire_model(tmp_path), "--inputs", tmp_path / "x.npy", "--json"]
    status, stdout, _ = run(capsys, *args, "--sample", 2, "--jobs", 1)
    assert status == 0
    content = json.loads(stdout)
    assert content["images"] == 3
    assert {name: engine["images"] for name, engine in content["engines"].items()} == {
        "simulator": 3,
        "qonnx": 2,
        "csim": 3,
    }
    assert content["mismatches"] == 0
    assert set(content["engines"]) == {"simulator", "qonnx", "csim"}
    assert all(engine["mismatches"] == 0 < engine["values"] for engine in content["engines"].values())


def test_torch_has_its_processors_back_after_verify(tmp_path: Path) -> None:
    import torch

    before = torch.get_num_threads()
    np.save(tmp_path / "x.npy", np.zeros((1, 3, 11, 11), np.uint8))
    command = ["verify", str(fire_model(tmp_path)), "--inputs", str(tmp_path / "x.npy"), "--engine", "qonnx"]
    main([*command, "--jobs", str(2 * (before + 1))])
    assert torch.get_num_threads() == before


def test_models_and_devices_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    _, stdout, _ = run(capsys, "models", "--json")
    rows = {row["name"]: row for row in json.loads(stdout)}
    assert rows["squeezenet1_0"]["parameters"] == 1_248_424
    assert all(row["macs"] > 0 < row["weight_bytes"] for row in rows.values())
    _, stdout, _ = run(capsys, "devices", "--json")
    assert {"xc7z020", "xczu7ev"} <= {row["name"] for row in json.loads(stdout)}


def test_a_misspelt_command_or_preset_is_put_right(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, _, stderr = run(capsys, "generat")
    assert status == 2
    assert "Did you mean 'generate'?" in stderr
    status, _, stderr = run(capsys, "train", "digit", "--out", tmp_path / "run")
    assert status == 2
    assert "digits" in stderr
    assert not (tmp_path / "run").exists()


def test_help_needs_no_heavy_import() -> None:
    code = "import sys; from fireline.cli import main; sys.argv = ['fireline']\n"
    code += "try:\n main(['--help'])\nfinally:\n print(sorted({'torch', 'numpy', 'onnx'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("[]")


def test_a_config_file_stands_for_options(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 11, 11)).astype(np.uint8)
    np.save(tmp_path / "x.npy", images)
    config = tmp_path / "fireline.toml"
    config.write_text(f'[verify]\ninputs = "{tmp_path / "x.npy"}"\nengine = ["qonnx"]\njson = true\n')
    status, stdout, _ = run(capsys, "--config", config, "verify", fire_model(tmp_path))
    assert status == 0
    assert set(json.loads(stdout)["engines"]) == {"simulator", "qonnx"}
    config.write_text("[verify]\nimages = 3\n")
    status, _, stderr = run(capsys, "--config", config, "verify", fire_model(tmp_path))
    assert status == 2
    assert "verify has no option 'images'" in stderr


def test_quiet_prints_nothing_and_junit_says_all(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((1, 3, 11, 11), np.uint8))
    report = tmp_path / "junit.xml"
    args = [
        "verify",
        fire_model(tmp_path),
        "--inputs",
        tmp_path / "x.npy",
        "--engine",
        "qonnx",
        "--junit",
        report,
    ]
    status, stdout, stderr = run(capsys, "-q", *args)
    assert (status, stdout, stderr) == (0, "", "")
    assert "qonnx equals simulator" in report.read_text()


def test_a_broken_project_is_explained_and_fails(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXXFLAGS", "-O0")
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 11, 11)).astype(np.uint8)
    np.save(tmp_path / "x.npy", images)
    model, project = fire_model(tmp_path), tmp_path / "project"
    assert run(capsys, "generate", model, "--device", "xc7z020", "--out", project)[0] == 0
    graph = lower(model)
    conv = next(node for node in graph.nodes if isinstance(node, Conv2d))
    header = project / "src" / "weights" / f"{conv.name}.h"
    right = header.read_text()
    header.write_text(
        re.sub(r"(bias\[.*\{)(-?\d+)", lambda m: f"{m[1]}{int(m[2]) + 4000}", right, count=1, flags=re.DOTALL)
    )
    assert header.read_text() != right
    report = tmp_path / "junit.xml"
    args = ["verify", model, "--inputs", tmp_path / "x.npy", "--project", project, "--engine", "csim"]
    status, stdout, stderr = run(capsys, *args, "--junit", report, "--json")
    assert status == 1
    assert stderr.count("\n") == 1
    first = json.loads(stdout)["engines"]["csim"]["first"]
    value = int(graph.trace(images)[conv.name][first["image"], first["channel"], first["y"], first["x"]])
    assert (first["node"], first["expected"]) == (conv.name, value) and first["got"] != value
    # conv1 is 3x3 with stride 2 and padding 1: what its first pixel sees.
    assert (first["y"], first["x"], first["region"]) == (0, 0, "rows 0 to 1, columns 0 to 1")
    assert first["expression"].startswith("bias ") and first["expression"].endswith(f"= {value}")
    for text in (stderr, report.read_text()):
        assert f"node {conv.name}, image {first['image']}, channel {first['channel']}, pixel (0, 0)" in text
        assert f"expected {value}, got {first['got']}; bias " in text
        assert "from rows 0 to 1, columns 0 to 1 of the image" in text


def test_a_network_without_weights_is_quantized_untrained(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    args = ["quantize", "digits", "--bits", "w4a4", "--calibrate", "digits", "--images", "20", "--out", out]
    status, stdout, stderr = run(capsys, *args)
    assert status == 0
    assert "untrained" in stderr
    assert (out / "model.onnx").exists()
    assert str(out / "model.onnx") in stdout


@pytest.mark.parametrize("command", ["quantize", "generate", "plan"])
def test_a_float_baseline_is_refused_by_its_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    args = ["--calibrate", "digits"] if command == "quantize" else []
    status, stdout, stderr = run(capsys, command, "alexnet", *args)
    assert status == 2
    assert stdout == ""
    assert "alexnet: this baseline exists in float only" in stderr
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_not_quantized(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from fireline.model.presets import preset
    from fireline.model.run_info import Run, write_run

    write_run(tmp_path, Run("digits", preset("digits"), "random"))
    status, _, stderr = run(capsys, "generate", tmp_path)
    assert status == 2
    assert "nothing is quantized in this run (fireline quantize)" in stderr


def test_inspect_tells_ranges_and_proofs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    model = random_model(tmp_path, 1003, power_of_two=False)
    status, stdout, _ = run(capsys, "inspect", model, "--json")
    assert status == 0
    rows = json.loads(stdout)
    assert all(row["sum"]["bits"] <= row["sum"]["naive_bits"] for row in rows if row["sum"])
    assert {row["rule"]["rule"] for row in rows if row["rule"]} == {"multiplier", "shift"}
    assert all(
        row["rule"]["boundaries"] > 0 for row in rows if row["rule"] and row["rule"]["rule"] != "shift"
    )
    status, stdout, _ = run(capsys, "inspect", model)
    assert status == 0
    assert all(row["name"] in stdout for row in rows)
    assert "multiplier" in stdout


def test_the_builds_of_the_c_simulation_are_engines(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXXFLAGS", "-O0")
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 11, 11)).astype(np.uint8)
    np.save(tmp_path / "x.npy", images)
    args = ["verify", fire_model(tmp_path), "--inputs", tmp_path / "x.npy", "--json"]
    status, stdout, _ = run(capsys, *args, "--engine", "csim-checked")
    assert status == 0
    engines = json.loads(stdout)["engines"]
    assert set(engines) == {"simulator", "csim-checked"}
    assert engines["csim-checked"]["values"] == engines["simulator"]["values"]


def test_engines_that_need_hls4ml_name_the_way_out(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fireline.sim.engines.find_spec", lambda name: None)
    monkeypatch.setattr("fireline.sim.hls4ml_witness.available", lambda python: False)
    np.save(tmp_path / "x.npy", np.zeros((1, 3, 11, 11), np.uint8))
    model = fire_model(tmp_path)
    for engine in ("csim-ap-int", "hls4ml"):
        status, _, stderr = run(capsys, "verify", model, "--inputs", tmp_path / "x.npy", "--engine", engine)
        assert status == 2
        assert "pip install hls4ml==1.3.0" in stderr
        assert stderr.count("\n") == 1


@pytest.mark.parametrize("option", ["--clock", "--target-fps"])
@pytest.mark.parametrize("value", ["nan", "inf", "-5", "0"])
def test_rates_are_numbers_above_zero(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, option: str, value: str
) -> None:
    status, _, stderr = run(capsys, "plan", fire_model(tmp_path), option, value)
    assert status == 2
    assert "a number above zero expected" in stderr


def test_the_number_of_images_of_a_file_may_be_open(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = fire_model(tmp_path)
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
    onnx.save(model, path)
    np.save(tmp_path / "x.npy", np.zeros((2, 3, 11, 11), np.uint8))
    status, out, _ = run(capsys, "verify", path, "--inputs", tmp_path / "x.npy", "--engine", "qonnx")
    assert status == 0
    assert "0 mismatches between the exact engines" in out


def test_a_project_of_another_network_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    b = Builder((3, 11, 11), seed=0)
    b.globalavgpool(b.conv(0, 4))
    b.graph().save(tmp_path / "other.npz")
    model, project, images = fire_model(tmp_path), tmp_path / "project", tmp_path / "x.npy"
    np.save(images, np.zeros((1, 3, 11, 11), np.uint8))
    assert run(capsys, "generate", tmp_path / "other.npz", "--out", project)[0] == 0
    args = ["verify", model, "--inputs", images, "--engine", "csim", "--project", project]
    status, _, stderr = run(capsys, *args)
    assert status == 2
    assert "this project is of another network" in stderr


def test_force_replaces_projects_alone(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    model, folder = fire_model(tmp_path), tmp_path / "notes"
    folder.mkdir()
    (folder / "mine").write_text("keep")
    for place in (folder, model):
        before = sorted(tmp_path.rglob("*"))
        status, _, stderr = run(capsys, "generate", model, "--out", place, "--force")
        assert status == 2, stderr
        assert sorted(tmp_path.rglob("*")) == before


def test_a_timeline_that_is_too_long_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fireline.sim.dataflow.depths.AFFORDABLE", 10)
    status, _, stderr = run(capsys, "plan", fire_model(tmp_path), "--timeline", tmp_path / "timeline.svg")
    assert status == 2
    assert "cycles an image is too long (ask for more frames/s)" in stderr
    assert not (tmp_path / "timeline.svg").exists()


def test_a_plan_is_simulated_and_drawn(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    plot, timeline = tmp_path / "plan.svg", tmp_path / "timeline.svg"
    args = ["plan", fire_model(tmp_path), "--json", "--plot", plot, "--timeline", timeline]
    status, out, _ = run(capsys, *args)
    figures = json.loads(out)
    assert status == 0
    assert figures["simulated"]
    assert figures["latency"] > figures["initiation_interval"] >= max(s["cycles"] for s in figures["stages"])
    assert all("</svg>" in path.read_text() for path in (plot, timeline))


def test_a_run_remembers_its_plan(tmp_path: Path) -> None:
    graph = fire_network()
    plan = best_plan(graph, "xc7z020", target_fps=2000)
    save_hardware(tmp_path, plan, "xc7z020", None, 2000)
    assert load_plan(tmp_path, graph) == plan
    with pytest.raises(FirelineError, match="of another network"):
        load_plan(tmp_path, Builder((3, 15, 15), seed=0).graph())
