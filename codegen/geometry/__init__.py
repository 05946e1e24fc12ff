"""What the hardware of a node is like whatever its folding: Fire modules, line buffers, words at the edges.

In: nodes of the integer graph. Out: which convolutions need no line buffer, which nodes are one Fire module, which
pixels a line buffer holds, the beats of the AXI streams. `plan` and `design` stand on it.
"""
