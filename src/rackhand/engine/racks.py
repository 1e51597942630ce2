"""Racks of the heatmap: up to 100 tiles of one node, as (index, code) in the order of indexes. Reads only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rackhand.core.heatmap import code
from rackhand.core.states import DeviceRunStatus
from rackhand.engine.run_views import DeviceCell
from rackhand.store import blocks, nodes, tiles
from rackhand.store.db import Tx

RACK = 100
TONES = ("idle", "running", "waiting", "error", "done", "offline")


@dataclass(frozen=True, slots=True)
class Rack:
    """Up to 100 tiles of one node: (index, code), in the order of indexes."""

    name: str
    is_online: bool
    tiles: tuple[tuple[int, int], ...]

    @property
    def online(self) -> int:
        return sum(tile_code >= 8 for _, tile_code in self.tiles)


def fleet_racks(tx: Tx) -> list[Rack]:
    """All devices that have an index, by node."""
    online = {node.id: node.is_online for node in nodes.all_nodes(tx)}
    return _racks(((t.node_id, t.index, code(t.online, t.activity)) for t in tiles.tiles(tx)), online)


def blocked_tiles(tx: Tx) -> dict[int, str]:
    """Why no run may use a device, by index: what its tile says when it is pointed at."""
    return blocks.by_index(tx)


def run_racks(cells: Iterable[DeviceCell]) -> list[Rack]:
    """The devices of a run, by node. Who was skipped because it was offline is shown as offline."""
    skipped = DeviceRunStatus.SKIPPED_OFFLINE.value
    return _racks(((c.node_id, c.index, code(c.status != skipped, c.activity)) for c in cells), {})


def _racks(found: Iterable[tuple[str | None, int, int]], online: dict[str, bool]) -> list[Rack]:
    by_node: dict[str, list[tuple[int, int]]] = {}
    for node_id, index, tile_code in found:
        by_node.setdefault(node_id or "", []).append((index, tile_code))
    return [
        Rack(name, online.get(name, True), tuple(shown[at : at + RACK]))
        for name, shown in sorted(by_node.items())
        for at in range(0, len(shown), RACK)
    ]


def count_tones(packed: str) -> dict[str, int]:
    """Tiles by what the legend says of them: offline, or the activity of those that are online."""
    counts = dict.fromkeys(TONES, 0)
    for digit in set(packed):
        tile_code = int(digit, 16)
        counts["offline" if tile_code < 8 else TONES[tile_code & 7]] += packed.count(digit)
    return counts


def count_racks(racks: Sequence[Rack]) -> dict[str, int]:
    """The same over racks."""
    return count_tones("".join("0123456789abcdef"[tile_code] for rack in racks for _, tile_code in rack.tiles))
