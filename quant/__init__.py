"""The quantized side: Brevitas twins, calibration, quantization-aware training, QONNX. Needs torch when used."""

import warnings

# Brevitas warns on import that a faster kernel, for something else, is not installed.
warnings.filterwarnings("ignore", message="fast_hadamard_transform package not found", category=UserWarning)
