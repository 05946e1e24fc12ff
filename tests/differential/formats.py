"""The formats by name: each draws a file with a seed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.differential import brevitas_files, onnxruntime_files, prepared_files
from tests.differential.case import Case

FORMATS: dict[str, Callable[[int, Path], Case]] = {
    "qdq": onnxruntime_files.qdq,
    "qoperator": onnxruntime_files.qoperator,
    "qcdq": brevitas_files.qcdq,
    "qonnx": brevitas_files.qonnx,
    "prepared": prepared_files.prepared,
}
