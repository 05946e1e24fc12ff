import pytest

from fireline.codegen.plan.devices import device, devices
from fireline.errors import FirelineError

# Part: LUT, BRAM36 or EBR, URAM, DSP, as the data sheets print them; LUTs of Lattice parts are nextpnr's, which the
# data sheet rounds to thousands.
SHEETS = {
    "LFE5U-12F": (12000, 32, 0, 28),
    "LFE5U-25F": (24288, 56, 0, 28),
    "LFE5U-45F": (43848, 108, 0, 72),
    "LFE5U-85F": (83640, 208, 0, 156),
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
    table = {d.name: (d.lut, d.bram36 or d.ebr, d.uram, d.dsp) for d in devices().values()}
    assert table == SHEETS


def test_rows_are_plausible_and_smallest_first() -> None:
    rows = list(devices().values())
    assert [d.lut for d in rows] == sorted(d.lut for d in rows)
    assert all(d.ff == d.lut * (1 if d.ebr else 2) and d.lutram < d.lut for d in rows)
    assert all(d.source.startswith("Lattice FPGA-DS" if d.ebr else "AMD DS") for d in rows)
    assert [d.name for d in rows if bool(d.bram36) == bool(d.ebr)] == []


def test_an_unknown_device_names_the_nearest() -> None:
    with pytest.raises(FirelineError, match="did you mean xczu7ev"):
        device("xczu7e")
    with pytest.raises(FirelineError, match="known: LFE5U-12F"):
        device("spartan")
