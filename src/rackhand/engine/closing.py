"""Closing: the server ends device runs on its own word (stop, silence, deadlines). Their leases are fenced by it."""

from collections import defaultdict
from collections.abc import Sequence

from rackhand.core.heatmap import activity
from rackhand.core.states import DEVICE_RUN, DeviceRunStatus, move
from rackhand.engine.facts import DeviceRunMoved
from rackhand.engine.rollup import changes_of, settle
from rackhand.store import inventory, leases
from rackhand.store.db import Tx
from rackhand.store.leases import OpenDeviceRun

_BAD = (DeviceRunStatus.FAILED, DeviceRunStatus.LOST)


def close(tx: Tx, rows: Sequence[OpenDeviceRun], status: DeviceRunStatus, message: str) -> set[str]:
    """End open device runs with one status and message. Returns the nodes that may now claim other work."""
    if not rows:
        return set()
    error = message if status in _BAD else None
    moves = [(row.run_id, row.status, move(DEVICE_RUN, row.status, status), error) for row in rows]
    settled = settle(tx, changes_of(moves))
    by_run: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        by_run[row.run_id].append(row.id)
    for run_id, ids in by_run.items():
        leases.close(tx, ids, status, message, settled[run_id].rev)
    tx.tell(*(DeviceRunMoved(row.run_id, row.device_index, row.node_id, status, True, tx.now, message) for row in rows))
    shown = activity(status)
    inventory.set_activity(tx, [(row.device_id, shown, row.run_id, tx.now) for row in rows])
    return {row.node_id for row in rows if row.node_id is not None}


def close_node_runs(tx: Tx, node_id: str, reason: str) -> None:
    """A node is gone for good: what it had started is lost, what it had queued is skipped."""
    rows = leases.open_of_node(tx, node_id)
    queued = [row for row in rows if row.status is DeviceRunStatus.QUEUED]
    started = [row for row in rows if row.status is not DeviceRunStatus.QUEUED]
    close(tx, queued, DeviceRunStatus.SKIPPED_OFFLINE, reason)
    close(tx, started, DeviceRunStatus.LOST, reason)
