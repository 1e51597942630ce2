"""How far a new installation is: the facts for core.checklist, read in one transaction. Changes nothing."""

from dataclasses import dataclass

from rackhand.core.checklist import Facts, NodeFacts, Point, PointState, judge
from rackhand.store import milestones, nodes
from rackhand.store.db import Tx
from rackhand.store.nodes import NodeRow

_WAITS_FOR_A_TOUCH = ("unauthorized", "authorizing")


@dataclass(frozen=True, slots=True)
class Onboarding:
    """The points in their order, and whether all of them are done."""

    points: tuple[Point, ...]
    is_done: bool


def read(tx: Tx) -> Onboarding:
    """What is done and what is next."""
    points = judge(_facts(tx))
    return Onboarding(points, all(point.state is PointState.DONE for point in points))


def _facts(tx: Tx) -> Facts:
    counts, seen = nodes.device_counts(tx), milestones.look(tx)
    return Facts(
        nodes=tuple(_node(row, counts.get(row.id, (0, 0))[1]) for row in nodes.all_nodes(tx)),
        devices=sum(all_ for all_, _ in counts.values()),
        online_devices=sum(online for _, online in counts.values()),
        unauthorised=tuple(t.runtime_handle for t in nodes.transports(tx) if t.adb_state in _WAITS_FOR_A_TOUCH),
        has_scanned=seen.has_scanned,
        runs=seen.runs,
        has_finished_run=seen.has_finished_run,
    )


def _node(row: NodeRow, online: int) -> NodeFacts:
    seen = row.last_seen_at is not None
    return NodeFacts(row.id, row.is_online, seen, row.adb_version, row.last_error_message, online)
