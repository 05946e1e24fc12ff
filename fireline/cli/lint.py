"""`fireline lint`: what Vitis HLS would make of a generated project."""

from __future__ import annotations

import json
from pathlib import Path

import click

from fireline.cli.output import say


@click.command()
@click.argument("project", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
@click.pass_context
def lint(context: click.Context, project: Path, as_json: bool) -> None:
    """Check an HLS project as Vitis would read it; exit status 1 if anything is found.

    PROJECT is a project folder, or a run folder that holds one. Every pragma is parsed by AMD's grammar, and the
    structure of the C++ is checked as it is instantiated: dataflow regions, pipelined loops, ports of streams and
    memories. No vendor tool is needed; libclang and the ap_int headers come with `pip install 'fireline[lint]'`.
    """
    from dataclasses import asdict

    from fireline.sim.lint.check import check_project
    from fireline.sim.lint.findings import RULES

    found = check_project(project / "project" if (project / "project").is_dir() else project)
    if as_json:
        click.echo(json.dumps([{**asdict(one), "reason": RULES[one.rule]} for one in found], indent=2))
    else:
        for one in found:
            click.echo(f"{one.file}:{one.line}: {one.rule}: {one.message}")
        for rule in dict.fromkeys(one.rule for one in found):
            click.echo(f"{rule}: {RULES[rule]}")
        say(f"{project}: {len(found)} finding{'s' * (len(found) != 1)}")
    if found:
        context.exit(1)
