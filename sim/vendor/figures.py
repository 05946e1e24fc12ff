"""What a tool says of a design or of a part of it."""

from __future__ import annotations

from dataclasses import dataclass, field

# How far a figure can be trusted, from weak to strong. Vitis HLS estimates; Verilator counts cycles of the RTL or of
# its netlist; Yosys, nextpnr and Vivado make gates.
ESTIMATED, RTL_SIMULATED, NETLIST_SIMULATED, SYNTHESIZED, PLACED, ROUTED = (
    "estimated by Vitis HLS",
    "RTL-simulated",
    "netlist-simulated",
    "synthesized",
    "placed",
    "placed and routed",
)
EVIDENCE = (ESTIMATED, RTL_SIMULATED, NETLIST_SIMULATED, SYNTHESIZED, PLACED, ROUTED)


@dataclass(frozen=True)
class Figures:
    """What a report says, None where it says nothing. Interval and latency in cycles, clock and slack in ns."""

    interval: float | None = None
    latency: float | None = None
    lut: float | None = None
    ff: float | None = None
    dsp: float | None = None
    bram36: float | None = None
    ebr: float | None = None
    uram: float | None = None
    clock: float | None = None  # the shortest period that the tool expects
    slack: float | None = None  # the worst


@dataclass(frozen=True)
class ToolReport:
    """One report: whose, of what evidence, the whole design, and its parts by the name of a module or an instance.

    With `by_stage` they are the stages of the plan.
    """

    file: str
    evidence: str
    part: str
    top: str
    whole: Figures
    parts: dict[str, Figures] = field(default_factory=dict)
    by_stage: bool = False
