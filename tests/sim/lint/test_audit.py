"""What the rows of the audit of Vitis HLS ask of generated C++ that is no rule for projects in general."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from fireline.codegen.hls.project import write_project
from fireline.sim.lint.accesses import Known, Walk
from fireline.sim.lint.loops import Contexts, Pipeline
from fireline.sim.lint.program import Program
from fireline.sim.lint.project import read_project
from fireline.sim.lint.tree import Node
from fireline.sim.lint.words import declared
from tests.firmware.test_loaded import loaded_plan
from tests.graphs import Builder

pytest.importorskip("clang.cindex")
pytest.importorskip("hls4ml")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Every kernel, with tables of channels, a table that is loaded, and windows that are used again."""
    b = Builder((4, 9, 9), seed=5)
    x = b.maxpool(b.conv(b.rescale(0), 8, (3, 3), padding=(1, 1, 1, 1)), (3, 3), (2, 2))
    x = b.add(x, b.conv(x, 8, (3, 3), padding=(1, 1, 1, 1)), (3, -2))
    b.globalavgpool(b.concat((x, b.conv(x, 4)), "joined"))
    folder = tmp_path_factory.mktemp("audit") / "project"
    write_project(loaded_plan(b.graph("audited"), 1), folder)
    return Program(read_project(folder))


@pytest.fixture(scope="module")
def pipelines(program: Program) -> list[Pipeline]:
    return Contexts(program).pipelines


def within(node: Node, *kinds: str) -> Iterator[Node]:
    for child in node.children:
        if child.kind in kinds:
            yield child
        yield from within(child, *kinds)


def test_shifts_have_unsigned_amounts(program: Program) -> None:
    """Row 10: a signed amount is a shifter each way."""
    shifts = [f for f in program.functions if f.name == "shift"]
    assert shifts
    assert all("ap_uint<" in f.cursor.result_type.get_canonical().spelling for f in shifts)


def test_every_pipeline_is_a_flushing_one(program: Program) -> None:
    """Row 12: FIFOs of style frp are counted by no plan."""
    stated = [s.pragma for f in program.functions for s in f.pragmas if s.pragma.name == "pipeline"]
    assert stated and all(pragma.chosen("style") == "flp" for pragma in stated)


def test_addresses_have_no_products(
    program: Program, pipelines: list[Pipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 13: a product of what is not constant may take a DSP slice that the plan gave away."""
    monkeypatch.setattr(
        "fireline.sim.lint.accesses._short", lambda text: text
    )  # as they are written, in full
    addresses = set()
    for pipeline in pipelines:
        for access in Walk(program).used(pipeline.body, dict(pipeline.known)):
            if access.variable.is_static or access.variable.is_constant:
                # Within a row of weights, indices are those of lanes.
                addresses |= set(access.indices[:1] if access.variable.name == "rom" else access.indices)
    texts = {address for address in addresses if isinstance(address, str)}
    assert len(texts) > 5 and not [text for text in texts if re.search(r"[\w)]\*|operator\*\(", text)]


def test_what_lives_from_iteration_to_iteration_is_narrow(program: Program) -> None:
    """Row 14: 32-bit counters are too slow for 300 MHz."""
    narrow = set()
    for function in program.functions:
        for statement in function.body.children:
            if statement.kind == "DECL_STMT" and any(within(function.body, "FOR_STMT")):
                for variable in declared(statement):
                    assert variable.is_constant or variable.type != "int", (function.name, variable.name)
                    narrow |= {function.name} if variable.type.startswith("ap_uint<") else set()
    assert {"line_buffer", "running_max", "multiply_windows"} <= narrow


def test_a_window_is_stored_or_loaded_and_never_both(program: Program, pipelines: list[Pipeline]) -> None:
    """Row 15: a store that might depend on the load makes II = 2."""
    units = [pipeline for pipeline in pipelines if pipeline.function.name == "multiply_windows"]
    stored = []
    for unit in units:
        walk = Walk(program)
        around = [one for one in within(unit.body, "IF_STMT") if "window" in ways(walk, one, unit.known)]
        for _, first, later in (one.children for one in around if len(one.children) == 3):
            stored.append(ways(walk, first, unit.known).get("window"))
            assert stored[-1] in (None, {"written"}) and ways(walk, later, unit.known)["window"] == {"read"}
    assert {"written"} in stored and len(stored) == len(units)


def ways(walk: Walk, node: Node, known: Known) -> dict[str, set[str]]:
    """How each variable is used in a statement."""
    found: dict[str, set[str]] = {}
    for access in walk.used(node, dict(known)):
        found.setdefault(access.variable.name, set()).add("written" if access.writes else "read")
    return found
