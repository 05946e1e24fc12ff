"""The float side: the SqueezeNet family, its data, its training. Importing this package imports no torch."""

from fireline.model.architecture import SqueezeNet, metaparameter_fires
from fireline.model.presets import PRESETS, preset

__all__ = ["PRESETS", "SqueezeNet", "metaparameter_fires", "preset"]
