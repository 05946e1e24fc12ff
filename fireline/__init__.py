"""Fireline: quantized SqueezeNets to bit-exact FPGA firmware."""

from fireline.errors import FirelineError
from fireline.graph import Graph

__all__ = ["FirelineError", "Graph"]
