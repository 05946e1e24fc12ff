"""All rules on one project."""

from __future__ import annotations

from pathlib import Path

from fireline.sim.lint import loops, pragmas, regions, subset, words
from fireline.sim.lint.findings import Finding
from fireline.sim.lint.program import Program
from fireline.sim.lint.project import read_project


def check_project(folder: Path) -> list[Finding]:
    """What Vitis HLS would refuse or ignore in a project, or not run at the rate that is meant; in order of files.

    Args:
        folder: an HLS project: `hls_config.cfg` names its sources, its top function and its part.

    Raises:
        FirelineError: it is no project, it does not compile, or libclang or the ap_int headers are not installed.
    """
    program = Program(read_project(folder))
    contexts = loops.Contexts(program)
    found = [
        *pragmas.refused(program),
        *pragmas.unknown_names(program),
        *pragmas.scopes(program),
        *pragmas.variables(program),
        *pragmas.storage_of_family(program),
        *pragmas.interfaces(program),
        *pragmas.dependences(program),
        *regions.bodies(program),
        *regions.callers(program),
        *regions.streams(program),
        *regions.storage(program, contexts),
        *loops.nests(program, contexts),
        *loops.ports(program, contexts),
        *words.words(program),
        *subset.packs(program),
        *subset.tags(program),
        *subset.initializers(program),
        *subset.region_arrays(program),
    ]
    # Instances of one template are one place.
    return sorted({(f.file, f.line, f.rule): f for f in reversed(found)}.values())
