"""The outcome of a verification as JUnit XML, which continuous integration knows how to show."""

from __future__ import annotations

from xml.etree import ElementTree

from fireline.sim.verify import Verification


def junit(result: Verification, name: str) -> str:
    """A test suite called `name` with one case for every engine; a mismatch is a failure with its first place."""
    reference, *witnesses = result.engines
    suite = ElementTree.Element(
        "testsuite",
        name=name,
        tests=str(len(witnesses)),
        failures=str(sum(bool(engine.mismatches) for engine in witnesses)),
        errors="0",
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
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"
