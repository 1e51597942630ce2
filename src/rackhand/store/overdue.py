"""What has passed a deadline, in SQL: what the sweep asks each second, and how it gives more time. No rule is here.

Each query is one indexed search that finds nothing on a good day, and locks what it finds.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, select, update

from rackhand.core.clock import Millis
from rackhand.core.states import DEVICE_RUN, RUN
from rackhand.store.db import Tx
from rackhand.store.leases import OpenDeviceRun, fetch, open_rows
from rackhand.store.many import among
from rackhand.store.metadata import literals
from rackhand.store.tables import devices, nodes, run_device_states, runs

_D = run_device_states.c
_OPEN = literals(DEVICE_RUN.open)
_STARTED = literals(DEVICE_RUN.open - {DEVICE_RUN.initial})
FEW = 100


def _mine(tx: Tx) -> ColumnElement[bool]:
    return _D.workspace_id == tx.workspace_id


def expired_unstarted(tx: Tx) -> list[OpenDeviceRun]:
    """Leases whose time is over and which nobody started."""
    return fetch(
        tx, open_rows(tx).where(_D.status == "queued", _D.lease_token.is_not(None), _D.lease_expires_at < tx.now)
    )


def expired_started(tx: Tx, after_id: str = "") -> list[OpenDeviceRun]:
    """Leases of started device runs whose time is over, by id; `after_id` is the last of the page before."""
    over = open_rows(tx).where(_D.lease_token.is_not(None), _D.lease_expires_at < tx.now, _D.status.in_(_STARTED))
    return fetch(tx, over.where(_D.id > after_id))


def past_deadline(tx: Tx) -> list[OpenDeviceRun]:
    """Open device runs whose own deadline has passed."""
    return fetch(tx, open_rows(tx).where(_D.deadline_at < tx.now))


def offline_too_long(tx: Tx) -> list[OpenDeviceRun]:
    """Queued, unclaimed device runs that waited for their device as long as the policy allows."""
    return fetch(
        tx, open_rows(tx).where(_D.status == "queued", _D.lease_token.is_(None), _D.offline_deadline_at < tx.now)
    )


def back_again(tx: Tx, device_ids: Sequence[str]) -> set[str]:
    """Which of these devices are online now."""
    where = (devices.c.workspace_id == tx.workspace_id, devices.c.is_online)
    return set(tx.conn.execute(select(devices.c.id).where(*where, among(tx, devices.c.id, device_ids))).scalars())


def end_waiting(tx: Tx, ids: Sequence[str]) -> None:
    """The devices are back: their device runs wait for nothing but their turn."""
    if not ids:
        return
    statement = update(run_device_states).where(_mine(tx), among(tx, _D.id, ids))
    tx.conn.execute(statement.values(offline_deadline_at=None))


def queued_on_silent_nodes(tx: Tx, silent_before: Millis) -> list[OpenDeviceRun]:
    """Queued device runs of nodes that were last seen before then, or of no node; not those that wait anyway, nor those
    of a wave that is not open: their turn has not come."""
    seen_at = func.coalesce(nodes.c.last_seen_at, nodes.c.created_at)
    silent = select(nodes.c.id).where(nodes.c.workspace_id == tx.workspace_id, seen_at < silent_before)
    names = list(tx.conn.execute(silent).scalars())  # asked first: a join would read the whole queue each second
    its_run = (runs.c.workspace_id == _D.workspace_id, runs.c.id == _D.run_id, runs.c.open_wave == _D.wave)
    mine = open_rows(tx).where(_D.status == "queued", _D.offline_deadline_at.is_(None))
    mine = mine.where(select(runs.c.id).where(*its_run).exists())
    rows = fetch(tx, mine.where(_D.node_id.is_(None)))
    return rows + (fetch(tx, mine.where(among(tx, _D.node_id, names))) if names else [])


def requeue(tx: Tx, ids: Sequence[str]) -> None:
    """Take the lease from unstarted device runs, for the node that has their device now. The epoch stays."""
    if not ids:
        return
    home = select(devices.c.node_id).where(devices.c.workspace_id == _D.workspace_id, devices.c.id == _D.device_id)
    values = {"lease_token": None, "lease_expires_at": None, "node_id": home.scalar_subquery()}
    where = (_mine(tx), among(tx, _D.id, ids), _D.status == "queued")
    tx.conn.execute(update(run_device_states).where(*where).values(values))


def push_away(tx: Tx, ids: Sequence[str], until: Millis) -> None:
    """Look at these device runs again then, whatever of theirs is due."""
    due = {name: _D[name] for name in ("deadline_at", "lease_expires_at", "offline_deadline_at")}
    for name, column in due.items():
        where = (_mine(tx), among(tx, _D.id, ids), _D.status.in_(_OPEN), column < until)
        tx.conn.execute(update(run_device_states).where(*where).values({name: until}))


def idle_runs(tx: Tx) -> list[str]:
    """Open runs past their deadline whose device runs are all final: none should ever be found."""
    open_part = select(_D.id).where(_D.workspace_id == runs.c.workspace_id, _D.run_id == runs.c.id)
    statement = (
        select(runs.c.id)
        .where(runs.c.workspace_id == tx.workspace_id, runs.c.status.in_(literals(RUN.open)))
        .where(runs.c.deadline_at < tx.now, ~open_part.where(_D.status.in_(_OPEN)).exists())
    )
    return list(tx.conn.execute(statement.order_by(runs.c.id).limit(FEW).with_for_update(of=runs)).scalars())


def forgive_gap(tx: Tx, gap_ms: int, expires_at: Millis) -> None:
    """After a gap of all servers: every live lease is whole again, every other open deadline is that much later."""
    where = (_mine(tx), _D.status.in_(_OPEN))
    tx.conn.execute(
        update(run_device_states)
        .where(*where)
        .values(deadline_at=_D.deadline_at + gap_ms, offline_deadline_at=_D.offline_deadline_at + gap_ms)
    )
    live = (*where, _D.lease_token.is_not(None))
    tx.conn.execute(update(run_device_states).where(*live).values(lease_expires_at=expires_at))
    ahead = (nodes.c.workspace_id == tx.workspace_id, nodes.c.last_seen_at > tx.now)
    tx.conn.execute(update(nodes).where(*ahead).values(last_seen_at=tx.now))
