"""SQLite's planner statistics, written by hand: what a full database looks like, known before it is full.

Without them SQLite takes `workspace_id = ?` for selective, although there is one workspace, and walks all of history in
the order of a primary key instead of using the index made for the query. ANALYZE on real data may replace these rows.
"""

from rackhand.store.db import Tx

_ROWS = 1_000_000
_PARTIAL_ROWS = 1_000
_STEP = 100
"""Each further column of an index leaves a hundredth of the rows."""


def seed(tx: Tx) -> None:
    """Statistics for every index that has none yet; PostgreSQL gathers its own."""
    if tx.dialect != "sqlite":
        return
    run = tx.conn.exec_driver_sql
    run("ANALYZE sqlite_schema")
    known = {row[0] for row in run("SELECT idx FROM sqlite_stat1")}
    tables = run("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'").scalars().all()
    for table in tables:
        for _, index, is_unique, _, is_partial in run("SELECT * FROM pragma_index_list(?)", (table,)).all():
            if index not in known:
                columns = len(run("SELECT 1 FROM pragma_index_info(?)", (index,)).all())
                stat = describe(columns, is_unique=bool(is_unique), is_partial=bool(is_partial))
                run("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)", (table, index, stat))
    run("ANALYZE sqlite_schema")


def describe(columns: int, *, is_unique: bool, is_partial: bool) -> str:
    """`rows n1 n2 ...`: the rows of the index, then how many share the first column, the first two, and so on."""
    rows = _PARTIAL_ROWS if is_partial else _ROWS
    shared = [max(rows // _STEP**further, 2) for further in range(columns)]
    if is_unique:
        shared[-1] = 1
    return " ".join(map(str, [rows, *shared]))
