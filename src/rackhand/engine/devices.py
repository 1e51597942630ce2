"""Devices as operators handle them: find, name, label, give an index, swap, release, quarantine, end a conflict.

Actions that run steps on a device are runs (engine.runs), never made here.
"""

import re
from dataclasses import replace
from typing import Any

from rackhand.core.errors import Conflict, FieldError, Invalid, NotFound
from rackhand.core.schema import Field, Integer, MapOf, Record, Text
from rackhand.core.states import DeviceState
from rackhand.core.target import MAX_INDEX, parse_indexes
from rackhand.engine import device_views
from rackhand.engine.access import Actor, audit
from rackhand.engine.device_views import DeviceDetail, DevicePage
from rackhand.engine.paging import decode_cursor, encode_cursor
from rackhand.store import devices, health, inventory, nodes, sightings
from rackhand.store.db import Tx
from rackhand.store.devices import DeviceRow, Filters

_INDEX = Integer(1, MAX_INDEX)
_KEY = Text(min=1, max=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$", hint="made of letters, digits and . _ / -")
DEVICE_CHANGE = Record(
    {
        "label": Field(Text(min=1, max=200), None),
        "labels": Field(MapOf(Text(max=200), key=_KEY, max=50), None),
        "index": Field(_INDEX, None),
        "index_no": Field(_INDEX, None),
    }
)
_RANGES = re.compile(r"(?=.*[-,])\d{1,9}(-\d{1,9})?(\s*,\s*\d{1,9}(-\d{1,9})?)*", re.ASCII)
SWAP = Record({"with": _INDEX})
RELEASE = Record({"reason": Field(Text(min=1, max=500), None)})
QUARANTINE = Record({"reason": Text(min=1, max=500)})
RESOLUTION = Record({"node_id": Field(Text(min=1, max=63), None)})


def page(tx: Tx, filters: Filters, *, cursor: str | None, limit: int) -> DevicePage:
    """Devices by index, those without one last."""
    after = decode_cursor(cursor, tuple[int, str])
    if after is not None:
        after = (min(max(after[0], 0), devices.LAST), after[1])
    rows = devices.page(tx, _read_query(filters), after=after, limit=limit + 1)
    following = encode_cursor(*rows[limit - 1].rank) if len(rows) > limit else None
    return DevicePage(tuple(device_views.view(row) for row in rows[:limit]), following)


def matching(tx: Tx, filters: Filters) -> list[int]:
    """The indexes that a search finds, for the heatmap."""
    return devices.matching_indexes(tx, _read_query(filters))


def _read_query(filters: Filters) -> Filters:
    """`rack:a` in `q` asks for the label `rack` with the value `a`, `1-20,25` for indexes; anything else is searched in
    names."""
    if _RANGES.fullmatch((filters.q or "").strip()):
        return replace(filters, q=None, ranges=parse_indexes(filters.q or ""))
    key, colon, value = (filters.q or "").strip().partition(":")
    errors: list[FieldError] = []
    _KEY.check(key, "", errors)
    if not colon or errors:
        return filters
    return replace(filters, q=None, labels={key: value})


def by_index(tx: Tx, index: int) -> DeviceDetail:
    """The device at an index, with its lease, conflict and runs; NotFound."""
    return device_views.detail(tx, device_views.at(tx, index))


def by_id(tx: Tx, device_id: str) -> DeviceDetail:
    """The same by id: the way to a device that has no index; NotFound."""
    return device_views.detail(tx, device_views.of(tx, device_id))


def change_at(tx: Tx, actor: Actor, index: int, given: dict[str, Any]) -> DeviceDetail:
    """Change the device at an index: only the fields in `given`."""
    return _change(tx, actor, device_views.at(tx, index, for_update=True), given)


def change_by_id(tx: Tx, actor: Actor, device_id: str, given: dict[str, Any]) -> DeviceDetail:
    """Change a device by id: only the fields in `given`."""
    return _change(tx, actor, device_views.of(tx, device_id, for_update=True), given)


def _change(tx: Tx, actor: Actor, row: DeviceRow, given: dict[str, Any]) -> DeviceDetail:
    values = _values(given)
    new = {name: value for name, value in values.items() if getattr(row, name) != value}
    if not new:
        return by_id(tx, row.id)
    rev = inventory.touch_fleet(tx, layout="index_no" in new)  # first: who holds the fleet's row gives out indexes
    if "index_no" in new and devices.is_taken(tx, new["index_no"]):
        raise Conflict(
            "index {index} belongs to another device; nothing was changed: swap the two, or release it",
            index=new["index_no"],
            code="index_taken",
        )
    devices.change(tx, row.id, rev=rev, **new)
    audit(tx, actor, "device.change", f"device:{row.id}", {"serial": row.serial} | new)
    return by_id(tx, row.id)


def _values(given: dict[str, Any]) -> dict[str, Any]:
    errors = [
        FieldError(f"/{name}", "must be a number; to take the index away, release the device")
        for name in ("index", "index_no")
        if name in given and given[name] is None
    ]
    if "index" in given and "index_no" in given and given["index"] != given["index_no"]:
        errors.append(FieldError("/index_no", "is the same as index; give one of them"))
    if errors:
        raise Invalid(errors)
    values: dict[str, Any] = {name: given[name] for name in ("label", "index_no") if name in given}
    if "labels" in given:
        values["labels"] = given["labels"] or {}
    return values | ({"index_no": given["index"]} if "index" in given else {})


def give_index(tx: Tx, actor: Actor, device_id: str) -> DeviceDetail:
    """The lowest free index to a device that has none, so that runs can name it; nothing if it has one."""
    row = device_views.of(tx, device_id, for_update=True)
    if row.index_no is None:
        rev = inventory.touch_fleet(tx, layout=True)
        (index,) = sightings.lowest_free_indexes(tx, 1)
        devices.change(tx, row.id, index_no=index, rev=rev)
        audit(tx, actor, "device.change", f"device:{row.id}", {"serial": row.serial, "index_no": index})
    return by_id(tx, row.id)


def swap(tx: Tx, actor: Actor, index: int, body: dict[str, Any]) -> DeviceDetail:
    """Two devices change places; what ran before keeps the index it had."""
    other_index = body["with"]
    if other_index == index:
        raise Invalid([FieldError("/with", "must be another index")])
    low, high = (device_views.at(tx, each, for_update=True) for each in sorted((index, other_index)))
    one, other = (low, high) if index < other_index else (high, low)
    rev = inventory.touch_fleet(tx, layout=True)
    devices.change(tx, one.id, index_no=None)
    devices.change(tx, other.id, index_no=index, rev=rev)
    devices.change(tx, one.id, index_no=other_index, rev=rev)
    audit(tx, actor, "device.swap", f"device:{one.id}", {"from": index, "to": other_index, "with": other.id})
    return by_id(tx, one.id)


def release(tx: Tx, actor: Actor, index: int, body: dict[str, Any]) -> DeviceDetail:
    """The device gives up its index: its tile goes, and no target names it until it gets an index again."""
    row = device_views.at(tx, index, for_update=True)
    devices.change(tx, row.id, index_no=None, rev=inventory.touch_fleet(tx, layout=True))
    audit(tx, actor, "device.release", f"device:{row.id}", {"index": index, "reason": body["reason"]})
    return by_id(tx, row.id)


def quarantine(tx: Tx, actor: Actor, index: int, body: dict[str, Any]) -> DeviceDetail:
    """No new run uses the device; what it runs now goes on. A second time only changes the reason."""
    row = device_views.at(tx, index, for_update=True)
    since = row.quarantined_at or tx.now
    rev = inventory.touch_fleet(tx)
    devices.change(tx, row.id, quarantined_at=since, quarantine_reason=body["reason"], rev=rev)
    audit(tx, actor, "device.quarantine", f"device:{row.id}", {"index": index, "reason": body["reason"]})
    return by_id(tx, row.id)


def end_quarantine(tx: Tx, actor: Actor, index: int) -> DeviceDetail:
    """Runs may use the device again, whoever set the quarantine: its agent starts anew with it, too."""
    row = device_views.at(tx, index, for_update=True)
    is_agents = row.health == DeviceState.QUARANTINED and row.pardoned_at is None
    if row.quarantined_at is not None or is_agents:
        devices.change(tx, row.id, quarantined_at=None, quarantine_reason=None, rev=inventory.touch_fleet(tx))
        if is_agents:
            health.pardon(tx, row.id)
        reason = row.quarantine_reason or row.health_reason
        audit(tx, actor, "device.end_quarantine", f"device:{row.id}", {"index": index, "reason": reason})
    return by_id(tx, row.id)


def resolve_conflict(tx: Tx, actor: Actor, conflict_id: str, body: dict[str, Any]) -> DeviceDetail:
    """End a conflict; `node_id` says which node has the device. It opens again if the serial is still there twice."""
    found = devices.conflicts(tx, conflict_id=conflict_id)
    rows = sightings.by_serials(tx, [found[0].serial]) if found else []
    if not found or not rows:
        raise NotFound("there is no open conflict {id}; nothing was changed", id=conflict_id[:64])
    device, node_id = rows[0], body["node_id"]
    if node_id is not None and nodes.get(tx, node_id) is None:
        raise Invalid([FieldError("/node_id", "is not a node")])
    is_moved = node_id is not None and node_id != device.node_id
    sightings.resolve_conflict(tx, conflict_id, actor.name)
    rev = inventory.touch_fleet(tx, layout=is_moved)
    devices.change(tx, device.id, rev=rev, **({"node_id": node_id, "is_online": False} if is_moved else {}))
    detail = {"serial": device.serial, "node": node_id}
    audit(tx, actor, "device.resolve_conflict", f"device:{device.id}", detail)
    return by_id(tx, device.id)
