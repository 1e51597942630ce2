"""States are told apart without colour: in grey, in the dark, and in the colours that a system forces."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page
from tests.browser.conftest import Visit

from rackhand.server.fake_site import Site

CODES = ("8", "9", "10", "11", "12", "0")
"""Online: idle, running, waiting, error, done; and offline."""
LOOKS: dict[str, dict[str, Any]] = {"grey": {}, "dark": {"theme": "dark"}, "forced": {"forced_colors": "active"}}


def tile(page: Page, code: str) -> Image.Image:
    """A tile in this state, in grey and without its number."""
    page.evaluate(
        """code => {
          const tile = document.querySelector("a[data-i='1']");
          tile.dataset.c = code;
          tile.style.color = "transparent";
        }""",
        code,
    )
    return Image.open(BytesIO(page.locator("a[data-i='1']").screenshot())).convert("L")


def difference(one: Image.Image, other: Image.Image) -> float:
    """The share of pixels that differ clearly, 0..1."""
    pairs = zip(one.resize((60, 30)).tobytes(), other.resize((60, 30)).tobytes(), strict=True)
    return sum(abs(a - b) > 24 for a, b in pairs) / 1800


@pytest.mark.parametrize("look", LOOKS)
def test_every_two_states_look_different(site: Site, visit: Visit, tmp_path: Path, look: str) -> None:
    page = visit("/devices", **LOOKS[look])
    shots = {code: tile(page, code) for code in CODES}
    page.screenshot(path=tmp_path / f"devices-{look}.png")  # kept by pytest, to look at
    alike = [
        (one, other)
        for at, one in enumerate(CODES)
        for other in CODES[at + 1 :]
        if difference(shots[one], shots[other]) < 0.02
    ]
    assert alike == []
