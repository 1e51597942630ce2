"""What every table is made of: the one MetaData, the JSON type and the column builders. No table is defined here."""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    ForeignKeyConstraint,
    Index,
    MetaData,
    Text,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

Time = BigInteger
"""UTC milliseconds since 1970, in columns named `*_at`."""


def to_json(value: object) -> str:
    """Compact JSON text; what hand-written SQL binds to a JSON column."""
    return msgspec.json.encode(value).decode()


def from_json(value: str | bytes) -> Any:
    return msgspec.json.decode(value)


class JsonText(TypeDecorator[Any]):
    """JSON: JSONB on PostgreSQL, text on SQLite. None is NULL, never JSON null."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(JSONB(none_as_null=True))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return to_json(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return from_json(value)


ColumnType = TypeEngine[Any] | type[TypeEngine[Any]]


def workspace() -> Column[str]:
    """The first column of every table and the first part of its key."""
    return Column("workspace_id", Text, primary_key=True, nullable=False, comment="tenant")


def key(name: str, type_: ColumnType, comment: str) -> Column[Any]:
    """A further part of the primary key."""
    return Column(name, type_, primary_key=True, autoincrement=False, nullable=False, comment=comment)


def required(name: str, type_: ColumnType, comment: str, default: str | None = None) -> Column[Any]:
    """A NOT NULL column; `default` is SQL text."""
    clause = None if default is None else text(default)
    return Column(name, type_, nullable=False, server_default=clause, comment=comment)


def optional(name: str, type_: ColumnType, comment: str) -> Column[Any]:
    return Column(name, type_, nullable=True, comment=comment)


def listed(values: Iterable[str]) -> str:
    """`'a', 'b'`: values of our own enums for a CHECK or an index condition; never for input."""
    names = list(values)
    if not all(re.fullmatch(r"[a-z_]+", name) for name in names):
        raise ValueError(f"not plain state names: {names}")
    return ", ".join(f"'{name}'" for name in names)


def literals(values: Iterable[str]) -> tuple[ColumnElement[str], ...]:
    """For `column.in_(...)`: written into the statement, since SQLite matches no bound list with a partial index."""
    return tuple(literal_column(f"'{value}'", Text) for value in sorted(values) if listed([value]))


def one_of(column: str, values: type[StrEnum] | Iterable[str]) -> CheckConstraint:
    """CHECK (column IN ...) made from a state enum; NULL passes, as SQL has it."""
    return CheckConstraint(f"{column} IN ({listed(values)})", name=column)


def rule(name: str, sql: str) -> CheckConstraint:
    return CheckConstraint(sql, name=name)


def to_workspace() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["workspace_id"], ["workspaces.id"])


def belongs_to(
    table: str, own: tuple[str, ...], theirs: tuple[str, ...] = ("id",), *, cascade: bool = False
) -> ForeignKeyConstraint:
    """A foreign key within the workspace; the parent's own key proves that the workspace exists."""
    return ForeignKeyConstraint(
        ["workspace_id", *own],
        [f"{table}.workspace_id", *(f"{table}.{name}" for name in theirs)],
        ondelete="CASCADE" if cascade else None,
    )


def index(name: str, *columns: str, where: str | None = None, unique: bool = False) -> Index:
    """An index on (workspace_id, columns...), partial on both databases if `where` is given."""
    condition = None if where is None else text(where)
    return Index(name, "workspace_id", *columns, unique=unique, postgresql_where=condition, sqlite_where=condition)
