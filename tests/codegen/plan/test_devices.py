import pytest

from fireline.codegen.plan.devices import device, devices
from fireline.errors import FirelineError

# Part: LUT, BRAM36, URAM, DSP, as the data sheets print them.
SHEETS = {
    "xc7z020": (53200, 140, 0, 220),
    "xc7z045": (218600, 545, 0, 900),
    "xczu3eg": (70560, 216, 0, 360),
    "xczu7ev": (230400, 312, 96, 1728),
    "xczu9eg": (274080, 912, 0, 2520),
    "xck26": (117120, 144, 64, 1248),
    "xcu250": (1728000, 2688, 1280, 12288),
    "xcvc1902": (899840, 967, 463, 1968),
}


def test_the_table_holds_the_data_sheets() -> None:
    table = {d.name: (d.lut, d.bram36, d.uram, d.dsp) for d in devices().values()}
    assert table == SHEETS


def test_rows_are_plausible_and_smallest_first() -> None:
    rows = list(devices().values())
    assert [d.lut for d in rows] == sorted(d.lut for d in rows)
    assert all(d.ff == 2 * d.lut and d.lutram < d.lut and d.source.startswith("AMD DS") for d in rows)


def test_an_unknown_device_names_the_nearest() -> None:
    with pytest.raises(FirelineError, match="did you mean xczu7ev"):
        device("xczu7e")
    with pytest.raises(FirelineError, match="known: xc7z020"):
        device("lattice")
