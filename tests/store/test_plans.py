"""What runs every second or with every event reads one index entry per row it wants, on a full database too.

SQLite tells its plan exactly; its statistics are written by hand (store/statistics.py), so the plan is that of a full
database. No query may search by the workspace alone, except over rows of a small partial index.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from rackhand.store import artifacts, leases, overdue, rollouts, runs, scans
from rackhand.store.db import Tx
from rackhand.store.fake import DatabasePlace

SMALL = ("_queued ", "_node ", "_offline ", "_expiry ", "_deadline ", "_open ", "_live ", "_pending ", "_rollout ")
QUERIES: dict[str, Callable[[Tx], Any]] = {
    "expired leases, unstarted": overdue.expired_unstarted,
    "expired leases, started": overdue.expired_started,
    "past their deadline": overdue.past_deadline,
    "offline too long": overdue.offline_too_long,
    "queued on silent nodes": lambda tx: overdue.queued_on_silent_nodes(tx, 5),
    "runs without open device runs": overdue.idle_runs,
    "open device runs of a run": lambda tx: leases.open_of_run(tx, "r"),
    "open device runs of a node": lambda tx: leases.open_of_node(tx, "n"),
    "scans for a node": lambda tx: scans.pending(tx, "n"),
    "leases of a node by run": lambda tx: leases.live_counts(tx, "n"),
    "leases to hand out again": lambda tx: leases.unstarted(tx, "n"),
    "leases to renew": lambda tx: leases.renewable(tx, "n", ["a", "b"]),
    "device runs to claim": lambda tx: leases.queued(tx, "r", "n", wave=1, after_index=0, limit=5),
    "runs with work for a node": lambda tx: runs.open_on_node(tx, "n"),
    "rollouts under way": rollouts.rolling,
    "rollouts that halted": rollouts.halted,
    "waves of a rollout": lambda tx: rollouts.waves(tx, "r"),
    "nodes of a wave": lambda tx: rollouts.nodes_of(tx, "r", 1),
    "uploads to give up": artifacts.give_up,
    "artifacts of a device run": lambda tx: artifacts.of_device_run(tx, "r", 1),
    "first page of runs": lambda tx: runs.page(tx, limit=5),
    "scans past their deadline": scans.overdue,
}


def plan_of(tx: Tx, query: Callable[[Tx], Any]) -> list[str]:
    seen: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        seen.append((statement, parameters))

    event.listen(tx.conn, "before_cursor_execute", note)
    query(tx)
    event.remove(tx.conn, "before_cursor_execute", note)
    lines = []
    for statement, parameters in seen:
        lines += [row[3] for row in tx.conn.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters)]
    return lines


def is_wide(line: str) -> bool:
    """A search that reads the whole workspace, or a scan."""
    by_workspace_alone = re.search(r"\(workspace_id=\?( AND lease_token>\?)?\)", line) is not None
    return line.startswith("SCAN ") or (by_workspace_alone and not any(part in line for part in SMALL))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", QUERIES)
def test_frequent_queries_use_their_index(database: DatabasePlace, name: str) -> None:
    async def story() -> None:
        async with database.started() as db:
            lines = await db.write(plan_of, QUERIES[name])
            assert lines
            wide = [
                line
                for line in lines
                if is_wide(line) and not any(few in line for few in ("ix_runs_list", "SCAN nodes"))
            ]
            assert not wide, lines

    asyncio.run(story())
