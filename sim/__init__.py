"""The engines that run a network, and what compares them.

In: the integer graph, a QONNX file or a generated project, and images. Out: the integers of every tensor (`integer`,
`csim`, the witnesses in `engines`), the time of every token (`dataflow`), and the verdict (`verify`, `report`).
"""
