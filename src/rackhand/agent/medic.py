"""Looks after the devices: asks core.health, core.repair and core.hubs what is so and what is due, and does it.

Nothing is decided here. A rung is an ordinary adb call on one device; the adb server is the supervisor's business.
"""

import asyncio
import logging
from collections.abc import Iterable

from rackhand.agent.adb.errors import AdbError
from rackhand.agent.device import DeviceActor
from rackhand.agent.inventory import Inventory
from rackhand.agent.journal import JournalError
from rackhand.agent.reports import build_event
from rackhand.agent.servertime import ServerTime, monotonic_ms
from rackhand.agent.settings import AgentSettings
from rackhand.agent.spool import Change, Spool
from rackhand.agent.ward import Ward
from rackhand.core import hubs
from rackhand.core.clock import Millis
from rackhand.core.health import Chart, Happening, Look, Rung, admit, happening, judge, pardon
from rackhand.core.hubs import Incident, Port
from rackhand.core.repair import NOTED, Decision, climb, decide
from rackhand.core.states import SEEN, DeviceState
from rackhand.wire.messages import DeviceEventPayload, EventType, ReportedCare, ReportedIncident

MOST_ACTS = 4
"""Rungs at once on one node: repair must not become a load of its own."""
log = logging.getLogger(__name__)


class Medic:
    """`run` looks each `look_ms` and whenever something changed. `incidents` are for the heartbeat."""

    def __init__(self, settings: AgentSettings, spool: Spool, time: ServerTime, inventory: Inventory) -> None:
        self._settings = settings
        self._spool = spool
        self._time = time
        self._inventory = inventory
        self._ward = Ward(settings.health_path)
        self._ward.load()
        self._ports: dict[str, Port] = {}
        self._incidents: tuple[Incident, ...] = ()
        self._acts: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        while True:
            if self._inventory.is_known:
                await self.look()
            await self._inventory.wake.wait(self._settings.periods.look_ms)

    async def look(self) -> None:
        """One look at every device: new charts, due rungs, and what the history must know."""
        now = monotonic_ms()
        actors = self._inventory.patients()
        has_news = self._watch_hubs(actors, now)
        leased = {job.device.serial for job in self._spool.jobs.values()}
        before = dict(self._ward.charts)
        for serial in sorted(before.keys() | actors.keys()):
            has_news |= self._attend(serial, actors.get(serial), now, is_idle=serial not in leased)
        if has_news:
            self._inventory.wake.notify()
        if _worth_storing(before) != _worth_storing(self._ward.charts):
            self._ward.save()
        for serial, chart in list(self._ward.charts.items()):
            kind = happening(before[serial], chart) if serial in before else None
            if kind is not None:
                await self._tell(serial, kind, chart.reason)

    def _watch_hubs(self, actors: dict[str, DeviceActor], now: Millis) -> bool:
        """Has an incident begun, grown or ended?"""
        there = {
            serial: actor.entry.usb_path
            for serial, actor in actors.items()
            if actor.is_online or self._inventory.excuses.covers(serial)
        }
        self._ports = hubs.look(self._ports, there, now, self._settings.hub_rules)
        before, self._incidents = self._incidents, ()
        self._incidents = hubs.find(self._ports, before, now, self._settings.hub_rules)
        return self._incidents != before

    def _attend(self, serial: str, actor: DeviceActor | None, now: Millis, *, is_idle: bool) -> bool:
        """Look at one device and begin the rung that is due; is there something new to tell?"""
        rules = self._settings.rules
        look = self._look(serial, actor, is_idle=is_idle)
        before = self._ward.charts.get(serial) or admit(look.seen, now)
        chart = judge(before, look, now, rules)
        decision = decide(chart, look, now, rules)
        if decision.act is not None and serial not in self._acts and len(self._acts) < MOST_ACTS:
            chart = climb(chart, decision.act, now, rules)
            self._begin(serial, decision.act, actor)
            decision = decide(chart, look, now, rules)
        self._ward.charts[serial] = chart
        if actor is None:
            self._forget(serial, chart, now)
            return False
        told = actor.report()
        actor.conclude(chart.state, self._care(chart, decision, now))
        return said_of(told.health, told.care) != said_of(actor.report().health, actor.care)

    def _look(self, serial: str, actor: DeviceActor | None, *, is_idle: bool) -> Look:
        return Look(
            seen=DeviceState.ABSENT if actor is None else actor.health,
            good_probes=0 if actor is None else actor.good_probes,
            is_idle=is_idle,
            is_excused=bool(self._inventory.last_error_message) or self._inventory.excuses.covers(serial),
            is_hub_lost=any(serial in incident.serials for incident in self._incidents),
        )

    def _forget(self, serial: str, chart: Chart, now: Millis) -> None:
        """A device that left long ago, and is not to be kept out when it returns."""
        is_gone = chart.seen is DeviceState.ABSENT and now - chart.turned_at > self._settings.hub_rules.hub_forget_ms
        if is_gone and chart.state is not DeviceState.QUARANTINED:
            del self._ward.charts[serial]

    def _care(self, chart: Chart, decision: Decision, now: Millis) -> ReportedCare:
        is_served = chart.state is DeviceState.QUARANTINED
        return ReportedCare(
            since_ms=now - chart.since,
            reason=chart.reason or None,
            rung=chart.rung,
            rung_age_ms=None if chart.rung_at is None else now - chart.rung_at,
            next_rung=decision.following or decision.act,
            next_in_ms=None if decision.due_at is None else max(0, decision.due_at - now),
            hold=decision.hold,
            good_probes=chart.good_probes if is_served else None,
            probation_probes=self._settings.rules.probation_probes if is_served else None,
        )

    def _begin(self, serial: str, rung: Rung, actor: DeviceActor | None) -> None:
        if rung is Rung.QUARANTINE or actor is None:
            return
        task = asyncio.create_task(self._try(serial, rung, actor), name=f"{rung} {serial}")
        self._acts[serial] = task
        task.add_done_callback(lambda _: self._acts.pop(serial, None))

    async def _try(self, serial: str, rung: Rung, actor: DeviceActor) -> None:
        log.info("device %s is %s: trying %s", serial, actor.health, rung)
        try:
            trouble = await _act(rung, actor, 3 * self._settings.periods.probe_deadline_ms)
        except AdbError as error:
            trouble = str(error)
        await self._tell(serial, NOTED[rung], trouble)

    async def _tell(self, serial: str, kind: Happening, text: str) -> None:
        payload = DeviceEventPayload(serial=serial, kind=kind, text=text[:1_000] or None)
        event = build_event(self._time, self._settings.node_id, EventType.DEVICE_EVENT, payload)
        try:
            await self._spool.commit(Change(events=[event]))
        except JournalError as error:
            log.error("device %s: %s is missing in its history: %s", serial, kind, error)

    def pardon(self, serials: Iterable[str]) -> None:
        """Operators ended these quarantines."""
        now = monotonic_ms()
        for serial in serials:
            chart = self._ward.charts.get(serial)
            if chart is not None and chart.state is DeviceState.QUARANTINED:
                log.info("device %s: its quarantine was ended by an operator", serial)
                self._ward.charts[serial] = pardon(chart, now)
                self._ward.save()
        self._inventory.wake.notify()

    def incidents(self) -> list[ReportedIncident]:
        now = monotonic_ms()
        return [
            ReportedIncident(hub=i.hub, age_ms=now - i.began_at, serials=sorted(i.serials), total=i.total)
            for i in self._incidents
        ]

    async def close(self) -> None:
        tasks = list(self._acts.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _act(rung: Rung, actor: DeviceActor, timeout_ms: int) -> str:
    """One rung on one device; what came of it if it did not work, or AdbError."""
    if rung is Rung.PROBE:
        return "" if await actor.probe() else actor.last_error_message
    if rung is Rung.RECONNECT:
        await actor.adb.reconnect(timeout_ms=timeout_ms)
    else:
        await actor.adb.reboot(timeout_ms=timeout_ms)
    return ""


def said_of(health: str | None, care: ReportedCare | None) -> tuple[object, ...]:
    """What of a device's health makes a beat go out at once."""
    return (health, *(() if care is None else (care.reason, care.rung, care.next_rung, care.hold)))


def _worth_storing(charts: dict[str, Chart]) -> dict[str, tuple[object, ...]]:
    """What a restart must not forget; the rest is seen anew."""
    kept = {serial: (chart.state, chart.rung, chart.rebooted_at) for serial, chart in charts.items()}
    return {serial: said for serial, said in kept.items() if said[1:] != (None, None) or said[0] not in SEEN}
