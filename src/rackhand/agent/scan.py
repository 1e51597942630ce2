"""Scan jobs: look at all devices now, beat, and say so."""

import asyncio
import logging

from rackhand.agent.client import ServerRefused, ServerUnreachable
from rackhand.agent.heartbeat import Pulse
from rackhand.agent.inventory import Inventory
from rackhand.agent.journal import JournalError
from rackhand.agent.reports import build_event
from rackhand.agent.servertime import ServerTime
from rackhand.agent.settings import AgentSettings
from rackhand.agent.spool import Change, Spool
from rackhand.wire.messages import EventType, ScanProgressPayload

log = logging.getLogger(__name__)
_REMEMBERED = 100


class Scans:
    """`begin` takes a scan job once, however often it is handed out."""

    def __init__(
        self, settings: AgentSettings, spool: Spool, time: ServerTime, inventory: Inventory, pulse: Pulse
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._time = time
        self._inventory = inventory
        self._pulse = pulse
        self._known: dict[str, asyncio.Task[None]] = {}

    def begin(self, scan_job_id: str) -> bool:
        """False if it is known."""
        if scan_job_id in self._known:
            return False
        self._known[scan_job_id] = asyncio.create_task(self._run(scan_job_id), name=f"scan {scan_job_id}")
        if len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]
        return True

    async def _run(self, scan_job_id: str) -> None:
        try:
            await self._tell(ScanProgressPayload(scan_job_id=scan_job_id, status="running"))
            total = await self._inventory.scan(2 * self._settings.periods.probe_deadline_ms)
            error = self._inventory.last_error_message
            if not error:
                await self._pulse.beat()
            status = "failed" if error else "succeeded"
            await self._tell(
                ScanProgressPayload(
                    scan_job_id=scan_job_id,
                    status="failed" if status == "failed" else "succeeded",
                    total=total,
                    error_message=error or None,
                )
            )
        except (ServerUnreachable, ServerRefused, JournalError) as error_:
            log.warning("scan %s is not reported: %s; the server closes it by its deadline", scan_job_id, error_)

    async def _tell(self, payload: ScanProgressPayload) -> None:
        event = build_event(self._time, self._settings.node_id, EventType.SCAN_PROGRESS, payload)
        await self._spool.commit(Change(events=[event]))

    async def close(self) -> None:
        for task in self._known.values():
            task.cancel()
        await asyncio.gather(*self._known.values(), return_exceptions=True)
