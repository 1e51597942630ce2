"""Pure parsers of what Android's tools print. Text in, facts out; None or empty for what is not there.

Data-driven tests: tests/agent/facts/*.txt. What the adb server itself prints is parsed in adb/protocol.py, what
the package manager answers in adb/install.py.
"""

import re
from dataclasses import dataclass

_FIELD = re.compile(r"^\s*([A-Za-z][A-Za-z /]*):\s*(\S.*?)\s*$", re.MULTILINE)
_PROPERTY = re.compile(r"^\[([^\]]+)\]: \[([^\]]*)\]", re.MULTILINE)
_FOCUS = re.compile(r"mCurrentFocus=Window\{\S+(?: u\d+)? ([A-Za-z0-9_.]+)(?:/[^}\s]+)?\}")
_FOCUSED_APP = re.compile(r"m?[Ff]ocusedApp=.*?\bu\d+ ([A-Za-z0-9_.]+)/")
_RESUMED = re.compile(r"(?:mResumedActivity|topResumedActivity|ResumedActivity)[:=].*?\bu\d+ ([A-Za-z0-9_.]+)/")
_PLAYBACK = re.compile(r"state=PlaybackState ?\{ ?state=(?:[A-Z_]+\()?(\d+)")
_PLAYING = "3"
_HEALTH = {1: "unknown", 2: "good", 3: "overheat", 4: "dead", 5: "over_voltage", 6: "failure", 7: "cold"}
_STATUS = {1: "unknown", 2: "charging", 3: "discharging", 4: "not_charging", 5: "full"}
_UNITS = {"K": 1 / 1024, "M": 1.0, "G": 1024.0, "T": 1024.0 * 1024}


@dataclass(frozen=True, slots=True)
class Battery:
    """`dumpsys battery`: level in percent, temperature in degrees C."""

    level: int | None = None
    temperature_c: float | None = None
    health: str = ""
    status: str = ""
    is_powered: bool = False


def parse_battery(text: str) -> Battery:
    """Facts of `dumpsys battery`; fields that are missing or no numbers stay None."""
    fields = {name.strip().lower(): value for name, value in _FIELD.findall(text)}
    level, scale = _integer(fields.get("level")), _integer(fields.get("scale")) or 100
    tenths = _integer(fields.get("temperature"))
    return Battery(
        level=None if level is None else max(0, min(100, round(level * 100 / scale))),
        temperature_c=None if tenths is None else tenths / 10,
        health=_HEALTH.get(_integer(fields.get("health")) or 0, ""),
        status=_STATUS.get(_integer(fields.get("status")) or 0, ""),
        is_powered=any(value == "true" for name, value in fields.items() if name.endswith("powered")),
    )


def _integer(text: str | None) -> int | None:
    is_number = text is not None and re.fullmatch(r"-?[0-9]{1,9}", text) is not None
    return int(text) if is_number and text is not None else None


@dataclass(frozen=True, slots=True)
class Storage:
    """A file system in MiB."""

    free_mb: int | None = None
    total_mb: int | None = None


def parse_storage(text: str, mount: str = "/data") -> Storage:
    """Out of `df`: the line for `mount`, else the first that can be read. Takes `df` and `df -h`."""
    first = Storage()
    for line in text.splitlines():
        where, found = _storage_of(line.split())
        if found.free_mb is not None and where == mount:
            return found
        first = found if first.free_mb is None else first
    return first


def _storage_of(words: list[str]) -> tuple[str, Storage]:
    """`... size used free use% mount` of toybox, or `mount size used free blksize` of old toolbox."""
    if len(words) >= 6 and re.fullmatch(r"[0-9]{1,3}%", words[-2]):
        return words[-1], Storage(_megabytes(words[-3], "K"), _megabytes(words[-5], "K"))
    if len(words) == 5 and words[0].startswith("/"):
        return words[0], Storage(_megabytes(words[3], ""), _megabytes(words[1], ""))
    return "", Storage()


def _megabytes(text: str, default_unit: str) -> int | None:
    found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)([KMGT]?)", text)
    if not found or not (found[2] or default_unit):
        return None
    return int(float(found[1]) * _UNITS[found[2] or default_unit])


def parse_properties(text: str) -> dict[str, str]:
    """`getprop` without arguments: `[name]: [value]` per line."""
    return dict(_PROPERTY.findall(text))


def parse_focused_app(text: str) -> str | None:
    """The package in front, from `dumpsys window` or `dumpsys activity`; None if nothing has the focus."""
    for pattern in (_FOCUS, _FOCUSED_APP, _RESUMED):
        found = pattern.search(text)
        if found and "." in found[1]:
            return found[1]
    return None


def is_media_playing(text: str) -> bool:
    """Does any session of `dumpsys media_session` play (PlaybackState 3)?"""
    return _PLAYING in _PLAYBACK.findall(text)
