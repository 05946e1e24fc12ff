"""Pretrained weights and photographs that lie beside a checkout, where they do; tests are skipped elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3] / "shared" / "data"
PRETRAINED = SHARED / "squeezenet"


def photographs(factory: pytest.TempPathFactory) -> Path:
    """An ImageFolder tree of 1000 photographs, unpacked once for all test processes."""
    if not SHARED.is_dir():
        pytest.skip("no photographs beside this checkout")
    folder = factory.getbasetemp().parent / "imagenet1000"
    if not folder.exists():
        temporary = factory.mktemp("photographs")
        subprocess.run([sys.executable, SHARED / "unpack.py", "imagenet1000", temporary], check=True)
        try:
            os.rename(temporary, folder)
        except OSError:  # another process was faster
            assert folder.exists()
    return folder
