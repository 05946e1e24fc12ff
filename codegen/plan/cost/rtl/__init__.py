"""What the kernels of firmware/rtl take on a Lattice ECP5, as Yosys synthesizes them, and how long their pipelines are.

In: a node, its folding and the tables of the fabric; or a plan, for its streams. Out: parts with their resources, and
cycles. Registers are those that the text of a kernel has. LUTs are a carry chain for every sum, two for each two bits,
memories, and constants for control that are calibrated. docs/cost-model.md says how well that is met.
"""
