"""An hls4ml process to measure alternately with ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measure import Cost

# A Python with hls4ml 1.3, if it is not this one: hls4ml's dependencies may differ from ours.
PYTHON = os.environ.get("HLS4ML_PYTHON", sys.executable)


class Peer:
    """Answers one cost per step: conversion, then compilation, then every `predict`."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process, self.log = process, log

    def answer(self) -> Cost:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            words = self.log.read_text().splitlines()[-3:]
            raise RuntimeError(f"hls4ml ended with {self.process.wait()}: {' '.join(words)}")
        return Cost(**json.loads(line))

    def predict(self) -> Cost:
        """Predict all images once."""
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.answer()


@contextmanager
def hls4ml(model: Path, folder: Path, arrays: tuple[Path, ...] = ()) -> Iterator[Peer]:
    """Start converting `model`; `arrays` are the files of images and outputs to predict with."""
    child = Path(__file__).with_name("hls4ml_child.py")
    command = [PYTHON, "-W", "ignore", str(child), str(model), str(folder / "hls4ml"), *map(str, arrays)]
    words = folder / "hls4ml.log"
    with (
        open(words, "w") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd=folder
        ) as process,
    ):
        try:
            yield Peer(process, words)
        finally:
            process.kill()
