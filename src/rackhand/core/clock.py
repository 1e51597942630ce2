"""Times: UTC milliseconds since 1970 inside, RFC 3339 in JSON. Reads no clock; conversions only."""

import re
from datetime import UTC, datetime, timedelta

Millis = int

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_LATEST = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z, the last moment datetime knows
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def to_rfc3339(at: Millis) -> str:
    """`1_000` -> `1970-01-01T00:00:01.000Z`; times outside 1970..9999 are clamped."""
    moment = _EPOCH + _MS * min(max(at, 0), _LATEST)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def from_rfc3339(text: str) -> Millis:
    """Milliseconds of an RFC 3339 time with its zone; ValueError for anything else."""
    if not _RFC3339.fullmatch(text):
        raise ValueError(f"not an RFC 3339 time with a zone: {text[:40]!r}")
    try:
        moment = datetime.fromisoformat(text.upper().replace(" ", "T"))
        return max((moment - _EPOCH) // _MS, 0)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"not an RFC 3339 time: {text[:40]!r}") from error
