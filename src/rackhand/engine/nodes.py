"""Nodes as they speak: heartbeats and silence. A heartbeat writes one node row and the device rows that changed, only.

A serial that two nodes report online at once opens a conflict. If the node that had it before then lists it no more, it
was a move and the conflict ends by itself; once both have confirmed it, only an operator ends it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from msgspec import UNSET

from rackhand.core.errors import NotFound
from rackhand.core.lease import Periods
from rackhand.core.states import DeviceState
from rackhand.engine import health, preferences, reports
from rackhand.engine.facts import NodeMoved
from rackhand.engine.reports import Claim
from rackhand.store import inventory, nodes, sightings
from rackhand.store.db import Tx
from rackhand.store.nodes import NodeRow
from rackhand.store.sightings import Conflict, Known
from rackhand.wire.messages import Heartbeat, ReportedDevice, ReportedNode

ONLINE_WINDOW_MS = 30_000
MAX_CAPACITY = 10_000
MOVED = "system: it was moved"


@dataclass(frozen=True, slots=True)
class BeatChanges:
    """What a heartbeat changed: the rev it took, or None, and the serials that appeared or moved here."""

    rev: int | None = None
    added: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()

    @property
    def has_changes(self) -> bool:
        return self.rev is not None


@dataclass(slots=True)
class _Draft:
    """Rows to write. `visible` are ids of rows whose change takes a rev."""

    rows: dict[str, Known] = field(default_factory=dict)
    visible: set[str] = field(default_factory=set)
    new: list[Claim] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)

    def save(self, row: Known, *, is_visible: bool) -> None:
        self.rows[row.id] = row
        if is_visible:
            self.visible.add(row.id)


def beat(
    tx: Tx, node_id: str, heartbeat: Heartbeat, periods: Periods, online_window_ms: int = ONLINE_WINDOW_MS
) -> BeatChanges:
    """Take in one heartbeat. NotFound if the node was deleted meanwhile."""
    node = nodes.get(tx, node_id, for_update=True)
    if node is None:
        raise NotFound("there is no node {node}; nothing was changed: enrol it again", node=node_id)
    draft, rev = _Draft(), None
    if heartbeat.devices is not UNSET:
        rev = _compare(tx, draft, node_id, heartbeat, periods, online_window_ms)
    spoken = _spoken(node, heartbeat.node)
    if rev is None and (spoken or draft.visible):
        rev = inventory.touch_fleet(tx, layout=bool(draft.moved))
    elif draft.moved:
        rev = inventory.touch_fleet(tx, layout=True)
    sightings.write(
        tx, [replace(row, rev=rev or row.rev) if row.id in draft.visible else row for row in _sorted(draft)]
    )
    if heartbeat.devices is not UNSET:
        missed = {row.id for row in draft.rows.values() if row.facts.health == DeviceState.ABSENT}
        health.take(tx, node_id, heartbeat, preferences.read(tx).limits, missed)
    nodes.change(tx, node_id, last_seen_at=tx.now, **spoken, **({"rev": rev} if spoken else {}))
    if not node.is_online:
        tx.tell(NodeMoved(node_id, True))
    added = tuple(claim.serial for claim in draft.new)
    return BeatChanges(rev, added, tuple(draft.moved), tuple(draft.conflicts))


def mark_silent(tx: Tx, periods: Periods, online_window_ms: int = ONLINE_WINDOW_MS) -> tuple[str, ...]:
    """Nodes that reported nothing for the online window are offline, and their devices too. One query if all speak."""
    silent = nodes.silent_since(tx, tx.now - online_window_ms)
    if silent:
        nodes.mark_offline(tx, silent, inventory.touch_fleet(tx))
        tx.tell(*(NodeMoved(node_id, False) for node_id in silent))
    return tuple(silent)


def _sorted(draft: _Draft) -> list[Known]:
    return [draft.rows[row_id] for row_id in sorted(draft.rows)]


def _spoken(node: NodeRow, said: ReportedNode) -> dict[str, Any]:
    """Columns of the node that change what is shown; what a heartbeat leaves out stays, but an error is over."""
    heard: dict[str, Any] = {"is_online": True, "last_error_message": _cut(said.last_error_message, 4000)}
    if said.agent_version is not None:
        heard["agent_version"] = _cut(said.agent_version, 255)
    if said.adb_version is not None:
        heard["adb_version"] = _cut(said.adb_version, 255)
    if said.concurrency is not None:
        heard["capacity"] = min(max(said.concurrency, 1), MAX_CAPACITY)
    return {name: value for name, value in heard.items() if getattr(node, name) != value}


def _cut(text: str | None, most: int) -> str | None:
    return text[:most] if text else None


def _compare(
    tx: Tx, draft: _Draft, node_id: str, heartbeat: Heartbeat, periods: Periods, online_window_ms: int
) -> int | None:
    """Fill the draft from the whole list; returns the rev if one had to be taken already, for new devices."""
    mine = {row.serial: row for row in sightings.of_node(tx, node_id)}
    devices = reports.recognised(heartbeat.devices or [], mine)
    claims = {claim.serial: claim for claim in reports.claims_of(devices, mine, tx.now, online_window_ms)}
    known = mine | {row.serial: row for row in sightings.by_serials(tx, claims.keys() - mine.keys())}
    rev = None
    if claims.keys() - known.keys():
        rev = inventory.touch_fleet(tx, layout=True)  # whoever holds the fleet's row gives out indexes
        known |= {row.serial: row for row in sightings.by_serials(tx, claims.keys() - known.keys())}
    conflicts = sightings.open_conflicts(tx)
    for claim in claims.values():
        _take(tx, draft, node_id, claim, known.get(claim.serial), conflicts.get(claim.serial), periods)
    _register(tx, draft, node_id, rev)
    for row in mine.values():
        if row.serial not in claims:
            _miss(tx, draft, row, conflicts.get(row.serial))
    _sync_transports(tx, node_id, devices, periods)
    return rev


def _register(tx: Tx, draft: _Draft, node_id: str, rev: int | None) -> None:
    if draft.new and rev is not None:
        sightings.register(tx, node_id, [(claim.serial, claim.facts) for claim in draft.new], rev)


def _take(
    tx: Tx,
    draft: _Draft,
    node_id: str,
    claim: Claim,
    row: Known | None,
    conflict: Conflict | None,
    periods: Periods,
) -> None:
    """One serial that the node lists: new here, as before, moved here, or claimed by two."""
    if claim.is_twice:
        _disagree(tx, draft, node_id, claim, row, conflict, "same_node", periods)
    if row is None:
        draft.new.append(claim)
    elif row.node_id == node_id:
        if conflict is not None and conflict.kind == "two_nodes":
            _confirm(tx, node_id, claim, conflict, periods)
        changed = reports.updated(row, claim, tx.now, periods.probe_write_ms)
        if changed is not None:
            draft.save(changed, is_visible=reports.is_visible(row.facts, changed.facts))
    elif row.node_id is not None and row.facts.is_online:
        if claim.facts.is_online:
            _disagree(tx, draft, node_id, claim, row, conflict, "two_nodes", periods)
    elif claim.facts.is_online or row.node_id is None:
        _move(tx, draft, node_id, claim, row, conflict, periods)


def _move(
    tx: Tx, draft: _Draft, node_id: str, claim: Claim, row: Known, conflict: Conflict | None, periods: Periods
) -> None:
    """The device is here now; its index stays. A conflict that both nodes confirmed keeps it where it was."""
    if conflict is not None and conflict.kind == "two_nodes":
        if _is_confirmed(conflict):
            return _disagree(tx, draft, node_id, claim, row, conflict, "two_nodes", periods)
        sightings.resolve_conflict(tx, conflict.id, MOVED)
    changed = reports.updated(row, claim, tx.now, 0)
    if changed is not None:
        draft.save(replace(changed, node_id=node_id), is_visible=True)
        draft.moved.append(row.serial)
    return None


def _miss(tx: Tx, draft: _Draft, row: Known, conflict: Conflict | None) -> None:
    """A device of this node that it lists no more."""
    if conflict is not None and conflict.kind == "two_nodes" and not _is_confirmed(conflict):
        sightings.resolve_conflict(tx, conflict.id, MOVED)
    if row.facts.is_online or row.facts.adb_state is not None:
        is_out = row.facts.health == DeviceState.QUARANTINED
        health_word = row.facts.health if is_out else DeviceState.ABSENT.value
        gone = replace(row.facts, is_online=False, adb_state=None, health=health_word)
        draft.save(replace(row, facts=gone), is_visible=True)


def _disagree(
    tx: Tx,
    draft: _Draft,
    node_id: str,
    claim: Claim,
    row: Known | None,
    conflict: Conflict | None,
    kind: str,
    periods: Periods,
) -> None:
    """Open or refresh the conflict about a serial."""
    mine = [_sighting(node_id, handle, claim.facts.usb_path, tx.now) for handle in claim.handles]
    if conflict is not None:
        _refresh(tx, conflict, node_id, mine, periods)
        return
    theirs = []
    if kind == "two_nodes" and row is not None:
        seen = _sighting(row.node_id, row.facts.runtime_handle, row.facts.usb_path, row.last_seen_at)
        theirs = [seen | {"is_confirmed": False}]
    sightings.add_conflict(tx, claim.serial, kind, node_id, theirs + mine)
    draft.conflicts.append(claim.serial)
    if row is not None:
        draft.save(draft.rows.get(row.id, row), is_visible=True)


def _sighting(node_id: str | None, handle: str | None, usb_path: str | None, seen_at: int | None) -> dict[str, Any]:
    return {
        "node_id": node_id,
        "runtime_handle": handle,
        "usb_path": usb_path,
        "seen_at": seen_at,
        "is_confirmed": True,
    }


def _confirm(tx: Tx, node_id: str, claim: Claim, conflict: Conflict, periods: Periods) -> None:
    """The first owner speaks again: it still has the device, or it was a move after all."""
    if claim.facts.is_online:
        mine = [_sighting(node_id, handle, claim.facts.usb_path, tx.now) for handle in claim.handles]
        _refresh(tx, conflict, node_id, mine, periods)
    elif not _is_confirmed(conflict):
        sightings.resolve_conflict(tx, conflict.id, MOVED)


def _refresh(tx: Tx, conflict: Conflict, node_id: str, mine: list[dict[str, Any]], periods: Periods) -> None:
    others = [seen for seen in conflict.sightings if seen["node_id"] != node_id]
    places = {(seen["runtime_handle"], seen["is_confirmed"]) for seen in conflict.sightings if seen not in others}
    is_same = places == {(seen["runtime_handle"], True) for seen in mine}
    if not is_same or tx.now - conflict.last_seen_at >= periods.probe_write_ms:
        sightings.refresh_conflict(tx, conflict.id, conflict.kind, node_id, others + mine)


def _is_confirmed(conflict: Conflict) -> bool:
    return all(seen["is_confirmed"] for seen in conflict.sightings)


def _sync_transports(tx: Tx, node_id: str, devices: Sequence[ReportedDevice], periods: Periods) -> None:
    """Transports without a serial: written when the list differs, else once in a while."""
    now = reports.transports_of(devices, node_id, tx.now)
    before = nodes.transports(tx, node_id)
    is_old = any(tx.now - row.last_seen_at >= periods.probe_write_ms for row in before)
    if is_old or [replace(row, last_seen_at=0) for row in now] != [replace(row, last_seen_at=0) for row in before]:
        nodes.replace_transports(tx, node_id, now)
