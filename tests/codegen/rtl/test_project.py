"""Generated RTL projects: whole, deterministic, memories as the kernels read them, safe with any name."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fireline.codegen.plan.devices import device
from fireline.codegen.plan.simple import simple_plan
from fireline.codegen.rtl.names import Names, module_name
from fireline.codegen.rtl.project import write_project
from fireline.codegen.rtl.tables import banks, memory
from fireline.sim.dataflow.depths import fitted
from tests.codegen.hls.test_project import contents
from tests.firmware.rtl.harness import TOOL, needs_verilator
from tests.firmware.test_loaded import loaded_plan
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


def loading(path: Path) -> Path:
    """A project of which every other convolution has its weights loaded."""
    write_project(fitted(replace(loaded_plan(fire_network(), 3), target="rtl")), path)
    return path


def test_weights_that_are_loaded_are_no_constants(tmp_path: Path) -> None:
    folder = loading(tmp_path / "project")
    named = [path.name for path in (folder / "rtl").glob("*_weights_000.hex")]
    text = (folder / "rtl" / "network.sv").read_text()
    assert named and text.count(".LOADED(1)") == 4 and text.count(".ROM_FILE(") == len(named)
    words = [int(word) for word in re.findall(r"32'd(\d+)", text)]
    assert 8 * sum(words) == (folder / "weights.bin").stat().st_size


@pytest.mark.parametrize("with_models", [False, True])
def test_slang_has_nothing_to_say(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], with_models: bool
) -> None:
    slang = pytest.importorskip("pyslang", reason="pip install pyslang").driver
    folder = loading(tmp_path / "project")
    driver = slang.Driver()
    driver.addStandardArgs()
    sources = {path.name: path for path in sorted(folder.glob("rtl/*.sv"))}
    models = {path.name: path for path in folder.glob("tb/*.sv") if with_models}
    files = " ".join(str(path) for path in (sources | models).values())
    # Whether a cast changes a type depends on a module's parameters.
    command = f"slang -Wextra -Wno-useless-cast -Werror --top network {files}"
    assert driver.parseCommandLine(command, slang.CommandLineOptions())
    assert driver.processOptions() and driver.parseAllSources(), capfd.readouterr().err
    assert driver.runFullCompilation(False), capfd.readouterr().err


@needs_verilator
@pytest.mark.parametrize("models", ["", "-y tb"])
def test_verilator_has_no_warning(tmp_path: Path, models: str) -> None:
    folder = loading(tmp_path / "project")
    command = ["make", "-C", str(folder), "lint", f"VERILATOR={TOOL}", f"MODELS={models}"]
    made = subprocess.run(command, capture_output=True, text=True)
    assert made.returncode == 0 and "%Warning" not in made.stdout + made.stderr, made.stdout + made.stderr


def test_what_runs_once_is_not_optimized_but_what_reads_memories_is(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "project")
    (folder / "build").mkdir()
    options = "[$(OPT_FAST)] [$(OPT_SLOW) $(OPT)] [$(OPT_GLOBAL)]"
    (folder / "build" / "Vnetwork.mk").write_text(f"Vnetwork:\n\t@echo '{options}'\n")
    (folder / "build" / "verilated").touch()
    made = subprocess.run(["make", "-C", str(folder), "build", "OPT=-O1"], capture_output=True, text=True)
    assert "[-O1] [-O0 ] [-O3]" in made.stdout, made.stdout + made.stderr
