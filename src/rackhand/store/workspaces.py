"""The workspace's own settings in SQL: one JSON object, read and written whole. The engine says what may be in it."""

from typing import Any

from sqlalchemy import select, update

from rackhand.store.db import Tx
from rackhand.store.tables import workspaces

_W = workspaces.c


def load_settings(tx: Tx, *, for_update: bool = False) -> dict[str, Any]:
    """The settings as they were stored."""
    statement = select(_W.settings).where(_W.id == tx.workspace_id)
    found: dict[str, Any] = tx.conn.execute(statement.with_for_update() if for_update else statement).scalar_one()
    return found


def store_settings(tx: Tx, settings: dict[str, Any]) -> None:
    """Replace the settings."""
    tx.conn.execute(update(workspaces).where(_W.id == tx.workspace_id).values(settings=settings))
