"""The outcome of a verification as JUnit XML, which continuous integration knows how to show."""

from __future__ import annotations

from xml.etree import ElementTree

from fireline.sim.verify import Verification


def junit(result: Verification, name: str, strict: bool = False) -> str:
    """A test suite called `name` with one case for every engine; a mismatch is a failure with its first place.

    Ties of float32 are told in the case's output, or are a failure if `strict`.
    """
    reference, *witnesses = result.engines
    suite = ElementTree.Element(
        "testsuite",
        name=name,
        tests=str(len(witnesses) + len(result.skipped)),
        failures=str(sum(bool(engine.mismatches or (strict and engine.ties)) for engine in witnesses)),
        errors="0",
        skipped=str(len(result.skipped)),
        time=f"{sum(engine.seconds for engine in result.engines):.3f}",
    )
    for engine in witnesses:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=name,
            name=f"{engine.name} equals {reference.name}",
            time=f"{engine.seconds:.3f}",
        )
        if engine.mismatches:
            text = f"{engine.mismatches} of {engine.values} integers differ"
            failure = ElementTree.SubElement(case, "failure", message=text)
            failure.text = str(engine.first)
        elif engine.ties:
            text = f"{len(engine.ties)} ties of float32, {engine.behind_ties} integers behind them"
            told = (
                ElementTree.SubElement(case, "failure", message=text)
                if strict
                else ElementTree.SubElement(case, "system-out")
            )
            told.text = "\n".join([text, *map(str, engine.ties)])
    for skipped in result.skipped:
        case = ElementTree.SubElement(suite, "testcase", classname=name, name=skipped.name)
        ElementTree.SubElement(case, "skipped", message=skipped.reason)
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"
