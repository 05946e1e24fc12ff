"""Many networks of one format. A failure prints its seed and options; refusals are counted by their message.

How many have run and what became of them is said on the way, so that a run that is cut short counts, too.

python -m tests.differential --format qdq --seed 0 --count 500
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

from tests.differential.case import NotMade, check
from tests.differential.formats import FORMATS

SAID_EVERY = 50  # networks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--format", choices=FORMATS, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=500)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    counts: Counter[str] = Counter()
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        with tempfile.TemporaryDirectory() as folder:
            what = "not made"
            try:
                case = FORMATS[arguments.format](seed, Path(folder))
                what = case.what
                check(case, counts)
            except NotMade as error:
                counts[f"not made: {error!s:.100}"] += 1
            except Exception as error:
                counts["failed"] += 1
                print(f"seed {seed}: {error!r:.300} [{what}]", flush=True)
        run = seed - arguments.seed + 1
        if run % SAID_EVERY == 0:
            print(f"{run} networks: {_kinds(counts)}", flush=True)
    for outcome, count in sorted(counts.items(), key=lambda pair: -pair[1]):
        print(f"{count:6} {outcome}")
    sys.exit(counts["failed"] > 0)


def _kinds(counts: Counter[str]) -> str:
    """How many are exact, failed, refused and not made; the rest of the networks' counts is of integers and tensors."""
    kinds = ("exact", "failed", "refused", "not made")
    totals = {kind: sum(n for what, n in counts.items() if what.split(":")[0] == kind) for kind in kinds}
    return ", ".join(f"{total} {kind}" for kind, total in totals.items())


if __name__ == "__main__":
    main()
