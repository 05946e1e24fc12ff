"""The site builds without a warning."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT


@pytest.mark.slow
def test_strict_build(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="the documentation's extras are not installed")
    folders = ["-d", str(tmp_path / "doctrees"), str(ROOT / "docs"), str(tmp_path / "site")]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", *folders], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    commands = (tmp_path / "site" / "reference" / "command-line.html").read_text()
    api = (tmp_path / "site" / "reference" / "python.html").read_text()
    assert 'id="cmdoption-fireline-generate-device"' in commands
    assert 'id="fireline.lower"' in api
