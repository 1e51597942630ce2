"""The node's proof of life: each `beat_ms`, and soon after a visible change. Never stored; a lost one is just lost."""

import asyncio
import logging
from collections.abc import Callable

import msgspec
from msgspec import UNSET

from rackhand import __version__
from rackhand.agent.client import ServerClient, ServerRefused, ServerUnreachable
from rackhand.agent.inventory import Inventory
from rackhand.agent.leases import Leases
from rackhand.agent.medic import Medic, said_of
from rackhand.agent.outbox import CALLBACK
from rackhand.agent.reports import build_event
from rackhand.agent.servertime import ServerTime, monotonic_ms
from rackhand.agent.settings import AgentSettings
from rackhand.agent.spool import Spool
from rackhand.agent.waking import Backoff, Wake
from rackhand.wire.messages import EventType, Heartbeat, ReportedDevice, ReportedIncident, ReportedNode, SingleAnswer

log = logging.getLogger(__name__)
_decode = msgspec.json.Decoder(SingleAnswer).decode


class Pulse:
    """Sends heartbeats and applies their answers. `trouble` is the node's own last error, "" for none."""

    def __init__(
        self,
        settings: AgentSettings,
        client: ServerClient,
        time: ServerTime,
        spool: Spool,
        leases: Leases,
        inventory: Inventory,
        medic: Medic,
        trouble: Callable[[], str],
        adb_version: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._client = client
        self._time = time
        self._spool = spool
        self._leases = leases
        self._inventory = inventory
        self._medic = medic
        self._trouble = trouble
        self._adb_version = adb_version
        self._told: list[ReportedDevice] | None = None
        self._told_incidents: frozenset[tuple[str, ...]] = frozenset()
        self._told_at = 0
        self._heard_at = 0
        self.wake = Wake()
        self.is_in_contact = False
        self._last_loss = ""

    async def run(self) -> None:
        """Beat for ever; changes within `coalesce_ms` share a beat."""
        periods = self._settings.periods
        backoff = Backoff(periods)
        while True:
            try:
                await self.beat()
                backoff.reset()
            except (ServerUnreachable, ServerRefused) as error:
                self._log_loss(error)
                pause = backoff.next_ms(getattr(error, "retry_after_ms", 0))
                await asyncio.sleep(min(pause, periods.beat_ms) / 1000)
                continue
            await self._until_due(monotonic_ms() + periods.beat_ms)
            await asyncio.sleep(periods.coalesce_ms / 1000)

    async def _until_due(self, due: int) -> None:
        while (left := due - monotonic_ms()) > 0 and not self._has_news():
            await self._inventory.wake.wait(left)

    def _has_news(self) -> bool:
        if not self._inventory.is_known:
            return False
        is_same = _visible(self._inventory.report()) == _visible(self._told)
        return not is_same or _lost(self._medic.incidents()) != self._told_incidents

    async def beat(self) -> None:
        """One heartbeat; its answer renews and cancels leases."""
        devices = self._inventory.report() if self._is_list_due() else None
        node = ReportedNode(
            agent_version=__version__,
            adb_version=self._adb_version() or None,
            concurrency=self._settings.capacity,
            last_error_message=self._trouble() or None,
        )
        incidents = [] if devices is None else self._medic.incidents()
        listed = UNSET if devices is None else devices
        body = Heartbeat(node=node, leases=self._spool.tokens, devices=listed, incidents=incidents)
        event = build_event(self._time, self._settings.node_id, EventType.DEVICE_HEARTBEAT, body)
        asked_at = monotonic_ms()
        raw = await self._client.post(CALLBACK, bytes(event.body), self._settings.periods.request_ms)
        if devices is not None:
            self._told, self._told_incidents, self._told_at = devices, _lost(incidents), asked_at
        self._apply(raw, asked_at)

    def _is_list_due(self) -> bool:
        """The whole list: when it changed, now and then, and after a silence: the server took all for offline then."""
        periods = self._settings.periods
        is_old = monotonic_ms() - self._told_at >= periods.full_beat_ms
        was_silent = not self.is_in_contact or monotonic_ms() - self._heard_at >= 2 * periods.beat_ms
        return self._inventory.is_known and (is_old or was_silent or self._told is None or self._has_news())

    def _apply(self, raw: bytes, asked_at: int) -> None:
        try:
            answer = _decode(raw)
        except msgspec.DecodeError as error:
            raise ServerUnreachable(f"the answer to a heartbeat makes no sense: {error}") from None
        self._time.observe(answer.server_time)
        for renewal in answer.renewed if answer.renewed is not UNSET else []:
            self._leases.renew(renewal.token, renewal.ttl_ms, asked_at)
        self._leases.cancel(answer.cancelled if answer.cancelled is not UNSET else [])
        if answer.pardoned is not UNSET and answer.pardoned:
            self._medic.pardon(answer.pardoned)
        if not self.is_in_contact:
            log.info("in contact with %s as %s", self._settings.server, self._settings.node_id)
        self.is_in_contact = True
        self._heard_at = asked_at
        self._last_loss = ""

    def _log_loss(self, error: ServerUnreachable | ServerRefused) -> None:
        """Once per reason, not once per try."""
        if str(error) != self._last_loss:
            level = logging.ERROR if isinstance(error, ServerRefused) else logging.WARNING
            log.log(level, "no heartbeat, trying again: %s", error)
        self._last_loss = str(error)
        self.is_in_contact = False


def _visible(devices: list[ReportedDevice] | None) -> list[tuple[object, ...]] | None:
    """What of a device makes a beat go out at once."""
    if devices is None:
        return None
    return [
        (
            *(d.runtime_handle, d.serial, d.adb_state, d.online, d.battery, d.temperature_c, d.storage_free_mb),
            *said_of(d.health, d.care),
        )
        for d in devices
    ]


def _lost(incidents: list[ReportedIncident]) -> frozenset[tuple[str, ...]]:
    return frozenset((incident.hub, *incident.serials) for incident in incidents)
