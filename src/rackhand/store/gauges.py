"""Counts for the metrics page: cheap enough for a scrape every few seconds."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, func, select

from rackhand.core.clock import Millis
from rackhand.core.quota import quota_day
from rackhand.core.states import DEVICE_RUN, RUN, Machine
from rackhand.core.vitals import Limits
from rackhand.store import source
from rackhand.store.db import Tx
from rackhand.store.jobs import all_jobs
from rackhand.store.metadata import literals
from rackhand.store.stats import count_devices
from rackhand.store.tables import artifacts, devices, nodes, run_device_states, runs


@dataclass(frozen=True, slots=True)
class Gauges:
    """Unfinished runs and device runs by status, zeros included; nodes; devices by state (`attention` and `quarantined`
    ones may be online too); files that are announced and not here; when each background job last ended
    well; units of the day's quota."""

    open_runs: dict[str, int]
    open_device_runs: dict[str, int]
    nodes: int
    nodes_online: int
    devices: dict[str, int]
    artifacts_pending: int
    jobs: dict[str, Millis]
    quota_left: int
    quota_spent: int


def read(tx: Tx) -> Gauges:
    """As of now: partial indexes, and one look at the inventory."""
    total, online, attention = count_devices(tx, Limits())
    d, n, a = devices.c, nodes.c, artifacts.c
    quarantined = select(func.count()).where(d.workspace_id == tx.workspace_id, d.quarantined_at.is_not(None))
    mine = select(func.count(), func.count().filter(n.is_online)).where(n.workspace_id == tx.workspace_id)
    enrolled, reporting = tx.conn.execute(mine).one()
    pending = select(func.count()).where(a.workspace_id == tx.workspace_id, a.status == "pending")
    states = {"online": online, "offline": total - online, "attention": attention}
    spent = source.spent(tx, quota_day(tx.now))
    return Gauges(
        open_runs=_open(tx, runs, RUN),
        open_device_runs=_open(tx, run_device_states, DEVICE_RUN),
        nodes=int(enrolled),
        nodes_online=int(reporting),
        devices=states | {"quarantined": tx.conn.execute(quarantined).scalar_one()},
        artifacts_pending=tx.conn.execute(pending).scalar_one(),
        quota_left=max(source.read(tx).daily_units - spent, 0),
        quota_spent=spent,
        jobs={job.name: job.succeeded_at for job in all_jobs(tx) if job.succeeded_at is not None},
    )


def _open(tx: Tx, table: Table, machine: Machine[Any]) -> dict[str, int]:
    none = {status.value: 0 for status in sorted(machine.open)}
    where = (table.c.workspace_id == tx.workspace_id, table.c.status.in_(literals(machine.open)))
    found = tx.conn.execute(select(table.c.status, func.count()).where(*where).group_by(table.c.status))
    return none | {row[0]: row[1] for row in found}
