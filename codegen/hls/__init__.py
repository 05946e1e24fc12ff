"""From a design to the files of a Vitis HLS project: C++ that reads the kernels of firmware/hls.

In: a `Design`. Out: sources, headers of constants, test bench, build files, as texts by path.
"""
