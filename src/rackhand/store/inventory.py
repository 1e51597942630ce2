"""The fleet in SQL: its rev and layout, what tiles show, and whom a run may plan with."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, exists, or_, select, update

from rackhand.core import reasons
from rackhand.core.clock import Millis
from rackhand.core.plan import Candidate
from rackhand.core.target import parse_indexes
from rackhand.store import blocks
from rackhand.store.db import Tx
from rackhand.store.many import among
from rackhand.store.tables import device_conflicts, devices, nodes, sweeps, workspaces

_D = devices.c
MOST_EXPIRED = 5_000
MOST_RANGES = 50
"""Of indexes in one statement; a target with more of them is looked for among all devices."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """What a poll compares: `rev` moves with every visible change, `layout` when a tile comes, goes or moves."""

    rev: int
    layout: int


def load_fleet(tx: Tx) -> Fleet:
    """One tiny read: the row of the workspace."""
    statement = select(workspaces.c.fleet_rev, workspaces.c.layout).where(workspaces.c.id == tx.workspace_id)
    row = tx.conn.execute(statement).one()
    return Fleet(row.fleet_rev, row.layout)


def touch_fleet(tx: Tx, *, layout: bool = False) -> int:
    """Take the next rev of the fleet, after all other row locks; `layout` if tiles come, go or move."""
    values: dict[str, Any] = {"fleet_rev": workspaces.c.fleet_rev + 1}
    if layout:
        values["layout"] = workspaces.c.layout + 1
    change = update(workspaces).where(workspaces.c.id == tx.workspace_id).values(values)
    return int(tx.conn.execute(change.returning(workspaces.c.fleet_rev)).scalar_one())


def open_conflict() -> ColumnElement[bool]:
    """Whether an unresolved conflict is about the device of the row."""
    return exists().where(
        device_conflicts.c.workspace_id == devices.c.workspace_id,
        device_conflicts.c.serial == devices.c.serial,
        device_conflicts.c.resolved_at.is_(None),
    )


def named(tx: Tx, target: dict[str, Any]) -> tuple[ColumnElement[bool], ...]:
    """The devices of a target as far as an index of the database finds them: `core.target.select` has the last word."""
    if target["scope"] == "nodes":
        return (among(tx, _D.node_id, target["nodes"]),)
    ranges = parse_indexes(target["indexes"]) if target["scope"] == "indexes" else []
    return (or_(*(_D.index_no.between(*both) for both in ranges)),) if 0 < len(ranges) <= MOST_RANGES else ()


def these(tx: Tx, device_ids: Sequence[str]) -> ColumnElement[bool]:
    """Devices by id, as a condition of `candidates`."""
    return among(tx, _D.id, device_ids)


def candidates(tx: Tx, now: Millis, online_window_s: int, *where: ColumnElement[bool]) -> list[Candidate]:
    """Every device that meets `where`, as the planner sees it, in the order of the indexes; those without one last."""
    doubled = _doubled_serials(tx)
    columns = (_D.id, _D.index_no, _D.serial, _D.node_id, _D.label, _D.labels, _D.is_online, _D.usb_path, _D.model)
    statement = (
        select(*columns, *blocks.COLUMNS)
        .select_from(blocks.WITH_HEALTH)
        .where(_D.workspace_id == tx.workspace_id, *where)
        .order_by(_D.index_no.is_(None), _D.index_no, _D.id)
    )
    rows = tx.conn.execute(statement).all()
    fresh, draining = _nodes(tx, {row.node_id for row in rows} - {None}, now - online_window_s * 1000)
    found = []
    for row in rows:
        device_id, index_no, serial, node_id, label, labels, is_online, usb_path, model = row[: len(columns)]
        blocked = reasons.CONFLICT if serial in doubled else blocks.reason(row)
        blocked = blocked or (reasons.DRAINING if node_id in draining else None)
        is_reachable = bool(is_online) and node_id in fresh
        known = (device_id, index_no, serial, node_id, label, labels, is_reachable, blocked)
        found.append(Candidate(*known, usb_path=usb_path, model=model))
    return found


def _nodes(tx: Tx, ids: set[str], since: Millis) -> tuple[set[str], set[str]]:
    """Of these nodes, those that reported since then, and those that drain; online ones count as having reported while
    the servers have only just resumed."""
    if not ids:
        return set(), set()
    resumed = tx.conn.execute(select(sweeps.c.resumed_at).where(sweeps.c.workspace_id == tx.workspace_id)).scalar()
    has_resumed = (resumed or 0) >= since
    statement = select(nodes.c.id, nodes.c.last_seen_at, nodes.c.is_online, nodes.c.state)
    mine = statement.where(nodes.c.workspace_id == tx.workspace_id, among(tx, nodes.c.id, sorted(ids)))
    fresh, draining = set(), set()
    for node_id, last_seen_at, is_online, state in tx.conn.execute(mine):
        if (last_seen_at or 0) >= since or (is_online and has_resumed):
            fresh.add(node_id)
        if state == "draining":
            draining.add(node_id)
    return fresh, draining


def _doubled_serials(tx: Tx) -> set[str]:
    c = device_conflicts.c
    statement = select(c.serial).where(c.workspace_id == tx.workspace_id, c.resolved_at.is_(None))
    return set(tx.conn.execute(statement).scalars())


_DRIVEN = (1, 2)
"""running, waiting"""
Shown = tuple[str, int, str | None, Millis]
"""(device_id, activity, run_id, at)"""


def lock(tx: Tx, device_ids: Sequence[str]) -> None:
    """Hold devices, in the order of their ids, before rows that refer to them are added: two transactions that first
    shared a device, and then both wanted to change it, would wait for each other for ever."""
    if tx.dialect == "postgresql":
        _activities(tx, sorted(device_ids))


def set_activity(tx: Tx, shown: Sequence[Shown]) -> int | None:
    """What tiles show from now on; the last word on a device counts. Takes a rev if a tile changes, and returns it."""
    wanted = {entry[0]: entry for entry in shown}
    if not wanted:
        return None
    before = _activities(tx, sorted(wanted))
    known = [e for device_id, e in wanted.items() if device_id in before and not _is_hidden(e, before[device_id])]
    changed = [entry for entry in known if before[entry[0]][0] != entry[1]]
    same = [entry for entry in known if before[entry[0]][0] == entry[1] and before[entry[0]][1:] != entry[2:]]
    rev = touch_fleet(tx) if changed else None
    _write_activity(tx, same, None)
    _write_activity(tx, changed, rev)
    return rev


def _is_hidden(entry: Shown, before: tuple[int, str | None, Millis | None]) -> bool:
    """While a run drives a device, its tile shows that run: not another one that only queues or leaves it out."""
    return before[0] in _DRIVEN and entry[1] not in _DRIVEN and entry[2] != before[1]


def _activities(tx: Tx, device_ids: Sequence[str]) -> dict[str, tuple[int, str | None, Millis | None]]:
    statement = select(_D.id, _D.activity, _D.activity_run_id, _D.activity_at)
    mine = statement.where(_D.workspace_id == tx.workspace_id, among(tx, _D.id, device_ids))
    rows = tx.conn.execute(mine.order_by(_D.id).with_for_update())
    return {device_id: (activity, run_id, at) for device_id, activity, run_id, at in rows}


def _write_activity(tx: Tx, shown: Iterable[Shown], rev: int | None) -> None:
    alike: dict[tuple[int, str | None, Millis], list[str]] = defaultdict(list)
    for device_id, activity, run_id, at in shown:
        alike[activity, run_id, at].append(device_id)
    for (activity, run_id, at), ids in alike.items():
        values: dict[str, Any] = {"activity": int(activity), "activity_run_id": run_id, "activity_at": at}
        if rev is not None:
            values["rev"] = rev
        where = (_D.workspace_id == tx.workspace_id, among(tx, _D.id, ids))
        tx.conn.execute(update(devices).where(*where).values(values))


def expired_activity(tx: Tx, before: Millis) -> list[str]:
    """Devices that have shown an end of a run since before then."""
    statement = select(_D.id).where(
        _D.workspace_id == tx.workspace_id, _D.activity.in_((3, 4)), _D.activity_at < before
    )
    return list(tx.conn.execute(statement.order_by(_D.id).limit(MOST_EXPIRED).with_for_update()).scalars())
