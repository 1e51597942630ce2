"""Repair: which rung an ill device is tried with, and when. One ladder per way of being ill, as a table.

Pure: `decide` says what is due, `climb` notes that it is tried. An adb server is never restarted for one device, and
no rung is tried on a device that a lease holds, or while its whole hub is gone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from rackhand.core import health, reasons
from rackhand.core.clock import Millis
from rackhand.core.health import Chart, Happening, Look, Rules, Rung
from rackhand.core.states import DeviceState

LADDERS: Mapping[DeviceState, tuple[Rung, ...]] = {
    DeviceState.UNRESPONSIVE: (Rung.PROBE, Rung.RECONNECT, Rung.REBOOT, Rung.QUARANTINE),
    DeviceState.OFFLINE: (Rung.RECONNECT, Rung.QUARANTINE),
    DeviceState.BOOTING: (Rung.REBOOT, Rung.QUARANTINE),
    DeviceState.ABSENT: (Rung.QUARANTINE,),
}
"""An absent device has no handle to act on: only a ladder that sent it away is ended.
An unauthorized one needs a human."""

NOTED: Mapping[Rung, Happening] = {
    Rung.PROBE: Happening.PROBED,
    Rung.RECONNECT: Happening.RECONNECTED,
    Rung.REBOOT: Happening.REBOOTED,
    Rung.QUARANTINE: Happening.QUARANTINED,
}
_AWAY_AFTER = (Rung.RECONNECT, Rung.REBOOT)
_ORDER = list(Rung)


class Hold(StrEnum):
    """Why a rung that is due is not tried."""

    LEASE = "lease"
    HUB = "hub"


@dataclass(frozen=True, slots=True)
class Decision:
    """`act` is to be tried now. `following` is the next rung, due at `due_at` unless `hold` says what it waits for."""

    act: Rung | None = None
    following: Rung | None = None
    due_at: Millis | None = None
    hold: Hold | None = None


def decide(chart: Chart, look: Look, now: Millis, rules: Rules) -> Decision:
    """What to do about the device now."""
    rung = _following(chart, now, rules)
    if rung is None:
        return Decision()
    due_at = max(chart.ill_at, chart.rung_at or 0) + _wait_ms(chart, rung, rules)
    hold = _hold(look)
    if hold is not None or now < due_at:
        return Decision(following=rung, due_at=due_at, hold=hold)
    return Decision(act=rung)


def climb(chart: Chart, rung: Rung, now: Millis, rules: Rules) -> Chart:
    """The chart once a rung is tried; the last rung is the quarantine itself."""
    if rung is Rung.QUARANTINE:
        return health.quarantined(chart, now, _why(chart, now, rules))
    rebooted_at = now if rung is Rung.REBOOT else chart.rebooted_at
    return replace(chart, rung=rung, rung_at=now, rebooted_at=rebooted_at)


def _following(chart: Chart, now: Millis, rules: Rules) -> Rung | None:
    """The next rung of the ladder for what is seen; nothing for a state that is a conclusion."""
    if chart.state is not chart.seen or (chart.seen is DeviceState.ABSENT and chart.rung not in _AWAY_AFTER):
        return None
    height = -1 if chart.rung is None else _ORDER.index(chart.rung)
    higher = (rung for rung in LADDERS.get(chart.seen, ()) if _ORDER.index(rung) > height)
    return next((rung for rung in higher if rung is not Rung.REBOOT or not _is_rebooted(chart, now, rules)), None)


def _is_rebooted(chart: Chart, now: Millis, rules: Rules) -> bool:
    return chart.rebooted_at is not None and now - chart.rebooted_at < rules.reboot_cooldown_ms


def _wait_ms(chart: Chart, rung: Rung, rules: Rules) -> int:
    """The pause before a rung; a device that boots gets the time that a boot may take."""
    waits = {
        Rung.PROBE: rules.before_probe_ms,
        Rung.RECONNECT: rules.before_reconnect_ms,
        Rung.REBOOT: rules.before_reboot_ms,
        Rung.QUARANTINE: rules.before_quarantine_ms,
    }
    return max(waits[rung], rules.boot_ms) if chart.seen is DeviceState.BOOTING else waits[rung]


def _hold(look: Look) -> Hold | None:
    if look.is_hub_lost:
        return Hold.HUB
    return None if look.is_idle else Hold.LEASE


def _why(chart: Chart, now: Millis, rules: Rules) -> str:
    if chart.rung is Rung.REBOOT:
        return reasons.GAVE_UP_AFTER_REBOOT
    return reasons.GAVE_UP_AGAIN if _is_rebooted(chart, now, rules) else reasons.GAVE_UP_AFTER_RECONNECT
