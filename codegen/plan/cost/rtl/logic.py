"""The pieces of the kernels: sums, delays, tables, memories."""

from __future__ import annotations

from dataclasses import replace

from fireline.codegen.plan.cost.fabric import RtlFabric
from fireline.codegen.plan.cost.memory import Resources, ceil_div
from fireline.codegen.plan.cost.parts import Part, ram_part

# Registers one behind the other that become a shift register, where the part has those.
SHIFT_REGISTER = 3

# Words of fl_state from which on it is a memory.
STATE_WORDS = 4


def chain(bits: int, fabric: RtlFabric) -> int:
    """LUTs of a sum of `bits` bits."""
    return fabric.carry * ceil_div(bits, fabric.carry)


def tree(terms: int, bits: int, total: int, fabric: RtlFabric, shift: int = 0) -> Resources:
    """Adds `terms` values, term i times 2^(i · shift), with a register behind every level: fl_adder_tree.

    A term without a partner waits. The register in front is part of that delay, where it becomes a shift register.
    """
    result, waits, held = Resources(), 0, 0
    while terms > 1:
        wide, pairs = min(bits + shift + 1, total), terms // 2
        result += Resources(lut=chain(wide - shift, fabric), ff=wide) * pairs
        if terms % 2:
            waits, held = waits + 1, held or bits
        elif waits:
            kept = delay(held, waits + 1, fabric)
            result += replace(kept, ff=kept.ff - held)
            waits = held = 0
        terms, bits, shift = ceil_div(terms, 2), wide, 2 * shift
    return result


def delay(bits: int, cycles: int, fabric: RtlFabric) -> Resources:
    """Registers one behind the other that nothing resets: fl_delay."""
    if fabric.shifts and cycles >= SHIFT_REGISTER:
        return Resources(lut=bits, lutram=bits)
    return Resources(ff=bits * cycles)


def counter_bits(count: int) -> int:
    """Of a counter of `count` values."""
    return (count - 1).bit_length() if count > 1 else 0


def choice(words: int, bits: int, fabric: RtlFabric) -> int:
    """LUTs of a choice between `words` words of `bits` bits."""
    return int(bits * (words - 1) * fabric.choice)


def memory(name: str, depth: int, width: int, fabric: RtlFabric) -> Part:
    """A memory that is written and read: fl_memory. Block RAM may have both of its registers inside."""
    part = ram_part(name, depth, width, fabric)
    held = (2 - fabric.block_registers if part.storage == "bram" else 2) * width
    return replace(part, resources=replace(part.resources, ff=held))


def state(name: str, depth: int, width: int, fabric: RtlFabric) -> Part:
    """A memory whose words a loop reads and changes: fl_state. What is written comes from a register.

    So do the addresses, `place`, which states side by side have in common. Few words are registers.
    """
    if depth < STATE_WORDS:
        held = Resources(lut=choice(depth, width, fabric), ff=depth * width)
        return Part(name, held, depth, width, "registers")
    part = memory(name, depth, width, fabric)
    return replace(part, resources=part.resources + Resources(ff=width))


def place(depth: int, fabric: RtlFabric) -> Resources:
    """The counter of the words of fl_state, and the way of its value to where it is written."""
    return Resources(ff=counter_bits(depth)) + delay(counter_bits(depth), 3, fabric)
