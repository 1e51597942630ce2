"""The checklist of a new installation: from the first PC to the first run. Points are found out, never ticked by hand.
Pure: facts in, points out; on which page a point is done is the page's business.
"""

from dataclasses import dataclass
from enum import StrEnum

from rackhand.core.message import Message, joined

_SHOWN = 5


class PointState(StrEnum):
    """`open` waits for somebody or something; `problem` will not go away by waiting."""

    DONE = "done"
    OPEN = "open"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A node as it was last heard of. An adb server of somebody else may not tell its release."""

    id: str
    is_online: bool
    was_seen: bool
    adb_version: str | None
    error: str | None = None
    online_devices: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """What the checklist looks at. `unauthorised` are handles of phones that wait for a touch on their screens."""

    nodes: tuple[NodeFacts, ...] = ()
    devices: int = 0
    online_devices: int = 0
    unauthorised: tuple[str, ...] = ()
    has_scanned: bool = False
    runs: int = 0
    has_finished_run: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """One point: its name, its state, and what was found, in words."""

    name: str
    state: PointState
    detail: str


def judge(facts: Facts) -> tuple[Point, ...]:
    """All points in the order in which they come true."""
    return (_node(facts), _adb(facts), _devices(facts), _authorised(facts), _scan(facts), _run(facts))


def _listed(names: tuple[str, ...]) -> str:
    return joined(names[:_SHOWN]) if len(names) <= _SHOWN else Message("{names} …", names=joined(names[:_SHOWN]))


def _ids(nodes: list[NodeFacts]) -> str:
    return _listed(tuple(node.id for node in nodes))


def _node(facts: Facts) -> Point:
    online = [node for node in facts.nodes if node.is_online]
    if online:
        return Point("node", PointState.DONE, Message("connected: {nodes}", nodes=_ids(online)))
    if not facts.nodes:
        return Point("node", PointState.OPEN, Message("no PC is enrolled yet"))
    seen = [node for node in facts.nodes if node.was_seen]
    if seen:
        text = Message("silent: {nodes}; is the PC on, and its agent running?", nodes=_ids(seen))
        return Point("node", PointState.PROBLEM, text)
    text = Message("enrolled: {nodes}; run the command on that PC", nodes=_ids(list(facts.nodes)))
    return Point("node", PointState.OPEN, text)


def _adb(facts: Facts) -> Point:
    online = [node for node in facts.nodes if node.is_online]
    without = [node for node in online if not node.adb_version and not node.online_devices]
    if not online:
        return Point("adb", PointState.OPEN, Message("known once a PC answers"))
    if without:
        reason = next((node.error for node in without if node.error), None)
        text = Message("no adb that works on {nodes}", nodes=_ids(without))
        if reason is not None:
            text = Message("no adb that works on {nodes}: {reason}", nodes=_ids(without), reason=reason)
        return Point("adb", PointState.PROBLEM, text)
    versions = tuple(sorted({node.adb_version for node in online if node.adb_version}))
    if not versions:
        return Point("adb", PointState.DONE, Message("it answers; another program's server, release unknown"))
    return Point("adb", PointState.DONE, Message("version {versions}", versions=_listed(versions)))


def _devices(facts: Facts) -> Point:
    if facts.devices:
        return Point("devices", PointState.DONE, Message("{n} devices are registered", n=facts.devices))
    if facts.unauthorised:
        text = Message("a phone is plugged in and not authorised yet: {handles}", handles=_listed(facts.unauthorised))
        return Point("devices", PointState.OPEN, text)
    text = Message("no phone is seen yet: plug one in, with USB debugging on")
    return Point("devices", PointState.OPEN, text)


def _authorised(facts: Facts) -> Point:
    if facts.unauthorised:
        text = Message("allow USB debugging on the screens of {handles}", handles=_listed(facts.unauthorised))
        return Point("authorised", PointState.PROBLEM, text)
    if not facts.devices:
        return Point("authorised", PointState.OPEN, Message("known once a phone is seen"))
    if not facts.online_devices:
        return Point("authorised", PointState.PROBLEM, Message("no device answers: look at cables and screens"))
    text = Message("{online} of {n} devices answer", online=facts.online_devices, n=facts.devices)
    return Point("authorised", PointState.DONE, text)


def _scan(facts: Facts) -> Point:
    if facts.has_scanned:
        return Point("scan", PointState.DONE, Message("a node has looked for devices and told what it found"))
    return Point("scan", PointState.OPEN, Message("ask the nodes to look for devices now"))


def _run(facts: Facts) -> Point:
    if facts.has_finished_run:
        return Point("run", PointState.DONE, Message("{n} runs so far", n=facts.runs))
    if facts.runs:
        return Point("run", PointState.OPEN, Message("the first run is under way"))
    return Point("run", PointState.OPEN, Message("start one of the presets below"))
