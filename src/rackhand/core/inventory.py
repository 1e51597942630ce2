"""Inventory: which index a new device gets, and when two devices claim to be one."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

_NUMBER = re.compile(r"(\d{1,18})")  # bounded: int() refuses numbers of thousands of digits


@dataclass(frozen=True, slots=True)
class Sighting:
    """A device as a node reports it; without a serial it is an unidentified transport."""

    serial: str | None
    runtime_handle: str
    usb_path: str | None
    is_online: bool


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key in which `usb 1-9` comes before `usb 1-10`."""
    parts = _NUMBER.split(text)
    return tuple((1, int(part), "") if i % 2 else (0, 0, part) for i, part in enumerate(parts))


def port_order(sightings: Iterable[Sighting]) -> list[Sighting]:
    """By USB path, then handle; devices without a path come after those with one."""
    return sorted(
        sightings, key=lambda s: (s.usb_path is None, natural_key(s.usb_path or ""), natural_key(s.runtime_handle))
    )


def free_indexes(taken: Iterable[int], count: int) -> list[int]:
    """The `count` lowest indexes >= 1 that are not taken."""
    used, found, index = set(taken), list[int](), 1
    while len(found) < count:
        if index not in used:
            found.append(index)
        index += 1
    return found


def duplicated_serials(sightings: Iterable[Sighting]) -> set[str]:
    """Serials that more than one transport of one node claims."""
    seen = Counter(s.serial for s in sightings if s.serial is not None)
    return {serial for serial, count in seen.items() if count > 1}
