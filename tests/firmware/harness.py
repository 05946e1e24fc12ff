"""Generate a project, compile it as one translation unit, and compare every stream with the simulator's integers."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from math import gcd
from pathlib import Path

import numpy as np

from fireline.codegen.hls.project import write_project
from fireline.codegen.plan.devices import device
from fireline.codegen.plan.foldings import Folding, Plan
from fireline.graph import Conv2d, Graph, Node

# What the generated code must compile without a word under.
STRICT = ["-std=c++14", "-Wall", "-Wextra", "-pedantic", "-Werror"]
PLAIN = "-O0"
SANITIZED = "-fsanitize=address,undefined -fno-sanitize-recover=all"
CHECKED = f"-O0 -DFL_CHECKED {SANITIZED}"

Choose = Callable[[Graph, Node], Folding]


def divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


def channels(graph: Graph, node: Node) -> int:
    """What the lanes of a node that is no convolution must divide."""
    return gcd(node.output.shape[0], *(graph.nodes[i].output.shape[0] for i in node.inputs))


def least(graph: Graph, node: Node) -> Folding:
    """One lane everywhere."""
    return Folding(1, 1)


def most(graph: Graph, node: Node) -> Folding:
    """Everything in parallel."""
    if isinstance(node, Conv2d):
        return Folding(
            len(node.weight) // node.groups, int(node.weight.shape[1]), rows=int(node.weight.shape[2])
        )
    return Folding(channels(graph, node), channels(graph, node))


def drawn(seed: int) -> Choose:
    """Any legal folding, drawn with `seed`."""
    random = np.random.default_rng(seed)

    def choose(graph: Graph, node: Node) -> Folding:
        def one(numbers: list[int]) -> int:
            return int(random.choice(numbers))

        if not isinstance(node, Conv2d):
            lanes = one(divisors(channels(graph, node)))
            return Folding(lanes, lanes)
        outputs, inputs, height, _ = node.weight.shape
        return Folding(
            pe=one(divisors(outputs // node.groups)),
            simd=one(divisors(int(inputs))),
            rows=one([1, int(height)]),
            packed=one([1, 2]),
            multiplier="lut" if one([0, 1]) else "dsp",
            rom="lut" if one([0, 1]) else "bram",
        )

    return choose


def plan(graph: Graph, choose: Choose) -> Plan:
    return Plan(graph, device("xc7z020"), 125.0, tuple(choose(graph, node) for node in graph.nodes))


def project(graph: Graph, choose: Choose, folder: Path) -> Path:
    write_project(plan(graph, choose), folder / "project")
    return folder / "project"


def unity(project: Path, flags: str = PLAIN) -> Path:
    """The test bench of `project` as one translation unit: quicker than object by object."""
    sources = [
        *project.glob("src/*.cpp"),
        *project.glob("src/layers/*.cpp"),
        project / "tb" / "testbench.cpp",
    ]
    unit = project / "unity.cpp"
    unit.write_text("".join(f'#include "{path.relative_to(project)}"\n' for path in sorted(sources)))
    return compiled(unit, [*flags.split(), "-I", str(project)])


def together(projects: Sequence[Path], unit: Path, flags: str = PLAIN) -> Path:
    """The test benches of projects of unlike names as one program, whose first argument says which to run.

    What they share is read and instantiated once: half the time of one program each.
    """
    texts = [path.read_text() for one in projects for path in (one / "src").rglob("*") if path.is_file()]
    used = {name for text in texts for name in re.findall(r'#include "[./]*fireline/(\w+\.h)"', text)}
    lines = [f'#include "{name}"' for name in sorted(used)]
    lines += [f'#include "{projects[0] / "tb" / "testbench.h"}"']
    for number, project in enumerate(projects):
        # Every project calls its own things by these names.
        names = ("params", "weights", "process", "stage")
        lines += [f"#define {name} {name}_{number}" for name in names]
        sources = [*project.glob("src/*.cpp"), *project.glob("src/layers/*.cpp")]
        lines += [f'#include "{path}"' for path in sorted(sources)]
        bench = (project / "tb" / "testbench.cpp").read_text()
        lines += [bench.replace("int main(", f"int main_{number}(").replace('"../src/', f'"{project}/src/')]
        lines += [f"#undef {name}" for name in names]
    mains = ", ".join(f"main_{number}" for number in range(len(projects)))
    lines += [f"int main(int argc, char** argv) {{ int (*const mains[])(int, char**) = {{{mains}}};"]
    lines += ["return mains[std::atoi(argv[1])](argc - 1, argv + 1); }"]
    unit.write_text("\n".join(lines) + "\n")
    includes = ["-I", str(projects[0] / "src" / "fireline"), "-I", str(projects[0] / "tb")]
    return compiled(unit, [*flags.split(), *includes])


def compiled(unit: Path, flags: Sequence[str]) -> Path:
    """The program of one translation unit, which must compile without a word."""
    executable = unit.with_suffix("")
    command = ["g++", *STRICT, *flags, "-o", str(executable), str(unit)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0 and not result.stderr, result.stderr
    return executable


def run(project: Path, flags: str = PLAIN) -> subprocess.CompletedProcess[str]:
    """Compile and run the self-check over every stream."""
    command = [str(unity(project, flags)), "--streams"]
    return subprocess.run(command, cwd=project, capture_output=True, text=True)


def assert_exact(graph: Graph, choose: Choose, folder: Path, flags: str = PLAIN) -> None:
    """Every stream of the generated project has the integers of the simulator."""
    expect_exact(run(project(graph, choose, folder), flags))


def expect_exact(result: subprocess.CompletedProcess[str]) -> None:
    """The self-check compared something and found no mismatch."""
    assert result.returncode == 0 and " 0 mismatches" in result.stdout, result.stderr[:2000]


def assert_all_exact(graphs: Sequence[Graph], chosen: Sequence[Choose], folder: Path) -> None:
    """As `assert_exact` for graphs of unlike names, compiled together."""
    projects = []
    for graph, choose in zip(graphs, chosen, strict=True):
        (folder / graph.name).mkdir()
        projects.append(project(graph, choose, folder / graph.name))
    executable = together(projects, folder / "all.cpp")
    for number, one in enumerate(projects):
        command = [str(executable), str(number), "--streams"]
        expect_exact(subprocess.run(command, cwd=one, capture_output=True, text=True))
