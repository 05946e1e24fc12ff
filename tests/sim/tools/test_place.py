"""How a placement is routed, where nextpnr comes to no end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fireline.errors import FirelineError
from fireline.sim.compiler import run
from fireline.sim.tools import place

PLACED = '{"settings": {"router/tmg_ripup": "1 ", "target_freq": "1.000000"}}'


@pytest.mark.parametrize("ends", [100e6, 96e6, 92e6, None])
def test_a_router_that_does_not_end_is_called_for_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: float | None
) -> None:
    settings = []

    def call(tool: str, arguments: list[str], folder: Path, watch: Callable[[str], None]) -> str:
        settings.append((folder / place.PLACED).read_text())
        aim = f'"target_freq": "{ends or 0:.6f}"'
        for i in range(1, place.ROUNDS if aim in settings[-1] else 1000):
            watch(f"Info:     iter={i} wires=99 overused=0 overuse=0 tmgfail=4 archfail=NA")
        return "routed"

    monkeypatch.setattr(place, "call", call)
    (tmp_path / place.PLACED).write_text(PLACED)
    place._route([], 100.0, tmp_path, lambda line: None)
    wanted = [
        PLACED.replace("1.000000", f"{aim:.6f}").replace('"1 "', f'"{ripup} "')
        for aim, ripup in ((100e6, 1), (96e6, 1), (92e6, 1), (100e6, 0))
    ]
    assert settings == wanted[: {100e6: 1, 96e6: 2, 92e6: 3, None: 4}[ends]]
    assert (tmp_path / "nextpnr.log").read_text() == "routed"
    assert not (tmp_path / place.PLACED).exists()


def test_a_setting_that_is_not_there() -> None:
    with pytest.raises(FirelineError, match="target_freq"):
        place._with_settings("{}", {"target_freq": "1"})


def test_who_watches_a_program_can_end_it() -> None:
    def watch(line: str) -> None:
        raise StopIteration

    script = "import time; print('round 1', flush=True); time.sleep(600)"
    with pytest.raises(StopIteration):
        run([sys.executable, "-c", script], None, watch)
