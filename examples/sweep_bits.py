"""Bits against accuracy: one float network of the handwritten digits, quantized at several widths.

python examples/sweep_bits.py [EPOCHS]

Accuracy is the firmware's: the simulator computes its integers. Quantization is calibration alone.
"""

import argparse
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from fireline import lower
from fireline.graph import weight_bytes
from fireline.model.data import load
from fireline.model.recipe import one_phase, read_recipe
from fireline.model.run import train_run
from fireline.quant.run import quantize

BITS = ("w8a8", "w6a6", "w4a4", "w4a4,conv1=w8a8", "w3a3")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("epochs", nargs="?", type=int, default=5, help="of float training [default: 5]")
    epochs = parser.parse_args().epochs
    test = load("digits", "test")
    pixels = test.read()
    with tempfile.TemporaryDirectory() as name:
        floating = Path(name) / "float"
        recipe = replace(read_recipe("digits"), train=one_phase(epochs))
        accuracy = train_run(recipe, floating).float_accuracy
        print(f"{'bits':18} {'weight bytes':>12} {'top-1':>8}")
        if accuracy:
            print(f"{'float':18} {'':12} {accuracy.top1:8.2%}")
        for bits in BITS:
            folder = Path(name) / bits
            shutil.copytree(floating, folder)
            quantize("digits", folder, data="digits", bits=bits)
            graph = lower(folder / "model.onnx")
            classes = graph.simulate(pixels).reshape(len(pixels), -1).argmax(axis=1)
            print(f"{bits:18} {weight_bytes(graph):12,} {(classes == test.labels).mean():8.2%}")


if __name__ == "__main__":
    main()
