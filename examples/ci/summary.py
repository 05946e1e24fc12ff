"""The result of `fireline verify --json` as a Markdown table, and an annotation for each engine that differs.

python3 summary.py verify.json MODEL > summary.md

Annotations go to standard error, in the form that GitHub shows on a pull request.
"""

import json
import sys
from pathlib import Path
from typing import Any


def table(result: dict[str, Any]) -> str:
    """All engines, the float network first where there are labels."""
    accuracy = result.get("accuracy", {})
    rows = ["| engine | mismatches | integers | top-1 | top-5 |", "| --- | ---: | ---: | ---: | ---: |"]
    for name in dict.fromkeys([*accuracy, *result["engines"]]):
        engine, right = result["engines"].get(name), accuracy.get(name)
        mismatches = integers = top1 = top5 = ""
        if engine:
            mismatches = "reference" if name == result["reference"] else f"{engine['mismatches']:,}"
            integers = f"{engine['values']:,}"
        if right:
            top1, top5 = f"{right['top1']:.2%}", f"{right['top5']:.2%}"
        rows.append(f"| {name} | {mismatches} | {integers} | {top1} | {top5} |")
    return "\n".join(rows)


def annotation(model: str, name: str, engine: dict[str, Any]) -> str:
    """One line that GitHub shows beside the model's file."""
    first = engine["first"]
    place = "node {node}, image {image}, channel {channel}, pixel ({y}, {x}): expected {expected}, got {got}"
    text = f"{name} differs in {engine['mismatches']} integers, first at {place.format(**first)}"
    return f"::error file={model},title=Fireline: engines differ::{text}"


def main() -> None:
    result, model = json.loads(Path(sys.argv[1]).read_text()), sys.argv[2]
    print(f"### {model}\n\n{table(result)}\n")
    print(f"{result['images']} images, {result['mismatches']} mismatches between the exact engines")
    for name, engine in result["engines"].items():
        if engine["mismatches"]:
            print(annotation(model, name, engine), file=sys.stderr)


if __name__ == "__main__":
    main()
