"""From a run folder to its report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fireline.cli.evaluate import Evaluation, Source, evaluate
from fireline.cli.hardware import PROJECTS
from fireline.cli.results import save_results

if TYPE_CHECKING:
    from fireline.codegen.lower.network import Lowered
    from fireline.codegen.plan.foldings import Plan
    from fireline.graph import Graph
    from fireline.sim.report.accuracy import Disagreement

SHOWN = 12  # images on which float and firmware disagree


def report_run(
    run: Path,
    lowered: Lowered,
    plan: Plan,
    source: Source,
    names: Sequence[str],
    page: Path,
    jobs: int | None = None,
    sample: int | None = None,
) -> Evaluation:
    """Evaluate a run on a labelled data set and write its report to `page`."""
    from fireline.model.run_info import read_run
    from fireline.sim.accuracy import agreement
    from fireline.sim.dataflow.depths import timing_of
    from fireline.sim.report.page import Report, write_report
    from fireline.sim.statistics import Statistics
    from fireline.sim.vendor.project import of_plan

    graph = lowered.graph
    statistics = Statistics(graph)
    evaluation = evaluate(graph, run, source, names, observe=statistics.update, jobs=jobs, sample=sample)
    accuracies, scores = evaluation.accuracies(graph), evaluation.scores(graph)
    last = evaluation.verification.engines[-1].name
    compared = agreement(scores["float"], scores[last]) if "float" in scores else None
    info = read_run(run)
    data = source.data
    facts = {
        "model": info.preset,
        "bits": str(info.bits),
        "weights": info.weights,
        "calibrated on": str(info.calibration),
        "device": f"{plan.device.name} at {plan.clock_mhz:g} MHz",
        "data": f"{len(source)} images of {data.name}" if data else f"{len(source)} images",
    }
    write_report(
        page,
        Report(
            title=info.preset,
            graph=graph,
            plan=plan,
            timing=timing_of(plan),
            facts=tuple(facts.items()),
            verification=evaluation.verification,
            floating=accuracies.get("float"),
            engines=tuple(a for name, a in accuracies.items() if name != "float"),
            agreement=compared,
            statistics=statistics.nodes(),
            classes=data.classes if data else (),
            disagreements=disagreements(evaluation, graph, compared.differ[:SHOWN] if compared else ()),
            tools=tuple(of_plan(plan, run / PROJECTS[plan.target])),
            proofs=lowered.proofs,
        ),
    )
    save_results(run, evaluation, graph)
    return evaluation


def disagreements(evaluation: Evaluation, graph: Graph, indices: Sequence[int]) -> tuple[Disagreement, ...]:
    """The images at `indices` with what float and firmware took them for."""
    from fireline.sim.accuracy import predictions
    from fireline.sim.report.accuracy import Disagreement

    data = evaluation.source.data
    if data is None or not indices:
        return ()
    scores = evaluation.scores(graph)
    floats = predictions(scores["float"])
    firmware = predictions(scores[evaluation.verification.engines[-1].name])
    return tuple(
        Disagreement(i, data.read([i])[0], int(data.labels[i]), int(floats[i]), int(firmware[i]))
        for i in indices
    )
