"""The timeline of a run as SVG: one row a device, one bar an attempt. Pure geometry; texts are escaped here."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from rackhand.core.clock import Millis
from rackhand.store.steps import Span

WIDTH, LEFT, RIGHT, TOP, ROW, BAR = 1000, 48, 12, 24, 22, 14
_TONES = {"succeeded": "done", "failed": "error", "timed_out": "error", "aborted": "error", "skipped": "idle"}
_NICE_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400, 604_800)


@dataclass(frozen=True, slots=True)
class Frame:
    """What the timeline spans, and who waits in it; `now` is None when the run is over."""

    start: Millis
    end: Millis
    now: Millis | None
    waiting: frozenset[int]


def frame_of(started_at: Millis | None, finished_at: Millis | None, now: Millis, waiting: Sequence[int]) -> Frame:
    """From the first device's start to the end, or to now with a little room."""
    start = started_at if started_at is not None else now
    if finished_at is not None:
        return Frame(start, max(finished_at, start + 1000), None, frozenset())
    return Frame(start, max(now + (now - start) // 20, start + 1000), now, frozenset(waiting))


def tick_ms(length_ms: int, most: int = 8) -> int:
    """A round distance of the grid lines: at most `most` of them."""
    for seconds in _NICE_S:
        if length_ms / (seconds * 1000) <= most:
            return seconds * 1000
    return length_ms // most


def draw(
    frame: Frame,
    indexes: Sequence[int],
    spans: Sequence[Span],
    base: str,
    say: Callable[[Span], str],
    name: str,
    length: Callable[[int], str],
) -> Markup:
    """The picture; `say` is what a pointer is told of a bar, rows link to `base/<index>`, `length` writes durations."""
    by_device: dict[int, list[Span]] = defaultdict(list)
    for span in spans:
        by_device[span.device_index].append(span)
    height = TOP + ROW * len(indexes) + 6
    rows = "".join(
        _row(frame, index, by_device[index], TOP + at * ROW, str(escape(base)), say) for at, index in enumerate(indexes)
    )
    now = ""
    if frame.now is not None:
        x = _x(frame, frame.now)
        now = f'<line class="now" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{height}"/>'
    return Markup(  # noqa: S704 - numbers and escaped texts
        f'<svg class="timeline" viewBox="0 0 {WIDTH} {height}" role="group" aria-label="{escape(name)}">'
        f"{_grid(frame, height, length)}{rows}{now}</svg>"
    )


def _x(frame: Frame, at: Millis) -> float:
    share = (at - frame.start) / (frame.end - frame.start)
    return LEFT + min(max(share, 0.0), 1.0) * (WIDTH - LEFT - RIGHT)


def _grid(frame: Frame, height: int, length: Callable[[int], str]) -> str:
    step = tick_ms(frame.end - frame.start)
    lines = ""
    for offset in range(0, frame.end - frame.start + 1, step):
        x = _x(frame, frame.start + offset)
        lines += f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{height}"/>'
        lines += f'<text x="{x:.1f}" y="12" text-anchor="middle">{escape(length(offset))}</text>'
    return lines


def _row(frame: Frame, index: int, spans: Sequence[Span], y: int, base: str, say: Callable[[Span], str]) -> str:
    bars = "".join(_bar(frame, span, y + 4, say) for span in spans)
    wait = ""
    if index in frame.waiting and frame.now is not None:
        last = max((span.finished_at or span.started_at for span in spans), default=frame.start)
        x = _x(frame, last)
        width = max(_x(frame, frame.now) - x, 4)
        wait = f'<rect class="s-wait" x="{x:.1f}" y="{y + 4}" width="{width:.1f}" height="{BAR}" rx="2"/>'
    label = f'<text class="row-label" x="{LEFT - 8}" y="{y + 15}" text-anchor="end">{index}</text>'
    return (
        f'<a href="{base}/{index}" data-drawer aria-label="{index}">'
        f'<rect class="hit" x="0" y="{y}" width="{WIDTH}" height="{ROW}"/>{label}{bars}{wait}</a>'
    )


def _bar(frame: Frame, span: Span, y: int, say: Callable[[Span], str]) -> str:
    x = _x(frame, span.started_at)
    end = span.finished_at if span.finished_at is not None else (frame.now or frame.end)
    width = max(_x(frame, end) - x - 1, 2)
    tone = _TONES.get(span.status, "running")
    cross = f'<path class="cross" d="M{x + 3:.1f} {y + 4}l6 6m0-6l-6 6"/>' if tone == "error" and width >= 10 else ""
    bar = f'<rect class="p-{tone}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2"/>'
    return f"<g><title>{escape(say(span))}</title>{bar}{cross}</g>"
