"""The mutations of `python -m tests.mutations`, which takes too long for every change, can all be made still."""

from tests.mutations import MUTATIONS, ROOT, misplaced


def test_every_mutation_has_its_place() -> None:
    assert not list(filter(None, map(misplaced, MUTATIONS)))


def test_every_kernel_is_mutated() -> None:
    mutated = {mutation.path for mutation in MUTATIONS}
    places = (
        (ROOT / "firmware/hls/fireline").glob("*.h"),
        (ROOT / "codegen/hls/templates").glob("*_body.cpp.j2"),
    )
    kernels = {path.relative_to(ROOT).as_posix() for found in places for path in found}
    assert not kernels - mutated
