"""What axe-core says of a page, and in which languages and themes the long sets ask it."""

from pathlib import Path

from playwright.sync_api import Page
from tests.nightly import IS_NIGHTLY

Look = tuple[str, str]
"""Language and theme."""
LOOKS: list[Look] = [(language, theme) for language in ("ko", "en") for theme in ("light", "dark")]
_AXE = Path(__file__).resolve().parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
_LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_RUN = """async (levels) => {
  const { violations } = await axe.run(document, { runOnly: levels, resultTypes: ["violations"] });
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) =>
    html.slice(0, 200) + " | " + failureSummary.replaceAll("\\n", " ").slice(0, 200)).slice(0, 3).join("\\n  ")}`);
}"""


def judge(page: Page) -> None:
    """Fail on any violation of WCAG 2.2 AA or of good practice."""
    page.evaluate(_AXE.read_text(encoding="utf-8"))
    assert page.evaluate(_RUN, _LEVELS) == []


def looks(place: int) -> list[Look]:
    """Every look at night; else Korean, with the theme by the place in a list, so that both are seen."""
    return LOOKS if IS_NIGHTLY else [LOOKS[place % 2]]
