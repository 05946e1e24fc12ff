"""What a project has for its board: drivers on the compiled core, scripts under a Tcl that records."""

from __future__ import annotations

import ctypes
import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from fireline.codegen.geometry.axi import input_beat, output_bits
from fireline.codegen.hls.project import write_project
from fireline.codegen.host.boards import board_of
from fireline.codegen.host.drivers import DRIVER_FILES, driver_values
from fireline.codegen.plan.devices import device, devices
from fireline.codegen.plan.simple import simple_plan
from fireline.errors import FirelineError
from fireline.fixed import IntType
from fireline.graph import Conv2d, Graph, Input, Tensor
from fireline.sim.integer import quantize
from tests.codegen.host.boards import Core, Registers, compile_library, fake_pynq
from tests.graphs import Builder, fire_network, random_pixels

BOARDS = {"xc7z020": "PYNQ-Z2", "xczu7ev": "ZCU104", "xck26": "KV260"}


def grey_with_signed_logits() -> Graph:
    """One channel in, a map of three signed channels with a scale and an offset each out."""
    b = Builder((1, 7, 6), seed=3)
    b.rescale(b.conv(b.rescale(0), 3, (3, 3), (2, 2), (1, 1, 1, 1)))
    last = b.nodes[-1]
    scale = (Fraction(1, 3), Fraction(2), Fraction(1, 8))
    offset = (Fraction(-5, 7), Fraction(0), Fraction(3, 2))
    b.nodes[-1] = replace(last, output=replace(last.output, scale=scale, offset=offset))
    return b.graph("int")


def signed_sixteen_bits() -> Graph:
    """Twelve bits, signed, five channels, every odd pixel halfway; the zero point is added before rounding."""
    b = Builder((5, 4, 3), seed=4)
    output = Tensor((5, 4, 3), IntType(12, True), (Fraction(2),), 3)
    b.nodes[0] = Input("pixels", "pixels", output, zero_point_first=True)
    b.conv(0, 4)
    return b.graph("words")


def colour_with_signed_logits() -> Graph:
    b = Builder((3, 5, 4), seed=5)
    b.rescale(b.conv(b.rescale(0), 4))
    return b.graph("model")


NETWORKS = {
    "fire": fire_network,
    "grey": grey_with_signed_logits,
    "colour": colour_with_signed_logits,
    "sixteen": signed_sixteen_bits,
}


@dataclass(frozen=True)
class Made:
    """A project for PYNQ-Z2 with its compiled core."""

    graph: Graph
    project: Path
    core: Core


@pytest.fixture(scope="module", params=list(NETWORKS))
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    graph, folder = NETWORKS[request.param](), tmp_path_factory.mktemp(request.param)
    write_project(simple_plan(graph, device("xc7z020"), 125.0), folder / "project")
    return Made(graph, folder / "project", Core(graph, folder / "project", folder))


def images_of(graph: Graph, count: int) -> np.ndarray:
    """Raw pixels, or real values inside and outside the input's range with ties between steps."""
    tensor = graph.input.output
    if not tensor.type.signed:
        return random_pixels(graph, count, seed=7)
    halves = np.random.default_rng(7).integers(
        3 * tensor.type.min, 3 * tensor.type.max, (count, *tensor.shape)
    )
    return halves / 2 * float(tensor.scale[0])


def pynq_driver(project: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("pynq_driver", project / "drivers" / "pynq_driver.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pynq_driver_gives_the_simulators_logits(made: Made) -> None:
    images = images_of(made.graph, 3)
    expected = made.graph.simulate(images)
    with fake_pynq(made.core):
        driver = pynq_driver(made.project)
        driver.BATCH = 2  # so that there is a whole batch and a part of one
        network = driver.Network("network.bit")
        for _ in range(2):
            assert np.array_equal(network.predict_integers(images), expected)
        assert np.array_equal(network.predict(images), made.graph.output.output.real(expected))
        as_float = images.astype(np.float64)
        assert np.array_equal(network.predict_integers(as_float), made.graph.simulate(as_float))


def test_pynq_driver_refuses_what_is_no_image(made: Made) -> None:
    with fake_pynq(made.core):
        driver = pynq_driver(made.project)
    images = images_of(made.graph, 2).astype(np.float64)
    for wrong in (images[0], images[:, :, :-1]):
        with pytest.raises(ValueError, match="arrived"):
            driver.quantize(wrong)
    images[1, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        driver.quantize(images)


class Bare:
    """The C driver of a project on fake registers."""

    def __init__(self, made: Made, folder: Path) -> None:
        name, drivers = made.graph.name, made.project / "drivers"
        flags = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-O1", "-fPIC", "-shared"]
        # Function pointers stand in for the hook.
        hooks = (
            '#include "driver.h"\n'
            "uint32_t (*on_read)(size_t);\nvoid (*on_write)(size_t, uint32_t);\nvoid (*on_flush)(size_t, size_t);\n"
            f"uint32_t {name}_read(uintptr_t a) {{ return on_read(a); }}\n"
            f"void {name}_write(uintptr_t a, uint32_t v) {{ on_write(a, v); }}\n"
            f"void {name}_flush(const void* a, size_t n) {{ on_flush((uintptr_t)a, n); }}\n"
            f"void {name}_invalidate(const void* a, size_t n) {{ on_flush((uintptr_t)a, n); }}\n"
        )
        (folder / "hooks.c").write_text(hooks)
        library = folder / "driver.so"
        compile_library(["gcc", *flags, f"-I{drivers}", drivers / "driver.c", folder / "hooks.c"], library)
        self.library = ctypes.CDLL(str(library))
        bases = re.findall(r"_BASE (0x[0-9A-F]+)u", (drivers / "driver.h").read_text())
        self.registers = Registers(made.core, *(int(base, 16) for base in bases))
        for hook in ("read", "write", "flush"):
            pointer = ctypes.c_void_p.in_dll(self.library, f"on_{hook}")
            pointer.value = ctypes.cast(getattr(self.registers, hook), ctypes.c_void_p).value
        self.call = self.library[f"{name}_predict"]
        self.real = self.library[f"{name}_real"]
        self.real.restype = ctypes.c_double
        self.real.argtypes = [ctypes.c_int32, ctypes.c_size_t]
        self.graph = made.graph

    def predict(self, pixels: np.ndarray) -> tuple[int, np.ndarray]:
        """Status and logits (C, H, W) of integers (C, H, W)."""
        slot = input_beat(self.graph.input).slot // 8
        raster = np.ascontiguousarray(pixels.transpose(1, 2, 0).astype(f"<i{slot}"))
        channels, height, width = self.graph.output.output.shape
        logits = np.zeros((height, width, channels), "<i4")
        status = self.call(raster.ctypes.data_as(ctypes.c_void_p), logits.ctypes.data_as(ctypes.c_void_p))
        return status, logits.transpose(2, 0, 1)


def test_bare_metal_driver_gives_the_simulators_logits(made: Made, tmp_path: Path) -> None:
    driver, images = Bare(made, tmp_path), images_of(made.graph, 3)
    expected = made.graph.simulate(images)
    for pixels, logits in zip(quantize(made.graph.input, images), expected, strict=True):
        status, got = driver.predict(pixels)
        assert status == 0
        assert np.array_equal(got, logits)
    order = expected[0].transpose(1, 2, 0)
    reals = made.graph.output.output.real(expected[0]).transpose(1, 2, 0)
    for index, (logit, real) in enumerate(zip(order.ravel().tolist(), reals.ravel().tolist(), strict=True)):
        assert driver.real(logit, index) == real


def test_bare_metal_driver_reports_the_hardware(made: Made, tmp_path: Path) -> None:
    driver = Bare(made, tmp_path)
    pixels = quantize(made.graph.input, images_of(made.graph, 1))[0]
    driver.registers.errors = 0x40
    assert driver.predict(pixels)[0] == -2


def test_bare_metal_driver_gives_up(tmp_path: Path) -> None:
    graph = colour_with_signed_logits()
    write_project(simple_plan(graph, device("xc7z020"), 125.0), tmp_path / "project")
    source = tmp_path / "project" / "drivers" / "driver.c"
    source.write_text(source.read_text().replace("POLLS 10000000L", "POLLS 1000L"))
    driver = Bare(Made(graph, tmp_path / "project", Core(graph, tmp_path / "project", tmp_path)), tmp_path)
    driver.registers.dead = True
    assert driver.predict(np.zeros(graph.input.output.shape, np.int64))[0] == -1


def made_with_loaded_weights(folder: Path) -> Made:
    graph = colour_with_signed_logits()
    plan = simple_plan(graph, device("xck26"), 200.0)
    foldings = tuple(
        replace(folding, rom="uram") if isinstance(node, Conv2d) else folding
        for node, folding in zip(graph.nodes, plan.foldings, strict=True)
    )
    write_project(replace(plan, foldings=foldings), folder / "project")
    return Made(graph, folder / "project", Core(graph, folder / "project", folder))


def test_pynq_driver_loads_the_weights_first(tmp_path: Path) -> None:
    made = made_with_loaded_weights(tmp_path)
    images, weights = images_of(made.graph, 3), made.project / "weights.bin"
    with fake_pynq(made.core):
        driver = pynq_driver(made.project)
        short = tmp_path / "short.bin"
        short.write_bytes(weights.read_bytes()[:-8])
        with pytest.raises(ValueError, match="the weights are"):
            driver.Network("network.bit", short)
        network = driver.Network("network.bit", weights)
        for _ in range(2):
            assert np.array_equal(network.predict_integers(images), made.graph.simulate(images))


def test_bare_metal_driver_loads_the_weights_first(tmp_path: Path) -> None:
    made = made_with_loaded_weights(tmp_path)
    driver, images = Bare(made, tmp_path), images_of(made.graph, 2)
    weights = (made.project / "weights.bin").read_bytes()
    room = ctypes.create_string_buffer(len(weights) + 128)
    start = -ctypes.addressof(room) % 64
    room[start : start + len(weights)] = weights
    load = driver.library[f"{made.graph.name}_load"]
    assert load(ctypes.c_void_p(ctypes.addressof(room) + start)) == 0
    for pixels, logits in zip(quantize(made.graph.input, images), made.graph.simulate(images), strict=True):
        status, got = driver.predict(pixels)
        assert status == 0
        assert np.array_equal(got, logits)


def test_the_outputs_of_these_networks_have_both_signs() -> None:
    for make in (grey_with_signed_logits, colour_with_signed_logits):
        graph = make()
        logits = graph.simulate(images_of(graph, 3))
        assert logits.min() < 0 < logits.max()


# Records every command that Tcl does not have, a line each; answers what the scripts ask for.
RECORDER = r"""
set log [open {log} w]
fconfigure $log -encoding utf-8
proc unknown {{args}} {{
    puts $::log [join [lmap word $args {{string map {{\n " "}} $word}}] \x1f]
    flush $::log
    switch -glob [join $args] {{
        "get_property PROGRESS *" {{return 100%}}
        "get_property STATS.WNS *" {{return 0.125}}
        "get_board_parts *" {{return [string map {{* vendor :part0 {{}}}} [lindex $args end]]}}
        "get_ipdefs *" {{return {concat}}}
        "get_bd_intf_pins -of_objects *" {{return core:[lindex $args end]}}
        "launch_runs *" {{exec sh {launch}}}
    }}
    return [lindex $args end]
}}
rename exit leave
proc exit {{}} {{}}
cd {folder}
source {script}
"""


def record(project: Path, script: str, folder: Path, concat: str = "xlconcat") -> list[list[str]]:
    """The commands of a project's script, as lists of words.

    Raises:
        AssertionError: the script fails.
    """
    tclsh = shutil.which("tclsh")
    if not tclsh:
        pytest.skip("tclsh is not installed")
    name = re.findall(r"set_top (\w+)|set name (\w+)", (project / script).read_text())[0]
    runs = project / "vivado" / f"{''.join(name)}"
    files = (
        f"{runs}.runs/impl_1/design_1_wrapper.bit {runs}.gen/sources_1/bd/design_1/hw_handoff/design_1.hwh"
    )
    launch = folder / "launch.sh"
    launch.write_text(f"for f in {files}; do mkdir -p $(dirname $f); echo $f > $f; done\n")
    recorder, log = folder / "recorder.tcl", folder / "log"
    recorder.write_text(
        RECORDER.format(log=log, launch=launch, folder=project, script=script, concat=concat or "{}")
    )
    result = subprocess.run([tclsh, str(recorder)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return [line.split("\x1f") for line in log.read_text().splitlines()]


def board_project(name: str, folder: Path, graph: Graph | None = None, clock: float = 125.0) -> Path:
    write_project(simple_plan(graph or fire_network(size=9), device(name), clock), folder / "project")
    return folder / "project"


def test_hls_script_makes_the_ip_of_every_source(tmp_path: Path) -> None:
    project = board_project("xc7z020", tmp_path)
    commands = record(project, "run_hls.tcl", tmp_path)
    arguments = {command[0]: command[1:] for command in commands}
    added = [command for command in commands if command[0] == "add_files"]
    sources = {command[1] for command in added if command[1] != "-tb"}
    assert sources == {str(p.relative_to(project)) for p in (project / "src").rglob("*.cpp")}
    assert [c[2] for c in added if c[1] == "-tb"] == ["tb/testbench.cpp"]
    assert arguments["set_top"] == ["network"]
    assert arguments["set_part"] == ["xc7z020clg400-1"]
    assert arguments["create_clock"] == ["-period", "8.000", "-name", "default"]
    assert "ip_catalog" in arguments["export_design"] and "fireline" in arguments["export_design"]
    order = [command[0] for command in commands]
    assert order.index("add_files") < order.index("csynth_design") < order.index("export_design")


@pytest.mark.parametrize(("part", "clock"), [("xc7z020", 125.0), ("xczu7ev", 300.0), ("xck26", 187.5)])
def test_block_design_is_complete(part: str, clock: float, tmp_path: Path) -> None:
    graph = fire_network(size=9)
    project = board_project(part, tmp_path, graph, clock)
    (project / "hls_network" / "solution" / "impl" / "ip").mkdir(parents=True)
    commands = record(project, "block_design.tcl", tmp_path)
    names = [command[0] for command in commands]

    assert commands[0][-2:] == ["-part", device(part).part]
    repositories = next(c for c in commands if c[:2] == ["set_property", "ip_repo_paths"])
    assert repositories[2] == str(project / "hls_network/solution/impl/ip")
    cells = {c[-1]: c[c.index("-vlnv") + 1] for c in commands if c[0] == "create_bd_cell"}
    assert cells["core"] == "fireline:hls:network"
    assert "board_preset" in " ".join(next(c for c in commands if c[0] == "apply_bd_automation"))

    settings = {c[-1]: c[2].split() for c in commands if c[:2] == ["set_property", "-dict"]}
    dma = dict(zip(settings["dma"][::2], settings["dma"][1::2], strict=True))
    assert dma["CONFIG.c_include_sg"] == "0"
    assert dma["CONFIG.c_m_axis_mm2s_tdata_width"] == str(input_beat(graph.input).bits) == "32"
    assert dma["CONFIG.c_s_axis_s2mm_tdata_width"] == str(output_bits(graph.output)) == "32"
    assert settings["ps"][-1] == f"{clock:g}"

    # Every interface is joined once, and only pins of cells that were made.
    board = board_of(device(part))
    assert board
    pins = [pin for c in commands if c[0].startswith("connect_bd") for pin in c[1:]]
    assert {re.split("[/:]", pin)[0] for pin in pins} == set(cells)
    assert len(pins) == len(set(pins))
    assert {f"ps/{pin}" for pin in (*board.system.port_clocks, board.system.interrupt)} <= set(pins)
    assert {f"interrupts/In{i}" for i in range(3)} <= set(pins)
    assert {"core/ap_clk", "core/ap_rst_n", "core/s_axi_control", "core/interrupt"} <= set(pins)

    header = (project / "drivers" / "driver.h").read_text()
    offsets = [c[c.index("-offset") + 1] for c in commands if c[:2] == ["assign_bd_address", "-force"]]
    assert offsets == re.findall(r"_BASE (0x[0-9A-F]+)u", header)
    stages = ["assign_bd_address", "validate_bd_design", "make_wrapper", "launch_runs", "write_hw_platform"]
    places = [names.index(stage) for stage in stages]
    assert places == sorted(places)
    assert sorted(p.name for p in (project / "overlay").iterdir()) == ["network.bit", "network.hwh"]


def test_block_design_takes_either_concatenation_and_either_tools_ip(tmp_path: Path) -> None:
    project = board_project("xc7z020", tmp_path)
    (project / "hls" / "hls" / "impl" / "ip").mkdir(parents=True)
    commands = record(project, "block_design.tcl", tmp_path, concat="")
    made = [c for c in commands if c[0] == "create_bd_cell" and c[-1] == "interrupts"]
    assert [c[c.index("-vlnv") + 1] for c in made] == ["xilinx.com:inline_hdl:ilconcat"]


def test_block_design_needs_the_ip(tmp_path: Path) -> None:
    project = board_project("xc7z020", tmp_path)
    with pytest.raises(AssertionError, match=re.escape("there is no IP yet: make it with run_hls.tcl")):
        record(project, "block_design.tcl", tmp_path)


def test_a_device_without_a_board_has_no_drivers(tmp_path: Path) -> None:
    project = board_project("xcu250", tmp_path)
    assert not [path for path in DRIVER_FILES if (project / path).exists()]
    assert "block_design" not in (project / "README.md").read_text()


@pytest.mark.parametrize("part", BOARDS)
def test_the_readme_names_the_board_and_every_driver(part: str, tmp_path: Path) -> None:
    project = board_project(part, tmp_path)
    readme = (project / "README.md").read_text()
    assert BOARDS[part] in readme
    assert all(f"`{path}`" in readme for path in DRIVER_FILES if not path.endswith(".c"))


def test_the_boards() -> None:
    assert {name: board.name for name in devices() if (board := board_of(device(name)))} == BOARDS
    for name in BOARDS:
        board = board_of(device(name))
        assert board and board.name in device(name).boards


def test_an_image_too_large_for_a_transfer_is_refused() -> None:
    b = Builder((3, 4200, 4200), seed=0)
    b.rescale(0)
    with pytest.raises(FirelineError, match="too large for one DMA transfer"):
        driver_values(simple_plan(b.graph(), device("xc7z020"), 125.0))


def test_a_batch_fits_the_length_register() -> None:
    b = Builder((3, 1600, 1600), seed=0)
    b.rescale(0)
    values = driver_values(simple_plan(b.graph(), device("xc7z020"), 125.0))
    assert values["batch"] == 6 and 6 * prod((4, 1600, 1600)) < 1 << values["length_bits"]
