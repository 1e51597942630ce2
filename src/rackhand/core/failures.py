"""Failures that are alike, as one line: "12 devices: device offline at step 3" instead of twelve. Pure."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

_CHANGING = re.compile(r"0x[0-9a-fA-F]+|[0-9a-fA-F]{8,}|\d+(?:[.:]\d+)*")


@dataclass(frozen=True, slots=True)
class Failure:
    """How one device's part of a run failed: at which step (from 0), and with what message."""

    device_index: int
    step_index: int
    message: str


@dataclass(frozen=True, slots=True)
class Group:
    """Devices whose failures differ in numbers only; `message` is that of the first of them."""

    step_index: int
    message: str
    device_indexes: tuple[int, ...]


def group(failures: Iterable[Failure]) -> list[Group]:
    """The largest group first; devices by index."""
    found: dict[tuple[int, str], list[Failure]] = defaultdict(list)
    for failure in sorted(failures, key=lambda failure: failure.device_index):
        found[failure.step_index, _CHANGING.sub("#", failure.message)].append(failure)
    groups = [
        Group(step_index, alike[0].message, tuple(failure.device_index for failure in alike))
        for (step_index, _), alike in found.items()
    ]
    return sorted(groups, key=lambda each: (-len(each.device_indexes), each.step_index, each.device_indexes))
