"""What the hardware of a plan costs: LUT, FF, DSP, block RAM and UltraRAM, part by part.

In: a node and its folding. Out: `Part`s and their `Resources`. docs/cost-model.md derives each formula.
"""
