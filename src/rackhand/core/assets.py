"""Command kinds: their parameters, default time limits and effect classes (DESIGN sections 4 and 8)."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rackhand.core.errors import FieldError
from rackhand.core.schema import Boolean, Choice, Field, Integer, Record, Spec, Text, pointer

SHA256_PATTERN = r"^[0-9a-f]{64}$"
_TEXT = Text(min=1, max=4096)
_PACKAGE = Text(min=1, max=255)
_SHA256 = Text(min=64, max=64, pattern=SHA256_PATTERN, hint="a sha256 in 64 lower-case hex digits")
_PIXEL = Integer(0, 100_000)


class Effect(StrEnum):
    """May a step be repeated by itself after an unknown outcome? `once` is never."""

    REPEATABLE = "repeatable"
    ONCE = "once"


@dataclass(frozen=True, slots=True)
class Kind:
    """One command kind: the shape of its parameters, and its defaults."""

    name: str
    summary: str
    params: Record
    effect: Effect = Effect.REPEATABLE
    default_timeout_ms: int | None = None
    needs_one_of: tuple[str, ...] = ()


def _optional(spec: Spec) -> Field:
    return Field(spec, None)


_CONDITIONS: dict[str, Any] = {
    "property": _optional(Text(min=1, max=255)),
    "equals": _optional(Text(max=4096)),
    "focused_app": _optional(_PACKAGE),
    "dumpsys": _optional(Text(min=1, max=255)),
    "contains": _optional(_TEXT),
    "command": _optional(Text(min=1, max=65_536)),
    "exit_code": _optional(Integer(0, 255)),
    "matches": _optional(_TEXT),
    "media_playing": _optional(Boolean()),
}
_PRIMARY = ("property", "focused_app", "dumpsys", "command", "media_playing")
_COMPANIONS = {"equals": "property", "contains": "dumpsys", "exit_code": "command", "matches": "command"}
_NEEDS = {"property": "equals", "dumpsys": "contains"}

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("shell", "Run a shell command", Record({"command": Text(min=1, max=65_536)}), Effect.ONCE),
        Kind("screenshot", "Take a screenshot", Record({})),
        Kind("reboot", "Restart the device", Record({}), Effect.ONCE, 240_000),
        Kind("reconnect", "Reconnect the device to adb", Record({})),
        Kind("open_url", "Open a URL", Record({"url": _TEXT, "package": _optional(_PACKAGE)}), Effect.ONCE),
        Kind(
            "start_app",
            "Start an app",
            Record({"package": _PACKAGE, "activity": _optional(Text(min=1, max=255))}),
            Effect.ONCE,
        ),
        Kind("stop_app", "Stop an app", Record({"package": _PACKAGE})),
        Kind("uninstall", "Remove an app", Record({"package": _PACKAGE})),
        Kind(
            "install_apk",
            "Install an app",
            Record({"file": _SHA256, "replace": Field(Boolean(), True), "grant": Field(Boolean(), True)}),
            default_timeout_ms=300_000,
        ),
        Kind("push_file", "Copy a file to the device", Record({"file": _SHA256, "dest": _TEXT}), Effect.ONCE, 300_000),
        Kind("pull_file", "Copy a file from the device", Record({"path": _TEXT}), default_timeout_ms=300_000),
        Kind(
            "input",
            "Tap, swipe, type or press a key",
            Record(
                {
                    "action": Choice(("tap", "swipe", "text", "key")),
                    **{name: _optional(_PIXEL) for name in ("x", "y", "x2", "y2")},
                    "duration_ms": _optional(Integer(0, 60_000)),
                    "text": _optional(_TEXT),
                    "key": _optional(Text(min=1, max=64)),
                }
            ),
            Effect.ONCE,
        ),
        Kind("wait", "Wait", Record({"duration_ms": Integer(0, 86_400_000)})),
        Kind("wait_for", "Wait until something is so", Record(_CONDITIONS), needs_one_of=_PRIMARY),
        Kind("assert", "Check that something is so", Record(_CONDITIONS), needs_one_of=_PRIMARY),
        Kind(
            "logcat",
            "Read the device's log",
            Record(
                {
                    "lines": Field(Integer(1, 100_000), 500),
                    "duration_ms": _optional(Integer(1, 3_600_000)),
                    "filter": _optional(Text(min=1, max=1000)),
                }
            ),
        ),
        Kind(
            "set_setting",
            "Change a setting of the device",
            Record(
                {
                    "namespace": Choice(("system", "secure", "global")),
                    "key": Text(min=1, max=255),
                    "value": Text(max=4096),
                }
            ),
        ),
    )
}

_INPUT_NEEDS = {"tap": ("x", "y"), "swipe": ("x", "y", "x2", "y2"), "text": ("text",), "key": ("key",)}

ASSET = Record(
    {
        "title": Text(min=1, max=200),
        "kind": Choice(tuple(KINDS)),
        "params": Field(Record({}), {}),
        "folder": Field(Text(max=200), ""),
        "default_timeout_ms": _optional(Integer(1, 86_400_000)),
        "effect": _optional(Choice(tuple(Effect))),
    }
)
"""A command asset; `params` is checked by its kind (`check_asset`)."""


def check_params(kind: str, params: Any, path: str, errors: list[FieldError]) -> Any:
    """`params` of a known kind with defaults filled in and absent optional ones left out; appends every error."""
    spec = KINDS[kind]
    before = len(errors)
    parsed = spec.params.check(params, path, errors)
    if len(errors) > before:
        return params
    given = {name: value for name, value in parsed.items() if value is not None}
    _check_relations(spec, given, path, errors)
    return given


def _check_relations(kind: Kind, given: dict[str, Any], path: str, errors: list[FieldError]) -> None:
    if kind.needs_one_of and not any(name in given for name in kind.needs_one_of):
        errors.append(FieldError(path, "needs one or more of {names}", {"names": ", ".join(kind.needs_one_of)}))
    if kind.needs_one_of:
        pairs = [(name, needed) for name, needed in (_COMPANIONS | _NEEDS).items() if name in given]
        errors.extend(_missing(path, needed, name) for name, needed in pairs if needed not in given)
    if "matches" in given:
        _check_pattern(given["matches"], pointer(path, "matches"), errors)
    if kind.name == "input":
        needs = _INPUT_NEEDS[given["action"]]
        errors.extend(_missing(path, name, given["action"]) for name in needs if name not in given)


def _check_pattern(pattern: str, path: str, errors: list[FieldError]) -> None:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        errors.append(FieldError(path, "is not a regular expression: {reason}", {"reason": str(error)}))


def _missing(path: str, name: str, because: str) -> FieldError:
    return FieldError(pointer(path, name), "is required with {because}", {"because": because})


def check_asset(value: Any, errors: list[FieldError]) -> dict[str, Any]:
    """A command asset with its defaults: title, kind, params, folder, default_timeout_ms, effect."""
    params = value.get("params", {}) if isinstance(value, dict) else {}
    shape = {**value, "params": {}} if isinstance(value, dict) else value
    asset = ASSET.check(shape, "", errors)
    if not isinstance(asset, dict):
        return {}
    kind = KINDS.get(asset["kind"]) if isinstance(asset["kind"], str) else None
    if kind is None:
        return asset
    asset["params"] = check_params(kind.name, params, "/params", errors)
    asset["effect"] = asset["effect"] or kind.effect.value
    asset["default_timeout_ms"] = asset["default_timeout_ms"] or kind.default_timeout_ms
    return asset


def file_of(kind: str, params: dict[str, Any]) -> str | None:
    """The sha256 of the file that a step of this kind needs on the node, or None."""
    return params.get("file") if kind in ("install_apk", "push_file") else None
