"""From a QONNX file to the integer graph.

In: the path of a file. Out: a `Graph`, and the proof of each of its requantizers. One function for each ONNX operation
(`operations` has them by name) turns quantized tensors into integers and exact scales.
"""

from fireline.codegen.lower.network import Lowered, lower, lower_proved

__all__ = ["Lowered", "lower", "lower_proved"]
