"""Judges of an RTL project: Yosys and nextpnr, from PyPI (`pip install fireline[rtl]`).

In: a project's folder of SystemVerilog, and its plan. Out: counts of every synthesized stage beside the cost model's,
the highest clock, and a bitstream.
"""
