"""Run every engine of a model on images: compared integer by integer, and what each gets right."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fireline.cli.output import print_table, say, step, warn
from fireline.errors import EngineError, FirelineError
from fireline.progress import progress

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from fireline.codegen.plan.foldings import Target
    from fireline.graph import Graph
    from fireline.model.data import ImageSet
    from fireline.sim.accuracy import EngineAccuracy
    from fireline.sim.engines import Engine, Images, Integers
    from fireline.sim.verify import Skipped, Verification

PIXEL_MAX = 255  # of a data set's images
BATCH = 8  # images that are in memory at once
DEFAULT = ("brevitas", "qonnx", "csim")  # those of them that the model has
WITNESSES = (*DEFAULT, "csim-checked", "csim-ap-int", "rtl", "rtl-fast", "hls4ml")


@dataclass(frozen=True)
class Source:
    """Images to run: an array, or a data set with labels."""

    images: Images | None = None
    data: ImageSet | None = None

    def __len__(self) -> int:
        return len(self.images) if self.images is not None else len(self.data or ())

    def parts(self) -> Iterator[Images]:
        """The images, a few at a time."""
        from fireline.sim.integer import batches

        if self.images is not None:
            yield from batches(self.images, BATCH)
        elif self.data is not None:
            yield from (pixels for pixels, _ in self.data.batches(BATCH))


@dataclass(frozen=True)
class Evaluation:
    """What became of a source of images."""

    source: Source
    verification: Verification
    float_logits: npt.NDArray[np.float32] | None  # (N, classes); None without a float network

    def scores(self, graph: Graph) -> dict[str, npt.NDArray[Any]]:
        """`(N, classes)` scores of float and of every engine, by name; higher is likelier."""
        from fireline.sim.accuracy import scores

        engines = {e.name: scores(graph, e.outputs) for e in self.verification.engines}
        return engines if self.float_logits is None else {"float": self.float_logits, **engines}

    def accuracies(self, graph: Graph) -> dict[str, EngineAccuracy]:
        """What float and every engine get right, by name; nothing without labels."""
        from fireline.sim.accuracy import engine_accuracy

        if self.source.data is None:
            return {}
        labels, every = self.source.data.labels, {e.name: e.every for e in self.verification.engines}
        return {
            name: engine_accuracy(name, scores, labels[:: every.get(name, 1)])
            for name, scores in self.scores(graph).items()
        }

    def as_json(self, graph: Graph) -> dict[str, Any]:
        """What `fireline verify --json` prints: the verification, and top-1 and top-5 where there are labels."""
        content = self.verification.as_json()
        accuracies = self.accuracies(graph)
        if accuracies:
            content["accuracy"] = {
                name: {"top1": a.top1 / a.images, "top5": a.top5 / a.images} for name, a in accuracies.items()
            }
        return content


def read_source(graph: Graph, inputs: Path | None, data: str | None, limit: int | None) -> Source:
    """Images from a .npy file or a data set, no more than `limit`."""
    import numpy as np

    from fireline.model.data import load
    from fireline.sim.verify import load_images

    if (inputs is None) == (data is None):
        raise FirelineError("name the images with --inputs FILE.npy or with --data DATA")
    if inputs is not None:
        return Source(images=load_images(graph, str(inputs))[:limit])
    entry = graph.input.output
    ends = entry.real(np.array([[[entry.type.min]], [[entry.type.max]]]))
    if set(entry.scale) != {1} or ends.min() > 0 or ends.max() < PIXEL_MAX:
        raise FirelineError(
            f"--data gives pixels from 0 to {PIXEL_MAX}, this network takes {ends.min():.4g} to {ends.max():.4g} "
            f"in steps of {float(entry.scale[0]):.4g}",
            node=graph.name,
            hint="prepare the images as for its training and name them with --inputs FILE.npy",
        )
    images = load(str(data), "test", entry.shape)
    return Source(data=images.subset(limit) if limit else images)


def is_run(model: Path) -> bool:
    """Whether `model` is a run folder with a quantized network in it."""
    return (model / "twin.pt").exists()


def evaluate(
    graph: Graph,
    model: Path,
    source: Source,
    names: Sequence[str] = (),
    project: Path | None = None,
    observe: Callable[[Mapping[str, Integers], Mapping[str, npt.NDArray[np.float32]]], None] | None = None,
    jobs: int | None = None,
    sample: int | None = None,
) -> Evaluation:
    """Run the simulator, the engines `names` and, in a run folder, the float network.

    Args:
        graph: lowered from `model`.
        model: a run folder, a QONNX file or a saved graph.
        source: the images.
        names: of `WITNESSES`; none means those of `DEFAULT` that the model has, "simulator" alone none of them.
        project: the project to C-simulate; the run's own, or one made for the purpose, if None.
        observe: is shown the simulator's trace and the float trace (empty without a float network) of every part.
        jobs: processors to use; all if None.
        sample: the QONNX executor runs on no more than so many of the images, spread evenly; on all if None.
    """
    import numpy as np

    from fireline.model.threads import threads
    from fireline.sim.csim import processors
    from fireline.sim.engines import simulator
    from fireline.sim.verify import Skipped, verify

    every = -(-len(source) // sample) if sample else 1
    chosen = names or [name for name in DEFAULT if name != "brevitas" or is_run(model)]
    floating = float_tracer(model) if is_run(model) and (source.data is not None or observe) else None
    jobs = jobs or processors()
    share = max(1, jobs // len({"simulator", *chosen}))  # of each engine, for they run at the same time
    logits: list[npt.NDArray[np.float32]] = []
    with (
        threads(share),
        tempfile.TemporaryDirectory() as scratch,
        progress("verify", len(source)) as advance,
    ):
        witnesses, skipped = [], []
        with step("make engines ready"):
            for name in chosen:
                if name == "simulator":
                    continue
                try:
                    made = engine(name, graph, model, project, Path(scratch), share, jobs)
                except EngineError as error:
                    skipped.append(Skipped(name, str(error)))
                else:
                    witnesses.append(replace(made, every=every if name == "qonnx" else 1))
        _require_one(witnesses, skipped)
        done = 0

        def watch(part: Images, trace: Mapping[str, Integers]) -> None:
            nonlocal done
            reals = floating(part) if floating else {}
            if floating:
                logits.append(reals["logits"])
            if observe:
                observe(trace, reals)
            done += len(part)
            advance(done)

        verification = verify(graph, simulator(graph), witnesses, source.parts(), observe=watch, jobs=jobs)
        skipped += verification.skipped
        _require_one(verification.engines[1:], skipped)
        for one in skipped:
            warn(f"{one.name} is left out: {one.reason}")
        verification = replace(verification, skipped=tuple(skipped))
    return Evaluation(source, verification, np.concatenate(logits) if logits else None)


def _require_one(engines: Sequence[object], skipped: Sequence[Skipped]) -> None:
    """An engine that cannot run the network is left out where others remain."""
    if skipped and not engines:
        raise EngineError("; ".join(one.reason for one in skipped), hint="no other engine was asked for")


def float_tracer(run: Path) -> Callable[[Images], Mapping[str, npt.NDArray[np.float32]]]:
    """The float network of a run, as a function from images to its values by tensor name."""
    from fireline.model.run_networks import load_float
    from fireline.quant.witness import float_trace

    network = load_float(run)
    return lambda images: float_trace(network, images)


def engine(
    name: str, graph: Graph, model: Path, project: Path | None, scratch: Path, share: int, jobs: int
) -> Engine:
    """The witness `name` for `graph`, which was lowered from `model`, with its `share` of `jobs` processors."""
    from fireline.sim import engines

    match name:
        case "brevitas":
            if not is_run(model):
                raise FirelineError("brevitas needs a run folder: a file holds no network", node=str(model))
            from fireline.quant.run import load_twin
            from fireline.quant.witness import brevitas_trace

            twin = load_twin(model)
            return engines.real_valued(
                graph, name, qonnx_file(model), lambda images: brevitas_trace(twin, images)
            )
        case "qonnx":
            return engines.qonnx_executor(graph, qonnx_file(model))
        case "hls4ml":
            from fireline.sim.hls4ml_witness import hls4ml

            return hls4ml(graph, qonnx_file(model))
        case "rtl" | "rtl-fast":
            from fireline.sim import rtl

            return rtl.engine(graph, project or own_project(graph, model, scratch, "rtl"), name, share)
        case _:
            return engines.csim(
                graph, project or own_project(graph, model, scratch, "hls"), share, name, jobs
            )


def qonnx_file(model: Path) -> Path:
    """The QONNX file that `model` is or holds."""
    if model.suffix == ".npz":
        raise EngineError("a saved graph has no QONNX file to execute", node=str(model))
    return model / "model.onnx" if model.is_dir() else model


def own_project(graph: Graph, model: Path, scratch: Path, target: Target) -> Path:
    """The run's project of `target`, or one made in `scratch`: its integers are those of every device and folding."""
    from fireline.codegen.hls import project as hls
    from fireline.codegen.plan.devices import device
    from fireline.codegen.plan.simple import simple_plan
    from fireline.codegen.rtl import project as rtl
    from fireline.sim.dataflow.depths import best_depths

    name = "project" if target == "hls" else target
    for made in (model / name, scratch / name):
        if made.is_dir():
            return made
    plan = replace(simple_plan(graph, device("xcu250"), 300.0), target=target)
    if target == "rtl":
        rtl.write_project(best_depths(plan), scratch / name)
    else:
        hls.write_project(plan, scratch / name)  # its streams hold what comes, without a depth
    return scratch / name


def print_evaluation(evaluation: Evaluation, graph: Graph) -> None:
    """Accuracy and mismatches of every engine as a table."""
    verification, accuracies = evaluation.verification, evaluation.accuracies(graph)
    shares = {n: (f"{a.top1 / a.images:.2%}", f"{a.top5 / a.images:.2%}") for n, a in accuracies.items()}
    rows: list[tuple[object, ...]] = [
        ("float", *shares[name], "", "", "", "") for name in shares if name == "float"
    ]
    for one in verification.engines:
        mismatches = "reference" if one is verification.engines[0] else one.mismatches
        right = shares.get(one.name, ())
        rows.append((one.name, *right, mismatches, one.values, one.tensors, f"{one.seconds:.1f}"))
    head = ("top-1", "top-5") if shares else ()
    ties = {one.name: len(one.ties) for one in verification.engines if one.ties}
    columns = ["engine", *head, "mismatches", "integers", "tensors", "seconds"]
    if verification.ties:
        columns.insert(columns.index("mismatches") + 1, "ties")
        at = len(head) + 2
        rows = [(*row[:at], ties.get(str(row[0]), ""), *row[at:]) for row in rows]
    print_table(columns, rows)
    samples = [f", {e.name} on {len(e.outputs)}" for e in verification.engines if e.every > 1]
    say(
        f"{verification.images} images{''.join(samples)}; "
        f"{verification.mismatches} mismatches between the exact engines"
    )
    for one in verification.engines:
        if one.ties:
            say(
                f"{one.name} computes in float32: {len(one.ties)} ties, the exact value being no farther than its own "
                f"rounding from a step (at most {one.farthest_tie:.2g} of a step), and {one.behind_ties} integers "
                "made from them"
            )
