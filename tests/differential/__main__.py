"""Many networks of one format. A failure prints its seed and options; refusals are counted by their message.

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
    for outcome, count in sorted(counts.items(), key=lambda pair: -pair[1]):
        print(f"{count:6} {outcome}")
    sys.exit(counts["failed"] > 0)


if __name__ == "__main__":
    main()
