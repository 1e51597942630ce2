"""Statements over many rows at once, without a bound value for each and without SQLAlchemy looking at each row."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Table, Text, any_, bindparam, func, insert, select
from sqlalchemy.dialects.postgresql import ARRAY

from rackhand.store.db import Tx
from rackhand.store.metadata import to_json


def among(tx: Tx, column: ColumnElement[str], values: Collection[str]) -> ColumnElement[bool]:
    """`column` is one of `values`, however many: they travel as one JSON text or array, and the statement stays the
    same. An IN would be written, prepared and planned anew for each number of values, and 32,767 are the most."""
    if tx.dialect == "postgresql":
        return column == any_(bindparam(None, list(values), ARRAY(Text)))
    given = func.json_each(bindparam(None, to_json(list(values)), Text)).table_valued("value")
    return column.in_(select(given.c.value))


def add_rows(tx: Tx, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the columns of the first; values go to the driver as they are."""
    if rows:
        sql, names = _insert(table, tuple(rows[0]), tx.conn.dialect)
        tx.conn.exec_driver_sql(sql, [tuple(row[name] for name in names) for row in rows])


@cache
def _insert(table: Table, names: tuple[str, ...], dialect: Any) -> tuple[str, tuple[str, ...]]:
    made = insert(table).values({name: bindparam(name) for name in names}).compile(dialect=dialect)
    return str(made), tuple(made.positiontup or ())
