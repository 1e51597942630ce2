"""Line charts of measured figures, as SVG files for the docs. Looks only; what is measured is in the other scripts."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pygal
from pygal.style import Style

Points = Sequence[tuple[float, float]]
_LOOK = Style(
    background="#ffffff",
    plot_background="#ffffff",
    font_family="sans-serif",
    title_font_size=15,
    label_font_size=11,
    legend_font_size=12,
    colors=("#2563eb", "#d97706", "#059669", "#dc2626", "#7c3aed", "#0891b2"),
    opacity="1",
    guide_stroke_color="#dddddd",
    major_guide_stroke_color="#dddddd",
)


def write_lines(
    path: Path, title: str, x_title: str, lines: Mapping[str, Points], *, is_log: bool = False, show_dots: bool = False
) -> None:
    """Draw named lines over a common x axis; `is_log`: the y axis is logarithmic. The y axis begins at 0 otherwise."""
    chart = pygal.XY(
        style=_LOOK,
        js=[],
        width=860,
        height=320,
        title=title,
        x_title=x_title,
        show_dots=show_dots,
        dots_size=3,
        stroke_style={"width": 2},
        legend_at_bottom=True,
        truncate_legend=-1,
        logarithmic=is_log,
        pretty_print=False,
        disable_xml_declaration=True,
        no_prefix=True,
        **({} if is_log else {"range": (0, 1.1 * max((y for line in lines.values() for _, y in line), default=1))}),
    )
    for name, points in lines.items():
        chart.add(name, list(points))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(chart.render(is_unicode=True) + "\n", encoding="utf-8")
