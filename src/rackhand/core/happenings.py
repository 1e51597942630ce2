"""Happenings: what people may want to be told of, and the sentence that says it. Nothing is sent from here.

A happening is a kind, a key (the same thing has the same key, and is told once) and the values of its sentence.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from rackhand.core.clock import Millis
from rackhand.core.message import Message


class Happening(StrEnum):
    """Kinds that a rule can name, and `test`, which no rule names."""

    RUN_FAILED = "run_failed"
    RUN_PARTIAL = "run_partial"
    NODE_SILENT = "node_silent"
    DEVICE_QUARANTINED = "device_quarantined"
    NEW_VIDEO = "new_video"
    QUOTA_LOW = "quota_low"
    TEST = "test"


RULED = tuple(kind for kind in Happening if kind is not Happening.TEST)


@dataclass(frozen=True, slots=True)
class Found:
    """Something that happened. `subject` is like `run:<id>` or `node:PC-01`, `path` the page that shows it."""

    kind: Happening
    key: str
    at: Millis
    subject: str
    path: str
    values: Mapping[str, Any] = field(default_factory=dict)


def message_of(kind: Happening, values: Mapping[str, Any]) -> Message:
    """The sentence for people; a value that is missing is shown as a dash."""
    v = _Known(values)
    match kind:
        case Happening.RUN_FAILED:
            return Message(
                "run {title!r} failed: {failed} of {total} devices did not succeed",
                title=v["title"],
                failed=v["failed"],
                total=v["total"],
            )
        case Happening.RUN_PARTIAL:
            return Message(
                "run {title!r} is partial: {failed} of {total} devices did not succeed",
                title=v["title"],
                failed=v["failed"],
                total=v["total"],
            )
        case Happening.NODE_SILENT:
            return Message("node {node} is silent: its devices are out of reach", node=v["node"])
        case Happening.DEVICE_QUARANTINED:
            return Message("device {device} is quarantined: {reason}", device=v["device"], reason=v["reason"])
        case Happening.NEW_VIDEO:
            return Message("new video of {channel}: {title}", channel=v["channel"], title=v["title"])
        case Happening.QUOTA_LOW:
            return Message("{left} of {budget} units of today's quota are left", left=v["left"], budget=v["budget"])
    return Message("this is a test: messages of Rackhand arrive here")


class _Known(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "–"
