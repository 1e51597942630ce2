"""Happenings in SQL: what happened by the tables of the product, what was found, and who is told of what."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from rackhand.core.clock import Millis
from rackhand.core.happenings import Found, Happening
from rackhand.core.states import DeviceState
from rackhand.store.blocks import WITH_HEALTH
from rackhand.store.db import Tx
from rackhand.store.metadata import literals
from rackhand.store.tables import device_health, devices, happenings, nodes, notices, runs

_D, _DH, _H, _N, _NO, _R = devices.c, device_health.c, happenings.c, nodes.c, notices.c, runs.c
MOST = 500
"""In one pass; the next pass finds the others."""
ROWS_A_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class HappeningRow:
    """One row of happenings."""

    id: str
    kind: str
    at: Millis
    subject: str
    path: str
    data: dict[str, Any]


def _is_new(kind: Happening, key: Any) -> Any:
    """That nothing of this kind and key was found before."""
    found = select(1).where(_H.workspace_id == _R.workspace_id, _H.kind == kind.value, _H.key == key)
    return ~found.correlate(runs).exists()


def ended_runs(tx: Tx, since: Millis) -> list[Found]:
    """Runs that failed or are partial since then and were not found yet, the oldest first."""
    kinds = {"failed": Happening.RUN_FAILED, "partial": Happening.RUN_PARTIAL}
    where = (_R.workspace_id == tx.workspace_id, _R.status.in_(literals(kinds)), _R.finished_at >= since)
    new = _is_new(Happening.RUN_FAILED, _R.id) & _is_new(Happening.RUN_PARTIAL, _R.id)
    columns = (_R.id, _R.title, _R.status, _R.finished_at, _R.count_succeeded, _R.count_total)
    rows = tx.conn.execute(select(*columns).where(*where, new).order_by(_R.finished_at, _R.id).limit(MOST))
    return [
        Found(
            kinds[row.status],
            row.id,
            row.finished_at,
            f"run:{row.id}",
            f"/runs/{row.id}",
            {"title": row.title, "failed": row.count_total - row.count_succeeded, "total": row.count_total},
        )
        for row in rows
    ]


def silent_nodes(tx: Tx, since: Millis) -> list[Found]:
    """Nodes that are silent, and were heard of since then."""
    where = (_N.workspace_id == tx.workspace_id, ~_N.is_online, _N.last_seen_at >= since)
    rows = tx.conn.execute(select(_N.id, _N.last_seen_at).where(*where).order_by(_N.id).limit(MOST))
    return [
        Found(
            Happening.NODE_SILENT,
            f"{row.id}@{row.last_seen_at}",
            row.last_seen_at,
            f"node:{row.id}",
            "/settings/nodes",
            {"node": row.id},
        )
        for row in rows
    ]


def quarantined_devices(tx: Tx, since: Millis) -> list[Found]:
    """Devices that agents or people took out of use since then."""
    began = func.coalesce(_D.quarantined_at, _DH.since_at)
    by_agent = and_(_D.health == DeviceState.QUARANTINED.value, _DH.pardoned_at.is_(None))
    columns = (_D.id, _D.index_no, _D.serial, _D.label, _D.quarantine_reason, _DH.reason, began.label("began"))
    statement = select(*columns).select_from(WITH_HEALTH)
    where = (_D.workspace_id == tx.workspace_id, or_(_D.quarantined_at.is_not(None), by_agent), began >= since)
    return [_quarantined(row) for row in tx.conn.execute(statement.where(*where).order_by(began, _D.id).limit(MOST))]


def _quarantined(row: Any) -> Found:
    name = row.label or row.serial
    return Found(
        Happening.DEVICE_QUARANTINED,
        f"{row.id}@{row.began}",
        row.began,
        f"device:{row.id if row.index_no is None else row.index_no}",
        "/devices" if row.index_no is None else f"/devices/{row.index_no}",
        {
            "device": name if row.index_no is None else f"{row.index_no} ({name})",
            "reason": row.quarantine_reason or row.reason or "–",
        },
    )


def add(tx: Tx, found: Found) -> str | None:
    """Keep a happening; its id, or None if the same was found before."""
    table = postgresql.insert(happenings) if tx.dialect == "postgresql" else sqlite.insert(happenings)
    values = {
        "workspace_id": tx.workspace_id,
        "id": tx.mint(),
        "kind": found.kind.value,
        "key": found.key,
        "at": found.at,
        "subject": found.subject,
        "path": found.path,
        "data": dict(found.values),
        "created_at": tx.now,
    }
    statement = table.values(values).on_conflict_do_nothing(index_elements=[_H.workspace_id, _H.kind, _H.key])
    made = tx.conn.execute(statement.returning(_H.id)).scalar_one_or_none()
    return None if made is None else str(made)


def notify(tx: Tx, happening_id: str, channel_ids: Iterable[str]) -> None:
    """Note whom to tell of a happening that was just added."""
    own = {"workspace_id": tx.workspace_id, "happening_id": happening_id}
    rows = [own | {"channel_id": channel_id} for channel_id in sorted(set(channel_ids))]
    if rows:
        tx.conn.execute(insert(notices), rows)


def assign(tx: Tx, channel_id: str, happening_id: str, delivery_id: str) -> None:
    """Put one happening into a delivery."""
    where = (_NO.workspace_id == tx.workspace_id, _NO.channel_id == channel_id, _NO.happening_id == happening_id)
    tx.conn.execute(update(notices).where(*where).values(delivery_id=delivery_id))


def untold(tx: Tx) -> dict[str, int]:
    """Channels that are to be told of something: how much."""
    where = (_NO.workspace_id == tx.workspace_id, _NO.delivery_id.is_(None))
    rows = tx.conn.execute(select(_NO.channel_id, func.count()).where(*where).group_by(_NO.channel_id))
    return {row[0]: row[1] for row in rows}


def gather(tx: Tx, channel_id: str, delivery_id: str, most: int) -> int:
    """Put the oldest happenings that a channel was not told of into a delivery; returns how many."""
    where = (_NO.workspace_id == tx.workspace_id, _NO.channel_id == channel_id)
    some = select(_NO.happening_id).where(*where, _NO.delivery_id.is_(None)).order_by(_NO.happening_id).limit(most)
    into = update(notices).where(*where, _NO.delivery_id.is_(None), _NO.happening_id.in_(some))
    return tx.conn.execute(into.values(delivery_id=delivery_id)).rowcount


def of_delivery(tx: Tx, delivery_id: str) -> list[HappeningRow]:
    """What a delivery tells of, the oldest first."""
    columns = tuple(_H[name] for name in HappeningRow.__slots__)
    join = happenings.join(notices, (_NO.workspace_id == _H.workspace_id) & (_NO.happening_id == _H.id))
    where = (_NO.workspace_id == tx.workspace_id, _NO.delivery_id == delivery_id)
    rows = tx.conn.execute(select(*columns).select_from(join).where(*where).order_by(_H.id))
    return [HappeningRow(**row._mapping) for row in rows]


def forget(tx: Tx, before: Millis) -> int:
    """Remove some happenings that were found before; returns how many."""
    old = select(_H.id).where(_H.workspace_id == tx.workspace_id, _H.created_at < before).limit(ROWS_A_BATCH)
    return tx.conn.execute(delete(happenings).where(_H.workspace_id == tx.workspace_id, _H.id.in_(old))).rowcount
