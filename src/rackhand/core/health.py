"""Health: what one device's agent makes of what it sees. A Chart is all that is remembered between two looks.

Pure: `judge` gives the next chart. What is done about an ill device is core.repair; several at once are core.hubs.
Times are milliseconds of any one clock.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from rackhand.core import reasons
from rackhand.core.clock import Millis
from rackhand.core.states import DEVICE, DeviceState, move


class Rung(StrEnum):
    """What can be tried with an ill device, the gentlest first."""

    PROBE = "probe"
    RECONNECT = "reconnect"
    REBOOT = "reboot"
    QUARANTINE = "quarantine"


class Happening(StrEnum):
    """What is kept in a device's history."""

    PROBED = "probed"
    RECONNECTED = "reconnected"
    REBOOTED = "rebooted"
    QUARANTINED = "quarantined"
    RELEASED = "released"
    FLAPPING = "flapping"
    STEADY = "steady"


@dataclass(frozen=True, slots=True)
class Rules:
    """Limits and periods. `before_*_ms` is the pause before a rung, counted from the one before it."""

    flap_changes: int = 3
    flap_window_ms: int = 300_000
    steady_ms: int = 60_000
    probation_probes: int = 12
    before_probe_ms: int = 10_000
    before_reconnect_ms: int = 20_000
    before_reboot_ms: int = 60_000
    before_quarantine_ms: int = 180_000
    boot_ms: int = 180_000
    reboot_cooldown_ms: int = 3_600_000


@dataclass(frozen=True, slots=True)
class Look:
    """What the agent sees at one moment. `good_probes` in a row; excused: it goes and comes on purpose, or with the
    adb server; `is_hub_lost`: its whole hub went."""

    seen: DeviceState
    good_probes: int = 0
    is_idle: bool = True
    is_excused: bool = False
    is_hub_lost: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """One device. `turned_at`: when it last began or ceased to answer; `changes`: those turns that count as flapping;
    `ill_at`: since when repair counts; `rung`: the last one tried in this spell."""

    state: DeviceState
    since: Millis
    seen: DeviceState
    turned_at: Millis
    ill_at: Millis
    reason: str = ""
    changes: tuple[Millis, ...] = ()
    good_probes: int = 0
    rung: Rung | None = None
    rung_at: Millis | None = None
    rebooted_at: Millis | None = None


def admit(seen: DeviceState, now: Millis) -> Chart:
    """The chart of a device that is seen for the first time."""
    return Chart(seen, now, seen, turned_at=now, ill_at=now)


def judge(chart: Chart, look: Look, now: Millis, rules: Rules) -> Chart:
    """The chart after one more look."""
    chart = _seen(chart, look, now, rules)
    if chart.state is DeviceState.QUARANTINED:
        return _serve_probation(chart, now, rules)
    if chart.state is DeviceState.FLAPPING:
        return _settle(chart, now, rules)
    if len(chart.changes) > rules.flap_changes:
        reason = reasons.FLAPPING.format(n=rules.flap_changes, s=rules.flap_window_ms // 1000)
        return _become(chart, DeviceState.FLAPPING, now, reason)
    return _recover(_become(chart, chart.seen, now), now, rules)


def pardon(chart: Chart, now: Millis) -> Chart:
    """An operator ends the quarantine: the device counts as it is seen, and its ladder starts anew."""
    if chart.state is not DeviceState.QUARANTINED:
        return chart
    return replace(_become(chart, chart.seen, now), rung=None, rung_at=None, rebooted_at=None, ill_at=now, changes=())


def happening(before: Chart, after: Chart) -> Happening | None:
    """What the history keeps of the step from one chart to the next; rungs are noted when they are tried."""
    if before.state is after.state:
        return None
    if after.state is DeviceState.QUARANTINED:
        return Happening.QUARANTINED
    if after.state is DeviceState.FLAPPING:
        return Happening.FLAPPING
    return {DeviceState.QUARANTINED: Happening.RELEASED, DeviceState.FLAPPING: Happening.STEADY}.get(before.state)


def shifted(chart: Chart, by: Millis) -> Chart:
    """The same chart on a clock that is `by` ahead: how a stored one goes on after a restart."""
    moved = {name: getattr(chart, name) + by for name in ("since", "turned_at", "ill_at")}
    later = {name: at + by for name in ("rung_at", "rebooted_at") if (at := getattr(chart, name)) is not None}
    return replace(chart, **moved, **later, changes=tuple(at + by for at in chart.changes))


def _seen(chart: Chart, look: Look, now: Millis, rules: Rules) -> Chart:
    """Note what is seen, and whether the device began or ceased to answer; a turn on purpose does not count."""
    changes = tuple(at for at in chart.changes if now - at < rules.flap_window_ms)
    has_turned = (look.seen is DeviceState.ONLINE) is not (chart.seen is DeviceState.ONLINE)
    is_excused = look.is_excused or look.is_hub_lost or _is_in_repair(chart, now, rules)
    if has_turned and not is_excused:
        changes = (*changes, now)
    ill_at = now if look.is_hub_lost or look.seen is DeviceState.ONLINE else chart.ill_at
    turned_at = now if has_turned else chart.turned_at
    return replace(
        chart, seen=look.seen, turned_at=turned_at, ill_at=ill_at, changes=changes, good_probes=look.good_probes
    )


def _is_in_repair(chart: Chart, now: Millis, rules: Rules) -> bool:
    """Does what the device does now follow from a rung?"""
    return chart.rung_at is not None and now - chart.rung_at < max(rules.before_quarantine_ms, rules.boot_ms)


def _serve_probation(chart: Chart, now: Millis, rules: Rules) -> Chart:
    """Good probes in a row end a quarantine by themselves."""
    if chart.seen is DeviceState.ONLINE and chart.good_probes >= rules.probation_probes:
        return replace(_become(chart, DeviceState.ONLINE, now), rung=None, rung_at=None, changes=())
    return chart


def _settle(chart: Chart, now: Millis, rules: Rules) -> Chart:
    """A flapping device counts as it is seen once it has stayed so for a while."""
    if now - chart.turned_at < rules.steady_ms:
        return chart
    return replace(_become(chart, chart.seen, now), changes=(), ill_at=now)


def _recover(chart: Chart, now: Millis, rules: Rules) -> Chart:
    """Well for a while: the spell is over, and the next one starts at the foot of the ladder."""
    if chart.rung is None or chart.seen is not DeviceState.ONLINE or now - chart.turned_at < rules.steady_ms:
        return chart
    return replace(chart, rung=None, rung_at=None)


def _become(chart: Chart, state: DeviceState, now: Millis, reason: str = "") -> Chart:
    if state is chart.state:
        return chart
    return replace(chart, state=move(DEVICE, chart.state, state), since=now, reason=reason)


def quarantined(chart: Chart, now: Millis, reason: str) -> Chart:
    """The ladder is at its end; probation begins."""
    return _become(chart, DeviceState.QUARANTINED, now, reason)
