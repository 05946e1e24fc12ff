"""Judges of an RTL project: a folder of SystemVerilog goes in, counts of synthesized stages, the highest clock and a
bitstream come out. The tools are Yosys and nextpnr, from PyPI (`pip install fireline[rtl]`)."""
