"""From a design to the files of a SystemVerilog project: a top that joins the kernels of firmware/rtl.

In: a `Plan`. Out: the top, its memories as text for `$readmemh`, a test bench for Verilator, build files, by path.
"""
