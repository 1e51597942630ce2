"""From what happened to messages: find it, note who wants to know, and gather it into deliveries.

Found is what the tables say, in a window of a day, so that no crash between a happening and its message loses one; the
key of a happening sees to it that it is told once. Only what happened after a rule was made is told.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from rackhand.core.clock import Millis
from rackhand.core.delivery import MOST_AT_ONCE, may_tell
from rackhand.core.happenings import Found, Happening
from rackhand.engine import content_happenings
from rackhand.store import deliveries, happenings
from rackhand.store import notification_channels as channels
from rackhand.store.db import Tx
from rackhand.store.notification_channels import ChannelRow, RuleRow

DAY_MS = 86_400_000
_Look = Callable[[Tx, Millis], Iterable[Found]]
_CORE: tuple[tuple[frozenset[Happening], _Look], ...] = (
    (frozenset({Happening.RUN_FAILED, Happening.RUN_PARTIAL}), happenings.ended_runs),
    (frozenset({Happening.NODE_SILENT}), happenings.silent_nodes),
    (frozenset({Happening.DEVICE_QUARANTINED}), happenings.quarantined_devices),
)
_CONTENT = frozenset({Happening.NEW_VIDEO, Happening.QUOTA_LOW})


def collect(tx: Tx) -> int:
    """Keep what is new and somebody wants to know; returns how much."""
    rules = _rules(tx)
    if not rules:
        return 0
    since = max(min(rule.since_at for each in rules.values() for rule in each), tx.now - DAY_MS)
    return sum(_keep(tx, found, rules) for found in _looked(tx, frozenset(rules), since))


def _rules(tx: Tx) -> Mapping[Happening, list[RuleRow]]:
    """Rules that hold, by what they want to know."""
    by_kind: dict[Happening, list[RuleRow]] = defaultdict(list)
    told = {channel.id for channel in channels.all_channels(tx) if channel.is_enabled}
    for rule in channels.all_rules(tx):
        for kind in rule.kinds if rule.is_enabled and rule.channel_id in told else ():
            by_kind[Happening(kind)].append(rule)
    return by_kind


def _looked(tx: Tx, kinds: frozenset[Happening], since: Millis) -> Iterable[Found]:
    for able, look in _CORE:
        if able & kinds:
            yield from look(tx, since)
    for source in content_happenings.SOURCES if _CONTENT & kinds else ():
        yield from source(tx, since)


def _keep(tx: Tx, found: Found, rules: Mapping[Happening, list[RuleRow]]) -> int:
    wanted = [rule.channel_id for rule in rules.get(found.kind, ()) if rule.since_at <= found.at]
    happening_id = happenings.add(tx, found) if wanted else None
    if happening_id is None:
        return 0
    happenings.notify(tx, happening_id, wanted)
    return 1


def gather(tx: Tx) -> int:
    """Make deliveries of what channels are to be told and may be told now; returns how many. With a digest of 0, each
    happening is a delivery of its own."""
    open_ = happenings.untold(tx)
    made = 0
    for channel in channels.all_channels(tx) if open_ else ():
        waiting = open_.get(channel.id, 0)
        if waiting and channel.is_enabled and may_tell(channel.told_at, channel.digest_s, tx.now):
            made += _gather(tx, channel, waiting)
    return made


def _gather(tx: Tx, channel: ChannelRow, waiting: int) -> int:
    if not channels.tell(tx, channel):
        return 0
    most, times = (MOST_AT_ONCE, 1) if channel.digest_s else (1, min(waiting, MOST_AT_ONCE))
    for _ in range(times):
        delivery_id = tx.mint()
        deliveries.add(tx, channel.id, delivery_id, happening_count=0)
        deliveries.count(tx, delivery_id, happenings.gather(tx, channel.id, delivery_id, most))
    return times


def forget(tx: Tx, before: Millis) -> int:
    """Remove some old deliveries and happenings; returns how many. What is found again within the window stays."""
    before = min(before, tx.now - 2 * DAY_MS)
    return deliveries.forget(tx, before) + happenings.forget(tx, before)
