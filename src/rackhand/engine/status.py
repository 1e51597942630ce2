"""The status of the fleet: what every page polls. A poll costs what changed: one tiny read if nothing did.

`view=plain` has nodes, devices and packed; `view=packed` leaves devices out, for the heatmap. With `since`, an answer
that is not `full` has only the nodes and devices that changed after that rev, `packed` is "", and `changed` has the new
codes; it is about the layout it names: who has another one asks again without `since`.
"""

from bisect import bisect_left
from dataclasses import dataclass

from rackhand.core.clock import Millis
from rackhand.core.heatmap import Activity, code, pack
from rackhand.core.lease import Periods
from rackhand.store import inventory, nodes, tiles
from rackhand.store.db import Tx
from rackhand.store.inventory import Fleet
from rackhand.store.tiles import Tile

VIEWS = ("plain", "packed")


@dataclass(frozen=True, slots=True)
class Query:
    """What a poll knows already."""

    view: str = "plain"
    since: int | None = None
    layout: int | None = None

    def is_current(self, fleet: Fleet) -> bool:
        """Whether there is nothing new for this poll."""
        return self.since == fleet.rev and self.layout in (None, fleet.layout)

    def is_partial(self, fleet: Fleet) -> bool:
        """Whether what changed is enough; a rev from the future is from another database."""
        return self.since is not None and 0 < self.since <= fleet.rev and self.layout in (None, fleet.layout)


@dataclass(frozen=True, slots=True)
class NodeTile:
    """A node in the status."""

    id: str
    online: bool
    last_seen_at: Millis | None


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """One poll's answer; `changed` are (position, code) in the order of the layout."""

    rev: int
    layout: int
    full: bool
    nodes: tuple[NodeTile, ...]
    devices: tuple[Tile, ...]
    packed: str
    changed: tuple[tuple[int, int], ...]


class Board:
    """What one process remembers of one layout: which index has which position."""

    def __init__(self) -> None:
        self._layout = -1
        self._order: list[int] = []

    def positions(self, tx: Tx, layout: int, shown: list[Tile]) -> tuple[tuple[int, int], ...]:
        """(position, code) of these tiles."""
        order = self._order
        if self._layout != layout:
            order = tiles.order(tx)
            self._layout, self._order = layout, order
        return tuple((bisect_left(order, tile.index), code(tile.online, tile.activity)) for tile in shown)


def etag(fleet: Fleet, view: str) -> str:
    """rev + layout + view, quoted."""
    return f'"{fleet.rev}-{fleet.layout}-{view}"'


def read(tx: Tx, query: Query, board: Board) -> FleetStatus:
    """Everything, or what changed since."""
    fleet = inventory.load_fleet(tx)
    return _partial(tx, query, fleet, board) if query.is_partial(fleet) else _full(tx, query, fleet)


def _partial(tx: Tx, query: Query, fleet: Fleet, board: Board) -> FleetStatus:
    shown = tiles.tiles(tx, since=query.since)
    changed = board.positions(tx, fleet.layout, shown) if shown else ()
    devices = tuple(shown) if query.view == "plain" else ()
    return FleetStatus(fleet.rev, fleet.layout, False, _nodes(tx, query.since or 0), devices, "", changed)


def _full(tx: Tx, query: Query, fleet: Fleet) -> FleetStatus:
    if query.view == "packed":
        return FleetStatus(fleet.rev, fleet.layout, True, _nodes(tx, -1), (), pack(tiles.codes(tx)), ())
    shown = tuple(tiles.tiles(tx))
    packed = pack(code(tile.online, tile.activity) for tile in shown)
    return FleetStatus(fleet.rev, fleet.layout, True, _nodes(tx, -1), shown, packed, ())


def _nodes(tx: Tx, since: int) -> tuple[NodeTile, ...]:
    return tuple(NodeTile(row.id, row.is_online, row.last_seen_at) for row in nodes.all_nodes(tx, since=since))


def expire_activity(tx: Tx, periods: Periods) -> int:
    """Tiles show the end of a run for a day; one indexed query if nothing is due. Returns how many fell back."""
    due = inventory.expired_activity(tx, tx.now - periods.activity_window_ms)
    inventory.set_activity(tx, [(device_id, Activity.IDLE, None, tx.now) for device_id in due])
    return len(due)
