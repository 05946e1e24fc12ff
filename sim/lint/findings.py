"""Findings, and the rules that they break."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """One place of a project that Vitis HLS would refuse, ignore, or make something else of."""

    file: str  # relative to the project where it lies in it
    line: int
    rule: str  # a key of RULES
    message: str  # what is wrong here


# Why each rule is kept, and where that is written: a section of UG1399, a message of Vitis HLS, or a file of
# github.com/Xilinx/hls-llvm-project, AMD's own front end.
RULES = {
    "pragma-grammar": "a pragma that does not parse is a warning and dropped (ParseXlxPragma.cpp)",
    "pragma-scope": "a pragma outside the scope that it is about is dropped (ParseXlxPragma.cpp)",
    "pragma-variable": "a pragma about a variable that is not there, or of another kind, is dropped (SemaXlxAttr.cpp)",
    "storage-kind": "a kind of storage that the family has not is refused (UG1399, pragma HLS bind_storage)",
    "storage-said": "what says nothing lies where the tool likes, streams over 1,024 bits in block RAM, and not where "
    "the plan counts it (UG1399, pragma HLS bind_storage)",
    "interface": "a port without a protocol gets one that drivers do not know (UG1399, pragma HLS interface)",
    "dataflow-body": "a region that holds more than streams and calls is not canonical and may run as a sequence "
    "(UG1399, Canonical Forms; HLS 200-471)",
    "dataflow-caller": "a region called from no region does not overlap images: its interval is its latency "
    "(UG1399, Nested Dataflow Region Pitfalls)",
    "dataflow-streams": "a stream has one producer and one consumer (UG1399, Dataflow Limitations; HLS 200-779)",
    "stream-access": "a stream has one read port and one write port a cycle: more accesses an iteration raise the "
    "interval (UG1448, HLS 200-2199)",
    "memory-ports": "a memory has no more than two ports a cycle: more accesses an iteration raise its interval "
    "(UG1399, Managing Pipeline Dependencies; HLS 200-885)",
    "table-lanes": "a table that lanes read together and that is not partitioned becomes a memory of many ports, or a "
    "copy a lane (UG1399, pragma HLS array_partition)",
    "loop-bound": "a loop in a pipeline is unrolled, and a nest flattened, only with constant bounds "
    "(UG1399, Variable Loop Bounds; HLS 214-187)",
    "loop-nest": "only perfect nests are flattened; any other fills and drains its pipeline anew each time "
    "(UG1399, Perfect and Imperfect Loops; HLS 200-960)",
    "dependence": "a false statement about dependence makes hardware that differs from C-simulation "
    "(UG1399, pragma HLS dependence)",
    "word": "structs on streams and in memories fall apart into their members (UG1399, Structs)",
    "word-width": "wider than 4,096 bits is not packed into one word (HLS 214-256)",
    "subset": "Vitis HLS takes it, but not PandA Bambu 2024.10, the second compiler that judges these projects "
    "(docs/reference/kernels.md)",
}
