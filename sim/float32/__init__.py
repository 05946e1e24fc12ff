"""What float32 engines may round: from an ONNX file and an engine's integers to the differences that are ties.

In come the file, images and the integers that an engine of real numbers gave; out comes, for each integer that is not
the simulator's, whether the engine's own rounding explains it, and how far the exact value is from the step.
"""
