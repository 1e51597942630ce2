"""The dashboard: key figures, hourly series, the to-do list, a small heatmap and the last runs, in one snapshot."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rackhand.core.clock import Millis
from rackhand.core.disk import Space
from rackhand.core.heatmap import pack
from rackhand.core.kpi import HOUR_MS, by_hour, middle, rate
from rackhand.core.states import FAILED_STEPS, RunStatus, StepStatus
from rackhand.core.vitals import Limits
from rackhand.engine import preferences
from rackhand.engine.todo import Todo, by_severity, of_notifications, of_server, todos
from rackhand.store import (
    devices,
    health,
    inventory,
    nodes,
    notification_channels,
    rollouts,
    runs,
    stats,
    sweeps,
    tiles,
)
from rackhand.store.db import Tx
from rackhand.store.stats import Moments

WINDOW_PATTERN = r"^([1-9][0-9]{0,2}h|[1-9][0-9]?d)$"
RECENT_RUNS = 10


@dataclass(frozen=True, slots=True)
class Kpis:
    """Key figures; a rate or median of nothing is null. Steps and times are of runs made in the window."""

    devices: int
    online_devices: int
    attention_devices: int
    runs: int
    open_runs: int
    steps: int
    failed_steps: int
    step_success_rate: float | None
    median_device_run_ms: int | None


@dataclass(frozen=True, slots=True)
class Hour:
    """One bar: `offline` counts device runs skipped because the device was offline. The devices are those at the last
    look in the hour, null if no server looked."""

    hour_at: Millis
    runs: int
    steps: int
    failed_steps: int
    offline: int
    median_device_run_ms: int | None
    devices: int | None
    online_devices: int | None
    attention_devices: int | None


@dataclass(frozen=True, slots=True)
class MiniHeatmap:
    """All tiles, one hex digit each."""

    rev: int
    layout: int
    packed: str


@dataclass(frozen=True, slots=True)
class RunBrief:
    """A run in a short list."""

    id: str
    title: str
    status: RunStatus
    counts: dict[str, int]
    created_at: Millis
    started_at: Millis | None
    finished_at: Millis | None
    last_error_message: str | None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything on the page, of one moment."""

    window_hours: int
    kpis: Kpis
    series: tuple[Hour, ...]
    todo: tuple[Todo, ...]
    heatmap: MiniHeatmap
    recent_runs: tuple[RunBrief, ...]


def hours_of(window: str) -> int:
    """`24h` -> 24, `7d` -> 168; ValueError for anything that WINDOW_PATTERN refuses."""
    if not re.fullmatch(WINDOW_PATTERN.strip("^$"), window):
        raise ValueError(f"not a window such as 24h or 7d: {window[:20]!r}")
    return int(window[:-1]) * (24 if window.endswith("d") else 1)


def read(tx: Tx, window: str = "24h", spaces: Sequence[Space] = ()) -> Dashboard:
    """The dashboard over the hours of the window; the last one is the current hour, begun or not. `spaces` are the
    disks of the server that is asked."""
    hours = hours_of(window)
    since = (tx.now // HOUR_MS - hours + 1) * HOUR_MS
    steps, took = stats.step_hours(tx, since), stats.durations(tx, since)
    limits = preferences.read(tx).limits
    return Dashboard(
        window_hours=hours,
        kpis=_kpis(tx, since, steps, took, limits),
        series=_series(tx, since, hours, steps, took),
        todo=_todo(tx, limits, spaces),
        heatmap=_heatmap(tx),
        recent_runs=_recent(tx),
    )


def _sum(moments: dict[str, Moments], statuses: frozenset[StepStatus]) -> int:
    return sum(amount for status in statuses for _, amount in moments.get(status, []))


_ENDED = FAILED_STEPS | {StepStatus.SUCCEEDED}


def _kpis(tx: Tx, since: Millis, steps: dict[str, Moments], took: Moments, limits: Limits) -> Kpis:
    total, online, attention = stats.count_devices(tx, limits)
    ended = _sum(steps, _ENDED)
    return Kpis(
        devices=total,
        online_devices=online,
        attention_devices=attention,
        runs=sum(stats.count_runs(tx, since).values()),
        open_runs=stats.count_open_runs(tx),
        steps=ended,
        failed_steps=_sum(steps, FAILED_STEPS),
        step_success_rate=rate(_sum(steps, frozenset({StepStatus.SUCCEEDED})), ended),
        median_device_run_ms=middle([ms for _, ms in took]),
    )


def _series(tx: Tx, since: Millis, hours: int, steps: dict[str, Moments], took: Moments) -> tuple[Hour, ...]:
    def bars(moments: Moments) -> list[int]:
        return by_hour(moments, tx.now, hours)

    ended = [moment for status in _ENDED for moment in steps.get(status, [])]
    failed = [moment for status in FAILED_STEPS for moment in steps.get(status, [])]
    columns = (bars(stats.run_hours(tx, since)), bars(ended), bars(failed), bars(stats.offline_hours(tx, since)))
    looks = {look.hour_at: (look.devices, look.online, look.attention) for look in stats.samples(tx, since)}
    runs_took = _by_hour(took)
    return tuple(
        Hour(at, *amounts, middle(runs_took.get(at, ())), *looks.get(at, (None, None, None)))
        for at, amounts in zip(range(since, since + hours * HOUR_MS, HOUR_MS), zip(*columns, strict=True), strict=True)
    )


def _by_hour(moments: Moments) -> dict[Millis, list[int]]:
    found: dict[Millis, list[int]] = {}
    for at, took in moments:
        found.setdefault(at // HOUR_MS * HOUR_MS, []).append(took)
    return found


def _todo(tx: Tx, limits: Limits, spaces: Sequence[Space]) -> tuple[Todo, ...]:
    troubled = stats.troubles(tx, limits)
    run_ids = sorted({device.activity_run_id for device in troubled if device.activity_run_id})
    of_fleet = todos(
        nodes.all_nodes(tx),
        troubled,
        nodes.transports(tx),
        devices.conflicts(tx),
        stats.run_titles(tx, run_ids),
        limits,
        health.open_incidents(tx),
        rollouts.halted(tx),
    )
    of_channels = of_notifications(notification_channels.all_channels(tx))
    return by_severity((*of_server(spaces, sweeps.look(tx).resumed_at, tx.now), *of_fleet, *of_channels))


def _heatmap(tx: Tx) -> MiniHeatmap:
    fleet = inventory.load_fleet(tx)
    return MiniHeatmap(fleet.rev, fleet.layout, pack(tiles.codes(tx)))


def _recent(tx: Tx) -> tuple[RunBrief, ...]:
    rows = runs.page(tx, limit=RECENT_RUNS)
    names = RunBrief.__slots__
    return tuple(RunBrief(**{name: getattr(row, name) for name in names}) for row in rows)
