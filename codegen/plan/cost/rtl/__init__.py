"""What the kernels of firmware/rtl take, as Yosys synthesizes them, and how long their pipelines are.

In: a node, its folding and the tables of the fabric; or a plan, for its streams. Out: parts with their resources, and
cycles. Registers are those that the text of a kernel has, but for what a part has shift registers and DSPs for. LUTs
are a carry chain for every sum, memories, and constants for control that are calibrated. What differs between parts
is in the fabric. docs/cost-model.md says how well that is met.
"""
