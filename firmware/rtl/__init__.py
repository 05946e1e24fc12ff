"""The kernels of the RTL target: SystemVerilog modules, one file an operation, with the names of the HLS kernels.

A design is processes joined by FIFOs, `fl_fifo` of the planned depth; a generated top instantiates one module a process
and one `fl_fifo` a stream, on one clock with a synchronous reset `rst`.

Ports. A process reads a stream through `x_valid`, `x_ready` and `x_data`, and writes one through `y_room` (in: the
FIFO has room), `y_take` (out: this step will write), `y_valid` and `y_data` (out: the token, when it leaves the
pipeline). They are wired to the FIFO's `out_valid`, `out_ready`, `out_data`, and its `room`, `take`, `in_valid`,
`in_data`. A fork drives all of its FIFOs with one `y_take`, `y_valid` and `y_data`, and sees a bit of `y_room` for
each. Lane 0 of a token is in its low bits, and so is the first of the values that a row of a memory holds.

Time. A process does a step in a cycle when every stream that the step reads has a token, and every stream that it
writes has room. Room counts tokens that are held and tokens on their way (credits), so a step that has begun is never
held up. Of a step in cycle t, the token is written to the FIFO in cycle t + LATENCY of the process, and read in cycle
t + LATENCY + 1 + LATENCY of the FIFO at the earliest. A place is free in the cycle after its token is read. The steps
of a process, and what each reads and writes, are those of `fireline.sim.dataflow.steps`.

Latencies, in cycles (`levels(n)` = ceil(log2 n), a register behind every level of an adder tree):

    fl_fifo             0; in block RAM 3
    fl_input, fl_fork, fl_widen, fl_narrow, fl_concat, fl_output   0
    fl_line_buffer      4
    fl_mvu              4 + product + levels(TERMS) + rule
    fl_running_max      3
    fl_globalavgpool2d  3
    fl_add              2 + rule
    fl_rescale          rule
    fl_lookup           2
    product             1 in a multiplier, max(1, levels(X_BITS)) in LUTs
    rule                3 for a scale whose multiplier is 1 and whose add and shift are the same for all channels;
                        6 for any other scale; 4 + levels(STEPS) for thresholds

Models. `testbench` has another form of five kernels for fast simulation: the same ports, parameters and cycles, written
for a processor instead of a device. Those that make the steps have none. Tests run each kernel with both forms.

Memories. The files are text for $readmemh, a row a line. Weights lie in banks of BANK_ROWS rows, each in a file
of its own: FILE_000.hex, FILE_001.hex. All other tables are one file each, one row a fold.
"""

from pathlib import Path

LIBRARY = Path(__file__).parent  # fl_*.sv, and lint.vlt for Verilator
