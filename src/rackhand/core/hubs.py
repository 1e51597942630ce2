"""Hubs: many devices that go at once are one incident of their hub, not as many broken devices.

A hub is a prefix of USB paths (`1-4` of `1-4.2`). Pure: `look` notes who is there, `find` gives the incidents.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace

from rackhand.core.clock import Millis


@dataclass(frozen=True, slots=True)
class HubRules:
    """`hub_window_ms`: how close together losses must be. Devices gone for `hub_forget_ms` were taken away for good."""

    hub_losses: int = 3
    hub_window_ms: int = 30_000
    hub_forget_ms: int = 3_600_000


@dataclass(frozen=True, slots=True)
class Port:
    """Where a device is, or was until `lost_at`."""

    usb_path: str
    lost_at: Millis | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """A hub whose devices went together: those that were lost, and how many it had."""

    hub: str
    began_at: Millis
    serials: frozenset[str]
    total: int


def hubs_of(usb_path: str) -> tuple[str, ...]:
    """The hubs above a socket, the nearest first: `1-4.2` is on `1-4`, and that on the bus `1`."""
    bus, dash, ports = usb_path.partition("-")
    if not dash:
        return ()
    steps = ports.split(".")
    return (*(f"{bus}-{'.'.join(steps[:count])}" for count in range(len(steps) - 1, 0, -1)), bus)


def look(ports: Mapping[str, Port], there: Mapping[str, str], now: Millis, rules: HubRules) -> dict[str, Port]:
    """The ports after one more look; `there` is the USB path of each device that answers, by serial."""
    gone = {
        serial: port if port.lost_at is not None else replace(port, lost_at=now)
        for serial, port in ports.items()
        if serial not in there and now - (port.lost_at or now) < rules.hub_forget_ms
    }
    return gone | {serial: Port(usb_path) for serial, usb_path in there.items()}


def find(ports: Mapping[str, Port], before: Iterable[Incident], now: Millis, rules: HubRules) -> tuple[Incident, ...]:
    """The incidents that go on, and those that begin."""
    fresh = {s: p for s, p in ports.items() if p.lost_at is not None and now - p.lost_at < rules.hub_window_ms}
    grown = [_grow(incident, ports, fresh) for incident in before]
    kept = [incident for incident in grown if not _is_over(incident, ports, now, rules)]
    covered = frozenset[str]().union(*(incident.serials for incident in grown))
    rest = {serial: port for serial, port in fresh.items() if serial not in covered}
    return (*kept, *_begin(ports, rest, now, rules))


def _grow(incident: Incident, ports: Mapping[str, Port], fresh: Mapping[str, Port]) -> Incident:
    """Further losses of the same hub belong to the same incident."""
    more = {serial for serial, port in fresh.items() if incident.hub in hubs_of(port.usb_path)}
    return replace(incident, serials=incident.serials | more, total=max(incident.total, _count(ports, incident.hub)))


def _is_over(incident: Incident, ports: Mapping[str, Port], now: Millis, rules: HubRules) -> bool:
    """Half of the devices are back, and no more losses are to be expected: the others are ill by themselves."""
    lost = sum(serial in ports and ports[serial].lost_at is not None for serial in incident.serials)
    return now - incident.began_at >= rules.hub_window_ms and 2 * lost <= len(incident.serials)


def _begin(ports: Mapping[str, Port], lost: Mapping[str, Port], now: Millis, rules: HubRules) -> Iterable[Incident]:
    """The hubs that explain the losses, from the buses down; strays elsewhere on a bus are not part of it."""
    by_hub: dict[str, set[str]] = defaultdict(set)
    for serial, port in lost.items():
        for hub in hubs_of(port.usb_path):
            by_hub[hub].add(serial)
    enough = {hub for hub, serials in by_hub.items() if _is_enough(len(serials), _count(ports, hub), rules)}
    for top in sorted(hub for hub in enough if enough.isdisjoint(hubs_of(hub))):
        hub = _explain(top, enough)
        yield Incident(hub, now, frozenset(by_hub[hub]), _count(ports, hub))


def _explain(hub: str, enough: Set[str]) -> str:
    """Down to the hub of which no part, or more than one part, lost enough by itself."""
    parts = [part for part in enough if hubs_of(part)[:1] == (hub,)]
    return _explain(parts[0], enough) if len(parts) == 1 else hub


def _is_enough(lost: int, total: int, rules: HubRules) -> bool:
    """Three, or more than half of the hub; one device alone is never a hub."""
    return lost >= rules.hub_losses or (lost > 1 and 2 * lost > total)


def _count(ports: Mapping[str, Port], hub: str) -> int:
    return sum(hub in hubs_of(port.usb_path) for port in ports.values())
