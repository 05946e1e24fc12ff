"""Runs all benchmarks and writes docs/benchmarks.md with its picture.

    python -m bench.all --date 2026-01-31 [--only csim_torch --only growth] [--results runs/bench]

Each script runs in a process of its own and leaves its results in a file; the page is made of all files that are there.
`bench/profile.md`, where time goes, is written by hand and becomes the end of the page.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import click

from bench.hls4ml_peer import PYTHON
from bench.measure import Result, Spread
from bench.page import page
from bench.picture import picture

DOCS = Path(__file__).parents[1] / "docs"
SCRIPTS = (
    "csim_torch",
    "csim_hls4ml",
    "simulator_qonnx",
    "simulator_brevitas",
    "simulator_onnxruntime",
    "generate_hls4ml",
    "compilation",
    "cifar10_set",
    "start",
    "growth",
)
PACKAGES = ("torch", "numpy", "brevitas", "qonnx", "onnxruntime")


def read(path: Path) -> list[Result]:
    """The results of one script."""
    rows = json.loads(path.read_text())
    for row in rows:
        row["value"] = Spread(**row["value"])
        row["wall"] = Spread(**row["wall"]) if row["wall"] else None
    return [Result(**row) for row in rows]


def machine() -> str:
    """Processor, cores and compiler."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    compiler = subprocess.run(["g++", "--version"], capture_output=True, text=True, check=True).stdout
    return f"{names[0] if names else platform.processor()}, {len(names)} cores, {compiler.splitlines()[0]}"


def versions() -> str:
    """Of everything that was compared."""
    code = "from importlib.metadata import version; print(version('hls4ml'))"
    peer = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True).stdout.strip()
    ours = [f"{package} {version(package)}" for package in PACKAGES]
    return ", ".join([f"Python {platform.python_version()}", *ours, *([f"hls4ml {peer}"] if peer else [])])


@click.command()
@click.option("--date", required=True, help="Of the measurement, for the page.")
@click.option("--only", multiple=True, type=click.Choice(SCRIPTS), help="Measure these; others as they are.")
@click.option("--results", type=click.Path(path_type=Path), default="runs/bench", help="A folder.")
@click.option("--measure/--no-measure", default=True, help="Or write the page from what is there.")
def main(date: str, only: tuple[str, ...], results: Path, measure: bool) -> None:
    """Measure, and write docs/benchmarks.md."""
    results.mkdir(parents=True, exist_ok=True)
    for script in (only or SCRIPTS) if measure else ():
        click.echo(f"== {script}")
        command = [sys.executable, "-W", "ignore", "-m", f"bench.{script}", str(results / f"{script}.json")]
        if subprocess.run(command).returncode:
            click.echo(f"{script} failed; its rows are missing, or those of an earlier run", err=True)
    files = [results / f"{script}.json" for script in SCRIPTS]
    rows = [row for file in files if file.exists() for row in read(file)]
    profile = (Path(__file__).parent / "profile.md").read_text()
    (DOCS / "benchmarks.md").write_text(page(rows, date, machine(), versions(), profile))
    picture(rows, DOCS / "benchmarks.svg")


if __name__ == "__main__":
    main()
