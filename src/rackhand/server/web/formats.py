"""Times, durations, numbers and sizes as a language writes them. Values come as in the views: integer UTC ms."""

from dataclasses import dataclass
from datetime import UTC, datetime
from math import floor

from babel.dates import format_datetime, format_time, format_timedelta
from babel.numbers import format_decimal, format_percent
from babel.units import format_unit
from markupsafe import Markup, escape

from rackhand.core.clock import Millis, to_rfc3339

_SECOND, _MINUTE, _HOUR = 1_000, 60_000, 3_600_000
_SIZES = ("byte", "kilobyte", "megabyte", "gigabyte", "terabyte")


@dataclass(frozen=True, slots=True)
class Formats:
    """Formatters of one page: its language and its moment (`now`, UTC ms)."""

    locale: str
    now: Millis

    def moment(self, at: Millis | None) -> Markup:
        """Date and time as `<time>`; the browser turns it into the reader's time zone. None is a dash."""
        if at is None:
            return Markup("–")
        local = datetime.fromtimestamp(at / 1000, UTC).astimezone()
        text = format_datetime(local, "medium", locale=self.locale)
        return self._time(at, "moment", text, local.isoformat(sep=" ", timespec="seconds"))

    def ago(self, at: Millis | None) -> Markup:
        """How long ago, as `<time>` with the moment in its title; kept fresh by the browser. None is a dash."""
        if at is None:
            return Markup("–")
        local = datetime.fromtimestamp(at / 1000, UTC).astimezone()
        return self._time(at, "ago", self.since(at), format_datetime(local, "medium", locale=self.locale))

    def hour(self, at: Millis) -> str:
        """`14:00`, in the server's time zone."""
        local = datetime.fromtimestamp(at / 1000, UTC).astimezone()
        return str(format_time(local, "HH:mm", locale=self.locale))

    def since(self, at: Millis) -> str:
        """How long ago, as text: `5 minutes ago`, `5분 전`."""
        seconds = -max((self.now - at) // _SECOND, 0)
        return format_timedelta(seconds, add_direction=True, threshold=1.5, locale=self.locale)

    def duration(self, ms: float | None) -> str:
        """`0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`; None is a dash."""
        if ms is None:
            return "–"
        ms = max(ms, 0)  # a clock that was set back
        if ms < 10 * _SECOND:
            return self._unit(floor(ms / 100) / 10, "second")
        if ms < _MINUTE:
            return self._unit(floor(ms / _SECOND), "second")
        big, small, size = ("minute", "second", _SECOND) if ms < _HOUR else ("hour", "minute", _MINUTE)
        whole, rest = divmod(floor(ms / size), 60)
        return self._unit(whole, big) + (f" {self._unit(rest, small)}" if rest else "")

    def number(self, value: float | None) -> str:
        """With the language's separators; None is a dash."""
        return "–" if value is None else str(format_decimal(value, locale=self.locale))

    def percent(self, share: float | None, digits: int = 1) -> str:
        """0..1 as a percentage; None is a dash. Only a whole share shows 100 %."""
        if share is None:
            return "–"
        scale = 10 ** (2 + digits)
        pattern = "#,##0" + ("." + "#" * digits if digits else "") + "%"
        return str(format_percent(floor(share * scale + 1e-9) / scale, pattern, locale=self.locale))

    def bytes_(self, count: float | None) -> str:
        """`2.4 MB`; None is a dash."""
        if count is None:
            return "–"
        step = 0
        while count >= 1000 and step < len(_SIZES) - 1:
            count, step = count / 1000, step + 1
        return self._unit(round(count, 1) if step else count, f"digital-{_SIZES[step]}")

    def _unit(self, value: float, unit: str) -> str:
        shown = int(value) if float(value).is_integer() else value
        name = unit if unit.startswith("digital") else f"duration-{unit}"
        return str(format_unit(shown, name, "short", locale=self.locale))

    def _time(self, at: Millis, kind: str, text: str, title: str) -> Markup:
        return Markup('<time datetime="{}" data-time="{}" title="{}">{}</time>').format(
            to_rfc3339(at), kind, escape(title), escape(text)
        )
