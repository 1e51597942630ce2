"""Counts for the metrics page: cheap enough for a scrape every few seconds."""

from dataclasses import dataclass

from sqlalchemy import func, select

from rackhand.core.clock import Millis
from rackhand.core.states import RUN
from rackhand.store.db import Tx
from rackhand.store.jobs import all_jobs
from rackhand.store.tables import nodes, runs


@dataclass(frozen=True, slots=True)
class Gauges:
    """Unfinished runs by status, zeros included; nodes that report; when each background job last ended well."""

    open_runs: dict[str, int]
    nodes_online: int
    jobs: dict[str, Millis]


def read(tx: Tx) -> Gauges:
    """As of now; both counts use partial indexes."""
    r, n = runs.c, nodes.c
    none = {status.value: 0 for status in sorted(RUN.open)}
    where = (r.workspace_id == tx.workspace_id, r.status.in_(sorted(none)))
    found = tx.conn.execute(select(r.status, func.count()).where(*where).group_by(r.status))
    open_runs = none | {row[0]: row[1] for row in found}
    online = select(func.count()).select_from(nodes).where(n.workspace_id == tx.workspace_id, n.is_online)
    ended = {job.name: job.succeeded_at for job in all_jobs(tx) if job.succeeded_at is not None}
    return Gauges(open_runs, tx.conn.execute(online).scalar_one(), ended)
