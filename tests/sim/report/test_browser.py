"""The report in a real browser, where there is one."""

import re
import shutil
import subprocess
from html import escape
from pathlib import Path

import pytest
from PIL import Image

from fireline.sim.report.page import render
from tests.sim.report.test_page import full_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH"),
]


def browse(page: Path, folder: Path, *options: str) -> str:
    """What chromium prints for `page`, without touching a network."""
    quiet = "disable-gpu disable-quic no-first-run disable-background-networking disable-component-update disable-sync"
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        *(f"--{option}" for option in quiet.split()),
        "--hide-scrollbars",
        f"--user-data-dir={folder / 'profile'}",
        "--enable-logging=stderr",
        *options,
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "Content Security Policy" not in done.stderr  # the page breaks none of its own rules
    return done.stdout


@pytest.mark.parametrize(("theme", "paper"), [("1", (255, 255, 255)), ("0", (20, 23, 27))])
@pytest.mark.parametrize("width", [390, 1280])
def test_light_and_dark_at_phone_and_desktop_width(
    tmp_path: Path, width: int, theme: str, paper: tuple[int, int, int]
) -> None:
    page = tmp_path / "report.html"
    page.write_text(render(full_report()), encoding="utf-8")
    picture = tmp_path / "report.png"
    browse(
        page,
        tmp_path,
        f"--window-size={width},3000",
        f"--screenshot={picture}",
        f"--blink-settings=preferredColorScheme={theme}",
    )
    image = Image.open(picture).convert("RGB")
    assert image.size == (width, 3000)
    assert image.getpixel((1, 1)) == paper
    colours = image.getcolors(1 << 24) or []
    assert len(colours) > 50


@pytest.mark.parametrize("width", [390, 1280])
def test_only_tables_scroll_sideways(tmp_path: Path, width: int) -> None:
    page = tmp_path / "frame.html"
    probe = "document.title = 'wide ' + frames[0].document.documentElement.scrollWidth"
    report = escape(render(full_report()))
    page.write_text(  # a window cannot be as narrow as a phone, but a frame can
        f'<title></title><iframe width="{width}" height="900" frameborder="0" srcdoc="{report}" '
        f'onload="{probe}"></iframe>',
        encoding="utf-8",
    )
    found = re.search(r"<title>wide (\d+)</title>", browse(page, tmp_path, "--dump-dom"))
    assert found is not None and int(found[1]) <= width


def test_hovering_shows_what_the_tables_say(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    probe = (
        "<script>document.querySelector('a[data-node=conv1]').dispatchEvent(new Event('mouseenter'))</script>"
    )
    free = re.sub(r"<meta http-equiv[^>]*>", "", render(full_report()))
    page.write_text(free.replace("</body>", f"{probe}</body>"), encoding="utf-8")
    panel = re.search(
        r'<aside id="detail"[^>]*>(.*?)</aside>', browse(page, tmp_path, "--dump-dom"), re.DOTALL
    )
    assert panel is not None
    for word in ("conv1", "Folding", "Weight ROM", "SQNR", "Highest weight"):
        assert word in panel[1]
