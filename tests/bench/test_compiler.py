from pathlib import Path

import numpy as np

from bench.compiler import compile_project


def test_the_memory_of_this_process_is_not_the_compilers(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("build:\n\ttrue\n")
    here = np.ones(64 << 20, dtype=np.uint8)
    cost, peak = compile_project(tmp_path)
    assert 0 < peak < here.nbytes
    assert cost.wall > 0
