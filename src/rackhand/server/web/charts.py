"""Charts as SVG, drawn on the server: sparklines and hourly bars. Pure: numbers in, Markup out; texts are escaped."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

_WIDTH, _HEIGHT = 240, 36
_TOP, _BASE, _LEFT, _RIGHT, _CHART_WIDTH = 12, 150, 40, 752, 760


def sparkline(values: Sequence[float | None]) -> Markup:
    """A line over the window with its area; gaps where a value is None; nothing without two values."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return Markup("")
    low, high = min(0.0, *known), max(known)
    span = (high - low) or 1.0
    step = _WIDTH / max(len(values) - 1, 1)
    pieces: list[list[str]] = [[]]
    for at, value in enumerate(values):
        if value is None:
            pieces.append([])
        else:
            pieces[-1].append(f"{at * step:.1f} {_HEIGHT - 3 - (_HEIGHT - 6) * (value - low) / span:.1f}")
    lines = [piece for piece in pieces if len(piece) > 1]
    line = " ".join("M" + " L".join(piece) for piece in lines)
    areas = " ".join(
        f"M{piece[0].split()[0]} {_HEIGHT} L{' L'.join(piece)} L{piece[-1].split()[0]} {_HEIGHT}z" for piece in lines
    )
    return Markup(  # noqa: S704 - numbers only
        f'<svg class="spark" viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="spark-area" d="{areas}"/>'
        f'<path class="spark-line" vector-effect="non-scaling-stroke" d="{line}"/></svg>'
    )


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour: its parts from the base up as (tone, amount), a label under some, and what a pointer is told."""

    parts: tuple[tuple[str, int], ...]
    label: str
    title: str


def bars(columns: Sequence[Bar], name: str, numbers: Sequence[str], ticks: Sequence[int]) -> Markup:
    """Stacked bars over `ticks` (values of the grid lines) with `numbers` as their texts; `name` names the image."""
    top = max(ticks[-1], 1) if ticks else 1
    scale = (_BASE - _TOP) / top
    grid = "".join(
        f'<line class="grid" x1="{_LEFT}" x2="{_CHART_WIDTH}" y1="{_BASE - tick * scale:.1f}" '
        f'y2="{_BASE - tick * scale:.1f}"/><text x="{_LEFT - 6}" y="{_BASE - tick * scale + 4:.1f}" '
        f'text-anchor="end">{escape(text)}</text>'
        for tick, text in zip(ticks, numbers, strict=True)
    )
    slot = (_RIGHT - _LEFT) / max(len(columns), 1)
    drawn = "".join(_column(column, _LEFT + 4 + at * slot, slot, scale) for at, column in enumerate(columns))
    return Markup(  # noqa: S704 - numbers and escaped texts
        f'<svg class="chart" viewBox="0 0 {_CHART_WIDTH} 176" role="img" aria-label="{escape(name)}">'
        f"{grid}{drawn}</svg>"
    )


def _column(column: Bar, x: float, slot: float, scale: float) -> str:
    width, y, rects = slot * 0.68, float(_BASE), ""
    for tone, amount in column.parts:
        if amount:
            height = max(amount * scale, 1.5)
            y -= height
            size = f'width="{width:.1f}" height="{height:.1f}"'
            rects += f'<rect class="p-{tone}" x="{x:.1f}" y="{y:.1f}" {size} rx="1.5"/>'
    label = f'<text x="{x + width / 2:.1f}" y="168" text-anchor="middle">{escape(column.label)}</text>'
    return f"<g><title>{escape(column.title)}</title>{rects}{label if column.label else ''}</g>"


def ticks_for(highest: int, steps: int = 3) -> tuple[int, ...]:
    """Round values of grid lines from 0 to at least `highest`: 7 -> 0, 3, 6, 9."""
    step = 1
    while step * steps < highest:
        step = next(value for value in _ROUND if value > step)
    return tuple(step * at for at in range(steps + 1))


_ROUND = tuple(factor * 10**power for power in range(12) for factor in (1, 2, 3, 5))
