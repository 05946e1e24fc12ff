"""From a QONNX file to the files of a hardware project.

`lower` reads the file into the integer graph, `plan` folds the graph for a device, `design` lays the plan out as
processes and streams, and `hls` writes these down for a target. `requantize` proves roundings for `lower`; `geometry`
is what `plan` and `design` both know of a node; `host` is what goes round the core on a board, whatever the target.
"""
