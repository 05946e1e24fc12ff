"""A few hundred mutated files; `python -m tests.fuzz` tries as many as one likes."""

from tests.fuzz import fuzz


def test_mutated_files_are_refused_or_lowered() -> None:
    faults: list[str] = []
    outcomes = fuzz(seed=2026, count=150, report=faults.append)
    assert not faults
    assert outcomes["model result"] > 10 and outcomes["graph result"] > 5
