"""The pieces of the kernels: sums, tables, memories."""

from __future__ import annotations

from dataclasses import replace

from fireline.codegen.plan.cost.fabric import Fabric
from fireline.codegen.plan.cost.memory import Resources, ceil_div
from fireline.codegen.plan.cost.parts import Part, ram_part


def chain(bits: int) -> int:
    """LUTs of a sum of `bits` bits: a CCU2C is two."""
    return 2 * ceil_div(bits, 2)


def tree(terms: int, bits: int, total: int, shift: int = 0) -> Resources:
    """Adds `terms` values, term i times 2^(i · shift), with a register behind every level: fl_adder_tree."""
    lut = ff = 0
    while terms > 1:
        wide = min(bits + shift + 1, total)
        lut += terms // 2 * chain(wide - shift)
        terms, bits, shift = ceil_div(terms, 2), wide, 2 * shift
        ff += terms * bits
    return Resources(lut=lut, ff=ff)


def counter_bits(count: int) -> int:
    """Of a counter of `count` values."""
    return (count - 1).bit_length() if count > 1 else 0


def table_luts(depth: int, width: int) -> int:
    """Of a constant table: 16 words of a bit each, of which PFUMX joins two, and LUTs the others."""
    leaves = ceil_div(depth, 16) if depth > 1 else 0
    return width * (leaves if leaves <= 2 else 2 * leaves - 2)


def memory(name: str, depth: int, width: int, fabric: Fabric) -> Part:
    """A memory that is written and read: fl_memory. Block RAM has both of its registers inside."""
    part = ram_part(name, depth, width, fabric)
    held = {"registers": depth * width + 2 * width, "lut": 2 * width}.get(part.storage or "", 0)
    return replace(part, resources=replace(part.resources, ff=held))


def state(name: str, depth: int, width: int, fabric: Fabric) -> Part:
    """A memory whose words a loop reads and changes: fl_state. What is written comes from a register.

    So do the addresses, `3 * counter_bits(depth)`, which states side by side have in common.
    """
    part = memory(name, depth, width, fabric)
    return replace(part, resources=part.resources + Resources(ff=width))
