"""`fireline sweep`: a grid or a search over the fields of a recipe, by Optuna."""

from __future__ import annotations

import csv
import io
import json
import math
import multiprocessing
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fireline.cli.output import print_table, say
from fireline.errors import FirelineError

if TYPE_CHECKING:
    import optuna

    from fireline.cli.sweep_file import Choices, Range, Sweep
    from fireline.model.recipe import Recipe

JOURNAL, TABLE, PLOT = "study.journal", "sweep.csv", "sweep.png"


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--data", help="Another data set than the recipe's.")
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(min=1), help="Trials at a time.")
@click.option(
    "--storage", help="Database that several machines share (Optuna's URL).  [default: a file in --out]"
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder.  [default: runs/FILE]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def sweep(
    file: Path, data: str | None, jobs: int, storage: str | None, out: Path | None, as_json: bool
) -> None:
    """Try many variants of a recipe and print what each reaches for the bytes of its weights.

    FILE says which fields vary, how they are searched and what budget must be kept (docs/howto/sweep.md). A sweep
    that was stopped goes on. On several machines, start it with the same --storage on each and a shared --out.
    """
    from fireline.cli.recipes import change_recipe
    from fireline.cli.sweep_file import read_sweep, spread, sweep_recipe, vary
    from fireline.codegen.plan.devices import device
    from fireline.quant.bits import parse_precision

    wanted = read_sweep(file)
    recipe = change_recipe(sweep_recipe(wanted, file), data, None, ())
    wanted = replace(wanted, space=spread(wanted.space, recipe))
    for name, values in wanted.space.items():
        for value in values if isinstance(values, list) else (values.low, values.high):
            changed = vary(recipe, {name: value})
            if changed.quantize:
                parse_precision(changed.quantize.bits)
    if wanted.budget.device:
        device(wanted.budget.device)
    folder = out or Path("runs") / file.stem
    folder.mkdir(parents=True, exist_ok=True)
    study = open_study(wanted, recipe, folder, storage)
    if storage is None:
        forget_stopped(study)
    if jobs == 1:
        work(wanted, recipe, folder, storage)
    else:
        context = multiprocessing.get_context("spawn")
        threads = max(1, (os.cpu_count() or 1) // jobs)
        arguments = (wanted, recipe, folder, storage, threads)
        workers = [context.Process(target=work, args=arguments) for _ in range(jobs)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if any(worker.exitcode for worker in workers):
            raise FirelineError("a worker of the sweep failed", node=str(folder), hint="see above")
    report(study, wanted, folder, as_json)


def open_study(sweep: Sweep, recipe: Recipe, folder: Path, storage: str | None) -> optuna.Study:
    """The study of a sweep, new or as far as it is.

    Raises:
        FirelineError: the storage cannot be reached.
    """
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        return optuna.create_study(
            storage=storage or JournalStorage(JournalFileBackend(str(folder / JOURNAL))),
            sampler=sampler_for(sweep, 0),
            study_name=recipe.name,
            direction="maximize",
            load_if_exists=True,
        )
    except Exception as error:  # the storage's own: a database that is not there, a damaged journal
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise FirelineError(f"cannot open the study: {reason}", node=storage or str(folder)) from None


def sampler_for(sweep: Sweep, trial: int) -> optuna.samplers.BaseSampler:
    """What chooses the values of the trial of that number, from a seed of its own.

    So processes that share a study do not try the same, nor does a sweep that goes on what it has tried. A grid is
    divided by the numbers of the trials, and is in the same order for all.
    """
    import optuna
    from numpy.random import SeedSequence

    seed = int(SeedSequence((sweep.seed, trial)).generate_state(1)[0])
    match sweep.sampler:
        case "grid":
            choices = {name: values for name, values in sweep.space.items() if isinstance(values, list)}
            return optuna.samplers.GridSampler(choices, seed=sweep.seed)
        case "random":
            return optuna.samplers.RandomSampler(seed)
        case "tpe":
            return optuna.samplers.TPESampler(seed=seed)


def suggest(study: optuna.Study, trial: optuna.Trial, sweep: Sweep) -> dict[str, Any]:
    """The values that `trial` tries, by the field's path."""
    from fireline.cli.sweep_file import Range

    study.sampler = sampler_for(sweep, trial.number)
    return {
        name: trial.suggest_float(name, wanted.low, wanted.high, log=wanted.log)
        if isinstance(wanted, Range)
        else trial.suggest_categorical(name, wanted)
        for name, wanted in sweep.space.items()
    }


def forget_stopped(study: optuna.Study) -> None:
    """Give up the trials that a stopped sweep left running, so that others take their place."""
    import optuna

    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)


def work(sweep: Sweep, recipe: Recipe, folder: Path, storage: str | None, threads: int | None = None) -> None:
    """Run trials, on so many threads, until as many are done as are wanted."""
    import optuna
    import torch

    from fireline.cli.sweep_file import vary
    from fireline.cli.trial import run_trial

    if threads is not None:
        torch.set_num_threads(threads)
    # Trials that others have begun count, so that no process begins one too many.
    begun = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.RUNNING)
    study = open_study(sweep, recipe, folder, storage)
    astray = replace(sweep, sampler="random") if sweep.sampler == "tpe" else sweep
    lost = False

    def objective(trial: optuna.Trial) -> float:
        nonlocal lost
        values = suggest(study, trial, astray if lost else sweep)
        others = study.get_trials(deepcopy=False, states=begun)
        lost = any(other.params == values for other in others if other.number != trial.number)
        if lost:
            raise _Again
        place = folder / f"trial_{trial.number:04}"
        outcome = run_trial(vary(recipe, values), folder / "float", place, sweep.budget, sweep.images)
        for name, value in asdict(outcome).items():
            trial.set_user_attr(name, value)
        trial.set_constraint("budget", outcome.excess)
        # What is over budget is worth less than anything that is not.
        return -outcome.excess if outcome.top1 is None else outcome.top1

    trials = trials_of(sweep)
    if len(study.get_trials(deepcopy=False, states=begun[:1])) < trials:
        enough = optuna.study.MaxTrialsCallback(trials, states=begun)
        study.optimize(objective, callbacks=[enough], catch=_Again)


class _Again(Exception):
    """A search came back to what was tried already, as it does where there are few choices."""


def trials_of(sweep: Sweep) -> int:
    """As many as are asked for, or as there are variants; a value that is listed twice is one."""

    def choices(values: Choices | Range) -> int:
        if isinstance(values, list):
            return len(set(values))
        return 1 if values.low == values.high else sweep.trials

    return min(sweep.trials, math.prod(choices(values) for values in sweep.space.values()))


def report(study: optuna.Study, sweep: Sweep, folder: Path, as_json: bool) -> None:
    """Print the trials, best first, and leave them as a table and a plot."""
    import optuna

    from fireline.cli.compare import draw
    from fireline.files import write_whole

    finished = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    rows = [
        {
            "run": str(folder / f"trial_{trial.number:04}"),
            **trial.params,
            "weight_bytes": trial.user_attrs["weight_bytes"],
            "frames_per_second": trial.user_attrs["frames_per_second"],
            "top1": trial.user_attrs["top1"],
            "within_budget": trial.user_attrs["excess"] <= 0,
        }
        for trial in sorted(
            finished, key=lambda t: (-(t.value or 0.0), t.user_attrs["weight_bytes"], t.number)
        )
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(folder / TABLE, text.getvalue())
    measured = [
        {
            "model": Path(row["run"]).name,
            "bits": "",
            "weight_bytes": row["weight_bytes"],
            "frames_per_second": row["frames_per_second"],
            "firmware_top1": row["top1"],
        }
        for row in rows
    ]
    if any(one["firmware_top1"] is not None for one in measured):
        draw(measured, folder / PLOT)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    results = ("run", "weight_bytes", "frames_per_second", "top1", "within_budget")
    varied = [name for name in rows[0] if name not in results]
    print_table(
        [
            "trial",
            *(name.removeprefix("quantize.").removeprefix("train.") for name in varied),
            "weight bytes",
            "frames/s",
            "top-1",
        ],
        [
            (
                Path(row["run"]).name,
                *(f"{row[name]:.4g}" if isinstance(row[name], float) else row[name] for name in varied),
                row["weight_bytes"],
                "" if row["frames_per_second"] is None else f"{row['frames_per_second']:,.0f}",
                "over budget" if row["top1"] is None else f"{row['top1']:.2%}",
            )
            for row in rows
        ],
    )
    if rows[0]["within_budget"]:
        say(f"best: {rows[0]['run']}, top-1 {rows[0]['top1']:.2%}; all in {folder / TABLE}, {folder / PLOT}")
    else:
        raise FirelineError(
            "none of the trials keeps to the budget", node=str(folder), hint="loosen it, or widen the space"
        )
