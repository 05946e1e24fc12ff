"""The rule of imports (.importlinter): which folder may know which, and no cycles."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from configparser import ConfigParser
from pathlib import Path
from shutil import copytree, ignore_patterns

ROOT = Path(__file__).parents[1]
NOT_SHARED = {"__init__"}  # the public API, which is a door to all stages


def test_every_folder_imports_only_what_it_may(tmp_path: Path) -> None:
    folders = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-dir"]
    for package, folder in sorted(folders.items()):
        # Subpackages that lie in another folder than their package: import-linter reads one tree.
        copytree(
            ROOT / folder,
            tmp_path / package.replace(".", "/"),
            ignore=ignore_patterns("__pycache__", "templates", "checkpoints", "*.npz"),
            dirs_exist_ok=True,
        )
    command = [str(Path(sys.executable).parent / "lint-imports"), str(ROOT / ".importlinter"), "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_all_of_what_is_shared_is_under_the_rule() -> None:
    contracts = ConfigParser()
    contracts.read(ROOT / ".importlinter")
    listed = contracts["importlinter:contract:shared"]["source_modules"].split()
    present = {path.stem for path in (ROOT / "fireline").glob("*.py")} - NOT_SHARED
    assert {f"fireline.{name}" for name in present} == set(listed)


def test_every_folder_says_what_comes_in_and_what_goes_out() -> None:
    folders = [path.parent for path in (ROOT / "codegen").rglob("__init__.py")]
    assert folders
    for folder in [*folders, ROOT / "sim", ROOT / "sim/dataflow", ROOT / "sim/report"]:
        text = (folder / "__init__.py").read_text()
        assert folder == ROOT / "codegen" or ("In: " in text and "Out: " in text), folder


def test_no_file_repeats_the_name_of_its_folder() -> None:
    sources = [p for part in ("codegen", "sim", "quant", "model") for p in (ROOT / part).rglob("*.py")]
    assert not [path for path in sources if path.stem.startswith(path.parent.name)]
