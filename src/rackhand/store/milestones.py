"""What an installation has ever done, in SQL: scans and runs, as far as the checklist asks for them. Reads only."""

from dataclasses import dataclass

from sqlalchemy import func, select

from rackhand.core.states import ScanStatus
from rackhand.store.db import Tx
from rackhand.store.tables import runs, scan_jobs


@dataclass(frozen=True, slots=True)
class Milestones:
    """Whether a scan succeeded, how many runs there are, and whether one has ended."""

    has_scanned: bool
    runs: int
    has_finished_run: bool


def look(tx: Tx) -> Milestones:
    """As of now; what retention has removed is forgotten."""
    s, r = scan_jobs.c, runs.c
    scanned = select(s.id).where(s.workspace_id == tx.workspace_id, s.status == ScanStatus.SUCCEEDED.value).limit(1)
    counts = select(func.count(), func.count(r.finished_at)).where(r.workspace_id == tx.workspace_id)
    total, finished = tx.conn.execute(counts).one()
    return Milestones(tx.conn.execute(scanned).first() is not None, int(total), int(finished) > 0)
