"""Device runs and their leases in SQL: insert, claim, renew, close, and the queries of the sweep.

Every change is `UPDATE ... WHERE status = old`: 0 rows means that someone else was first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, func, or_, select, tuple_, update

from rackhand.core import reasons
from rackhand.core.clock import Millis
from rackhand.core.plan import PlannedDevice
from rackhand.core.policy import Policy
from rackhand.core.states import DEVICE_RUN, DeviceRunStatus
from rackhand.store import blocks
from rackhand.store.db import Tx
from rackhand.store.many import add_rows, among
from rackhand.store.metadata import literals
from rackhand.store.tables import device_conflicts, device_health, devices, run_device_states, run_steps, runs

_OPEN = literals(DEVICE_RUN.open)
_STARTED = ("running", "waiting")
_D = run_device_states.c
SWEEP_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class OpenDeviceRun:
    """What the sweep and the stop need to close a device run."""

    id: str
    run_id: str
    device_id: str
    device_index: int
    node_id: str | None
    status: DeviceRunStatus
    lease_token: str | None
    lease_epoch: int
    lease_expires_at: Millis | None


@dataclass(frozen=True, slots=True)
class Queued:
    """A device run that a node may claim, with its device as it is now."""

    id: str
    run_id: str
    device_id: str
    device_index: int
    dice_index: int
    first_step_index: int
    lease_epoch: int
    offline_deadline_at: Millis | None
    serial: str
    runtime_handle: str
    label: str | None
    is_online: bool
    blocked_by: str | None


@dataclass(frozen=True, slots=True)
class Granted:
    """A live lease that was not started yet: what a pull hands out."""

    run_id: str
    device_index: int
    dice_index: int
    first_step_index: int
    token: str
    epoch: int
    expires_at: Millis
    serial: str
    runtime_handle: str
    label: str | None


# Each pull and each beat asks these: SQLAlchemy takes longer to put such a statement together than to execute it.
_ours = _D.workspace_id == bindparam("workspace_id")
_of_node = _D.node_id == bindparam("node_id")


def _mine(tx: Tx) -> ColumnElement[bool]:
    return _D.workspace_id == tx.workspace_id


def add(
    tx: Tx, run_id: str, planned: Sequence[PlannedDevice], *, step_count: int, deadline_at: Millis, policy: Policy
) -> list[str]:
    """Insert the device runs of a new run; the excluded ones are final at once. Returns their ids in order."""
    wait_ms = policy.offline_wait_ms
    rows = []
    ids = sorted(tx.mint() for _ in planned)  # so that locks, taken by id, are taken in the order of devices too
    for plan, row_id in zip(planned, ids, strict=True):
        is_open = not DEVICE_RUN.is_final(plan.status)
        waits = is_open and not plan.device.is_online and wait_ms is not None and plan.wave <= 1
        rows.append(
            {
                "workspace_id": tx.workspace_id,
                "id": row_id,
                "run_id": run_id,
                "device_id": plan.device.id,
                "device_index": plan.device_index,
                "dice_index": plan.dice_index,
                "node_id": plan.device.node_id,
                "serial": plan.device.serial,
                "label": plan.device.label,
                "status": plan.status.value,
                "exclusion_reason": None if is_open else plan.reason,
                "last_error_message": None if is_open else reasons.LEFT_OUT.format(reason=plan.reason),
                "first_step_index": plan.first_step_index,
                "current_step_index": plan.first_step_index,
                "step_count": step_count,
                "deadline_at": deadline_at,
                "offline_deadline_at": tx.now + wait_ms if waits and wait_ms is not None else None,
                "finished_at": None if is_open else tx.now,
                "wave": plan.wave,
            }
        )
    add_rows(tx, run_device_states, rows)
    return ids


_BLOCK = (
    select(device_conflicts.c.id)
    .where(
        device_conflicts.c.workspace_id == devices.c.workspace_id,
        device_conflicts.c.serial == devices.c.serial,
        device_conflicts.c.resolved_at.is_(None),
    )
    .exists()
)


_OTHER = run_device_states.alias("other")
_HELD = exists().where(
    _OTHER.c.workspace_id == _D.workspace_id,
    _OTHER.c.device_id == _D.device_id,
    _OTHER.c.lease_token.is_not(None),
    _OTHER.c.status.in_(_OPEN),
)
"""Another device run has a live lease on the device. Made once: SQLAlchemy makes an alias's columns anew each time."""


_ON_DEVICE = and_(devices.c.workspace_id == _D.workspace_id, devices.c.id == _D.device_id)
_WITH_HEALTH = and_(device_health.c.workspace_id == devices.c.workspace_id, device_health.c.device_id == devices.c.id)
_QUEUED = (
    select(
        run_device_states,
        devices.c.runtime_handle,
        devices.c.is_online,
        *blocks.COLUMNS,
        _BLOCK.label("conflict"),
    )
    .join(devices, _ON_DEVICE)
    .outerjoin(device_health, _WITH_HEALTH)
    .where(_ours, _of_node, _D.run_id == bindparam("run_id"), _D.status == "queued", _D.wave == bindparam("wave"))
    .where(_D.lease_token.is_(None), _D.device_index > bindparam("after_index"), ~_HELD)
    .order_by(_D.device_index)
    .limit(bindparam("most"))
)


def queued(tx: Tx, run_id: str, node_id: str, *, wave: int, after_index: int, limit: int) -> list[Queued]:
    """Unclaimed device runs of a run on a node, by index; devices that another run holds are passed over. `wave` is the
    open one (0 without a rollout): those before it are final."""
    values = {"run_id": run_id, "node_id": node_id, "wave": wave, "after_index": after_index, "most": limit}
    return [_queued(row) for row in tx.conn.execute(_QUEUED, values | {"workspace_id": tx.workspace_id})]


def _queued(row: Any) -> Queued:
    m = row._mapping
    blocked = reasons.CONFLICT if m["conflict"] else blocks.reason(row)
    names = [n for n in Queued.__slots__ if n not in ("blocked_by", "runtime_handle")]
    return Queued(
        **{name: m[name] for name in names}, runtime_handle=m["runtime_handle"] or m["serial"], blocked_by=blocked
    )


_LIVE = (
    select(_D.run_id, func.count())
    .where(_ours, _of_node, _D.lease_token.is_not(None), _D.status.in_(_OPEN))
    .group_by(_D.run_id)
)


def live_counts(tx: Tx, node_id: str) -> dict[str, int]:
    """Live leases of a node by run."""
    found = tx.conn.execute(_LIVE, {"workspace_id": tx.workspace_id, "node_id": node_id})
    return {row[0]: row[1] for row in found}


def claim(tx: Tx, row: Queued, node_id: str, token: str, expires_at: Millis) -> bool:
    """Set a lease on a queued device run; False if someone else was first."""
    statement = (
        update(run_device_states)
        .where(_mine(tx), _D.id == row.id, _D.status == "queued", _D.lease_token.is_(None))
        .values(
            node_id=node_id,
            lease_token=token,
            lease_epoch=_D.lease_epoch + 1,
            lease_granted_at=tx.now,
            lease_expires_at=expires_at,
            offline_deadline_at=None,
        )
    )
    return tx.conn.execute(statement).rowcount == 1


_UNSTARTED = (
    select(run_device_states, devices.c.runtime_handle)
    .join(devices, _ON_DEVICE)
    .where(_ours, _of_node, _D.status == "queued", _D.lease_token.is_not(None))
    .order_by(_D.lease_granted_at, _D.run_id, _D.device_index)
)


def unstarted(tx: Tx, node_id: str) -> list[Granted]:
    """Live leases of a node that no event has touched yet."""
    return [
        Granted(
            run_id=row.run_id,
            device_index=row.device_index,
            dice_index=row.dice_index,
            first_step_index=row.first_step_index,
            token=row.lease_token,
            epoch=row.lease_epoch,
            expires_at=row.lease_expires_at,
            serial=row.serial,
            runtime_handle=row.runtime_handle or row.serial,
            label=row.label,
        )
        for row in tx.conn.execute(_UNSTARTED, {"workspace_id": tx.workspace_id, "node_id": node_id})
    ]


def renewable(tx: Tx, node_id: str, tokens: Sequence[str]) -> set[str]:
    """Which of these tokens are live leases of the node in runs that nobody stopped."""
    if not tokens:
        return set()
    statement = (
        select(_D.lease_token)
        .join(runs, and_(runs.c.workspace_id == _D.workspace_id, runs.c.id == _D.run_id))
        .where(_mine(tx), _D.lease_token.in_(tokens), _D.node_id == node_id, _D.status.in_(_OPEN))
        .where(runs.c.status != "stopping")
    )
    return {str(token) for token in tx.conn.execute(statement).scalars()}


def renew(tx: Tx, tokens: Iterable[str], expires_at: Millis) -> None:
    """Let live leases end later."""
    where = (_mine(tx), _D.lease_token.in_(sorted(tokens)), _D.status.in_(_OPEN))
    tx.conn.execute(update(run_device_states).where(*where).values(lease_expires_at=expires_at))


def open_rows(tx: Tx) -> Select[Any]:
    """Open device runs in the order of their ids, in which they are locked; at most as many as one pass takes."""
    return (
        select(*(_D[name] for name in OpenDeviceRun.__slots__))
        .where(_mine(tx), _D.status.in_(_OPEN))
        .order_by(_D.id)
        .limit(SWEEP_LIMIT)
    )


def fetch(tx: Tx, statement: Select[Any]) -> list[OpenDeviceRun]:
    """Rows of `open_rows` and what was added to it, locked where the database has row locks."""
    rows = tx.conn.execute(statement.with_for_update(of=run_device_states))
    return [
        OpenDeviceRun(**{**dict(row._mapping), "status": DeviceRunStatus(row.status)})  # typed by the table's CHECK
        for row in rows
    ]


def open_of_run(tx: Tx, run_id: str) -> list[OpenDeviceRun]:
    """Open device runs of a run, all of them."""
    return fetch(tx, open_rows(tx).where(_D.run_id == run_id).limit(None))


def open_of_node(tx: Tx, node_id: str) -> list[OpenDeviceRun]:
    """Open device runs of a node, all of them."""
    return fetch(tx, open_rows(tx).where(_D.node_id == node_id).limit(None))


def queued_of_run(tx: Tx, run_id: str) -> list[OpenDeviceRun]:
    """Queued device runs of a run, claimed or not."""
    return fetch(tx, open_rows(tx).where(_D.run_id == run_id, _D.status == "queued").limit(None))


def unclaimed(tx: Tx, ids: Sequence[str]) -> list[OpenDeviceRun]:
    """Those of these device runs that are still queued and without a lease, locked: others may have been first."""
    waiting = open_rows(tx).where(_D.status == "queued", _D.lease_token.is_(None)).limit(None)
    return fetch(tx, waiting.where(among(tx, _D.id, ids)))


def close(tx: Tx, ids: Sequence[str], status: DeviceRunStatus, message: str, rev: int) -> None:
    """End open device runs on the server's word; their attempts in flight end with an unknown outcome."""
    values = {"status": status.value, "finished_at": tx.now, "grace_left_ms": None, "rev": rev}
    if status is DeviceRunStatus.SKIPPED_OFFLINE:
        values["exclusion_reason"] = message
    where = (_mine(tx), among(tx, _D.id, ids), _D.status.in_(_OPEN))
    tx.conn.execute(update(run_device_states).where(*where).values(last_error_message=message, **values))
    _abort_steps(tx, ids, message)


def _abort_steps(tx: Tx, ids: Sequence[str], message: str) -> None:
    s = run_steps.c
    closed = select(_D.run_id, _D.device_index).where(_mine(tx), among(tx, _D.id, ids), _D.lease_token.is_not(None))
    where = (s.workspace_id == tx.workspace_id, tuple_(s.run_id, s.device_index).in_(closed))
    tx.conn.execute(
        update(run_steps)
        .where(*where, s.status.in_(("queued", "running")))
        .values(status="aborted", finished_at=tx.now, error_message=message)
    )


def set_deadline(tx: Tx, ids: Sequence[str], deadline_at: Millis) -> None:
    """Give open device runs until then."""
    if not ids:
        return
    where = (_mine(tx), among(tx, _D.id, ids), _D.status.in_(_OPEN))
    tx.conn.execute(update(run_device_states).where(*where).values(deadline_at=deadline_at))


def wait_for_devices(tx: Tx, ids: Sequence[str], until: Millis) -> None:
    """Leave queued device runs in the queue until their devices come back, at most until then."""
    where = (_mine(tx), among(tx, _D.id, ids), _D.status == "queued", _D.offline_deadline_at.is_(None))
    tx.conn.execute(update(run_device_states).where(*where).values(offline_deadline_at=until))


def follow_devices(tx: Tx, node_id: str) -> None:
    """Queued device runs of devices that moved to this node are now this node's to claim."""
    here = select(devices.c.id).where(devices.c.workspace_id == tx.workspace_id, devices.c.node_id == node_id)
    where = (_mine(tx), _D.status == "queued", _D.lease_token.is_(None), _D.device_id.in_(here))
    tx.conn.execute(
        update(run_device_states)
        .where(*where, or_(_D.node_id != node_id, _D.node_id.is_(None)))
        .values(node_id=node_id)
    )
