"""Tiles of the heatmap in SQL: which there are, in which order, and those that changed. Cheap at 100,000 devices."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select

from rackhand.core.clock import Millis
from rackhand.store.db import Tx
from rackhand.store.tables import devices

_D = devices.c


@dataclass(frozen=True, slots=True)
class Tile:
    """What the status says of one device that has an index."""

    index: int
    node_id: str | None
    online: bool
    activity: int
    last_probe_at: Millis | None
    label: str | None


def _shown(tx: Tx) -> tuple[ColumnElement[bool], ...]:
    return (_D.workspace_id == tx.workspace_id, _D.index_no.is_not(None))


def order(tx: Tx) -> list[int]:
    """The indexes in the order of the tiles."""
    return list(tx.conn.execute(select(_D.index_no).where(*_shown(tx)).order_by(_D.index_no)).scalars())


def tiles(tx: Tx, *, since: int | None = None) -> list[Tile]:
    """All tiles in their order, or only those that changed after the rev `since`."""
    columns = (_D.index_no, _D.node_id, _D.is_online, _D.activity, _D.last_probe_at, _D.label)
    statement = select(*columns).where(*_shown(tx))
    if since is None:
        return [Tile(*row) for row in tx.conn.execute(statement.order_by(_D.index_no))]
    changed = tx.conn.execute(statement.where(_D.rev > since))  # sorted here, so that the index on rev is used
    return sorted((Tile(*row) for row in changed), key=lambda tile: tile.index)


def codes(tx: Tx) -> list[int]:
    """`online << 3 | activity` of all tiles in their order."""
    online = func.coalesce(_D.is_online, False)
    rows = tx.conn.execute(select(online, _D.activity).where(*_shown(tx)).order_by(_D.index_no))
    return [int(is_online) << 3 | activity for is_online, activity in rows]
