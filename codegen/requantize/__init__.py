"""From exact rational arithmetic to integer rules that are proved equal to it.

In: a quantizer and the affine functions in front of it, as rationals. Out: a multiplier and a shift, or thresholds,
with the proof that every step lies where it should over the reachable range of the sums. No ONNX, no hardware.
"""
