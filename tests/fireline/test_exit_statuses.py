"""0 done, 1 engines differ, 2 bad input or usage, 3 does not fit, 70 a fault of Fireline: on every path."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import onnx
import pytest

from fireline.cli import main
from fireline.codegen.lower.network import lower
from fireline.graph import Node
from fireline.sim import engines
from tests.fireline.test_cli import run
from tests.qonnx_models import QonnxBuilder, fire_model
from tests.random_networks import random_model

Capture = pytest.CaptureFixture[str]


def network(folder: Path) -> tuple[Path, Path]:
    """A small network and images for it."""
    path = fire_model(folder)
    shape = lower(path).input.output.shape
    np.save(folder / "images.npy", np.random.default_rng(0).integers(0, 256, (2, *shape)).astype(np.uint8))
    return path, folder / "images.npy"


def failing(monkeypatch: pytest.MonkeyPatch, after: int = 0) -> None:
    """The QONNX executor raises once it has run so many images."""
    import qonnx.core.onnx_exec

    calls, execute = iter(range(10**6)), qonnx.core.onnx_exec.execute_onnx

    def run(*args: object, **options: object) -> object:
        if next(calls) >= after:
            raise KeyError("a tensor\nand more")
        return execute(*args, **options)

    monkeypatch.setattr(qonnx.core.onnx_exec, "execute_onnx", run)


def differing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The QONNX executor has one integer of the output elsewhere, on the grid and far from any tie."""
    decode = engines.decode

    def shifted(node: Node, real: np.ndarray) -> np.ndarray:
        values = decode(node, real).copy()
        values[0, 0, 0, 0] += 1 if node.kind == "globalavgpool2d" else 0
        return values

    monkeypatch.setattr(engines, "decode", shifted)


def test_engines_that_agree_exit_0_and_engines_that_differ_1(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, images = network(tmp_path)
    command = ("verify", path, "--inputs", images, "--engine", "qonnx")
    assert run(capsys, *command)[0] == 0
    differing(monkeypatch)
    status, _, err = run(capsys, *command)
    assert status == 1 and "qonnx differs in 1 integers" in err and "Traceback" not in err


def test_an_engine_that_cannot_run_the_file_is_left_out_where_others_remain(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, images = network(tmp_path)
    failing(monkeypatch)
    report = tmp_path / "junit.xml"
    status, out, err = run(capsys, "verify", path, "--inputs", images, "--json", "--junit", report)
    assert (
        status == 0 and "warning: qonnx is left out: " in err and "KeyError" in err and "Traceback" not in err
    )
    content = json.loads(out)
    assert set(content["engines"]) == {"simulator", "csim"} and "KeyError" in content["skipped"]["qonnx"]
    suite = ElementTree.parse(report).getroot()
    assert (suite.get("skipped"), suite.get("failures")) == ("1", "0")


@pytest.mark.parametrize("after", [0, 1])
def test_no_engine_that_can_run_the_file_is_an_error(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    path, images = network(tmp_path)
    failing(monkeypatch, after)
    status, _, err = run(capsys, "verify", path, "--inputs", images, "--engine", "qonnx")
    assert status == 2 and "qonnx cannot run this file: KeyError" in err and "Traceback" not in err


def test_a_saved_graph_is_verified_without_the_executor(capsys: Capture, tmp_path: Path) -> None:
    path, images = network(tmp_path)
    lower(path).save(tmp_path / "graph.npz")
    status, out, err = run(capsys, "verify", tmp_path / "graph.npz", "--inputs", images)
    assert status == 0 and "warning: qonnx is left out: " in err and "csim" in out
    status, _, err = run(capsys, "verify", tmp_path / "graph.npz", "--inputs", images, "--engine", "qonnx")
    assert status == 2 and "no QONNX file" in err


def test_ties_exit_0_and_1_with_strict(capsys: Capture, tmp_path: Path) -> None:
    path = random_model(tmp_path, 1173, power_of_two=False)
    shape = lower(path).input.output.shape
    np.save(tmp_path / "i.npy", np.random.default_rng(1173).integers(0, 256, (3, *shape)).astype(np.uint8))
    command = ("verify", path, "--inputs", tmp_path / "i.npy", "--engine", "qonnx")
    status, out, _ = run(capsys, *command)
    assert status == 0 and "ties" in out and re.search(r"4 ties, .* of a step", " ".join(out.split()))
    status, _, err = run(capsys, *command, "--strict")
    assert status == 1 and "differs at 4 ties" in err


def inits_first(model: onnx.ModelProto) -> None:
    """As IR 3 had it: constants are inputs of the graph, and may stand first."""
    entry = model.graph.input[0]
    values = [
        onnx.helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in model.graph.initializer
    ]
    kept = onnx.ValueInfoProto.FromString(entry.SerializeToString())
    del model.graph.input[:]
    model.graph.input.extend([*values, kept])


def output_twice(model: onnx.ModelProto) -> None:
    """onnxruntime's preprocessing leaves the output's shape among the others."""
    output = onnx.helper.make_tensor_value_info(model.graph.output[0].name, onnx.TensorProto.FLOAT, [1, 10])
    model.graph.value_info.append(output)


def fixed_batch(model: onnx.ModelProto) -> None:
    """A file for eight images at a time."""
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 8


@pytest.mark.parametrize("change", [inits_first, output_twice, fixed_batch])
def test_the_executor_takes_files_as_people_have_them(
    capsys: Capture, tmp_path: Path, change: Callable[[onnx.ModelProto], None]
) -> None:
    path, images = network(tmp_path)
    model = onnx.load(str(path))
    change(model)
    onnx.save(model, str(path))
    status, _, err = run(capsys, "verify", path, "--inputs", images, "--engine", "qonnx")
    assert status == 0 and not err


@pytest.mark.parametrize("command", ["plan", "generate"])
def test_what_does_not_fit_exits_3(capsys: Capture, tmp_path: Path, command: str) -> None:
    options = ("--out", tmp_path / "project") if command == "generate" else ()
    wide = QonnxBuilder((64, 32, 32))
    path = wide.save(wide.quant(wide.conv(wide.quant("input", 1.0), 64, 4096, 3, bits=8), 4096.0), tmp_path)
    status, _, err = run(capsys, command, path, "--device", "xc7z020", *options)
    assert status == 3 and err.startswith("error:") and not (tmp_path / "project").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "missing.onnx", "--inputs", "missing.npy"),
        ("verify", "missing.onnx", "--strict", "--unknown"),
        ("inspect", "missing.onnx"),
        ("plan", "missing.onnx"),
        ("generate", "missing.onnx", "--out", "project"),
        ("csim", "missing"),
        ("report", "missing", "--data", "digits"),
        ("compare", "missing", "missing"),
        ("size", "missing"),
        ("nonsense",),
    ],
)
def test_bad_input_and_usage_exit_2(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, err = run(capsys, *arguments)
    assert status == 2 and err and "Traceback" not in err and not list(tmp_path.iterdir())


def test_a_fault_of_fireline_never_looks_like_engines_that_differ(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, images = network(tmp_path)

    def run_wrongly(self: object, images: np.ndarray) -> Mapping[str, np.ndarray]:
        raise AssertionError("a bug")

    monkeypatch.setattr("fireline.sim.integer.Simulator.trace", run_wrongly)
    with pytest.raises(SystemExit) as stop:
        main(["verify", str(path), "--inputs", str(images), "--engine", "qonnx"])
    assert stop.value.code == 70 and "please report" in capsys.readouterr().err
