"""The top of a project: an instance for every process, a FIFO for every stream, as its template places them."""

from __future__ import annotations

from dataclasses import dataclass

from fireline.codegen.design.describe import describe
from fireline.codegen.design.kernels import Kernel, Kernels
from fireline.codegen.plan.cost.fabric import fabric_of
from fireline.codegen.rtl.modules import Module, module_of
from fireline.codegen.rtl.names import Names
from fireline.codegen.rtl.tables import Value

# Names that the top has whatever the network.
FIXED = ("clk", "rst", "run", "beat", "done", "stalled", "control", "load", "axis")


@dataclass(frozen=True)
class Stream:
    """A FIFO and its wires, which are called after `name`; `tensor` is the node whose output goes through, if any."""

    name: str
    fifo: str
    bits: int
    depth: int
    block: int
    comment: str
    tensor: int | None
    lanes: int

    @property
    def high(self) -> int:
        """The highest bit of a token."""
        return self.bits - 1


@dataclass(frozen=True)
class Instance:
    """A kernel: `lines` are its connections, in the order of its ports."""

    name: str
    module: str
    comment: str
    parameters: tuple[str, ...]
    ports: tuple[str, ...]
    assigns: tuple[str, ...]
    stalled: str | None  # the wire that is low while the stream behind has no room


@dataclass(frozen=True)
class Top:
    """All of it, and the memories as text by the name of their file."""

    streams: tuple[Stream, ...]
    instances: tuple[Instance, ...]
    files: dict[str, str]


def top(made: Kernels) -> Top:
    """The top of `made`."""
    names = Names(FIXED)
    streams = tuple(_stream(made, place, names) for place in range(len(made.fifos)))
    files: dict[str, str] = {}
    instances, described = [], set()
    for kernel in made.kernels:
        module = module_of(made, kernel)
        files |= module.constants.files
        first = kernel.node is not None and kernel.node not in described
        described |= {kernel.node}
        instances.append(_instance(made, kernel, module, streams, names, first))
    return Top(streams, tuple(instances), files)


def _stream(made: Kernels, place: int, names: Names) -> Stream:
    fifo = made.fifos[place]
    block = fabric_of(made.plan.device, made.plan.target).fifo_storage(fifo.depth, fifo.bits) == "bram"
    name = names.unique(fifo.name)
    comment = f"{fifo.lanes} x {fifo.type}"
    return Stream(
        name,
        names.unique(f"{name}_fifo"),
        fifo.bits,
        fifo.depth,
        int(block),
        comment,
        fifo.tensor,
        fifo.lanes,
    )


def _instance(
    made: Kernels, kernel: Kernel, module: Module, streams: tuple[Stream, ...], names: Names, first: bool
) -> Instance:
    reads = [streams[place].name for place in kernel.inputs]
    writes = [streams[place].name for place in kernel.outputs]
    ports = [".clk", ".rst"] if module.clocked else []
    assigns = []
    if module.module == "fl_input":
        ports += [".run", *(f".s_axis_t{port}(axis_{port})" for port in ("valid", "ready", "data"))]
    for prefix, group in _groups(module, reads):
        ports += [f".{prefix}_{port}({_side_by_side(group, port)})" for port in ("valid", "ready", "data")]
    if writes:
        ports.append(f".y_room({_side_by_side(writes, 'room')})")
        wires = (("take", "take"), ("valid", "write"), ("data", "in"))
        ports += [f".y_{port}({writes[0]}_{wire})" for port, wire in wires]
        assigns = [f"{other}_{wire} = {writes[0]}_{wire}" for other in writes[1:] for _, wire in wires]
    else:
        ports += [".m_axis_tvalid", ".m_axis_tready", ".m_axis_tdata", ".m_axis_tlast", ".done"]
    ports += [f".{port}({value})" for port, value in module.ports]
    comment = ""
    if first and kernel.node is not None:
        comment = describe(made.plan, made.plan.graph.nodes[kernel.node])
    parameters = tuple(f".{name}({_literal(value)})" for name, value in module.constants.parameters.items())
    name = names.unique(f"{kernel.name}_beats" if not (reads and writes) else kernel.name)
    stalled = f"{writes[0]}_room" if writes and kernel.node is not None and reads else None
    return Instance(name, module.module, comment, parameters, tuple(ports), tuple(assigns), stalled)


def _groups(module: Module, reads: list[str]) -> list[tuple[str, list[str]]]:
    """The input ports: a stream each, or all side by side."""
    if len(module.inputs) == 1:
        return [(module.inputs[0], reads)]
    return [(prefix, [name]) for prefix, name in zip(module.inputs, reads, strict=True)]


def _side_by_side(names: list[str], wire: str) -> str:
    """Wires of several streams as one, the first in the low bits."""
    if len(names) == 1:
        return f"{names[0]}_{wire}"
    return "{" + ", ".join(f"{name}_{wire}" for name in reversed(names)) + "}"


def _literal(value: Value) -> str:
    """A parameter as SystemVerilog has it."""
    if isinstance(value, str):
        return f'"{value}"'
    if -(1 << 31) <= value < 1 << 31:
        return str(value)
    bits = max(64, -(-value.bit_length() // 32) * 32)
    return f"-64'sd{-value}" if value < 0 else f"{bits}'{'s' if bits == 64 else ''}d{value}"
