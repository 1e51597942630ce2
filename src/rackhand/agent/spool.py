"""What the agent must not forget: jobs with their progress, events not yet acknowledged, files not yet uploaded.

One `Change` is one record of the journal: an event and the progress that it states are stored together or not at all.
The state is the fold of all changes, and is only what is on disk. Delivery, leases and devices are not its business.
"""

import asyncio
import logging
from pathlib import Path

import msgspec
from msgspec import Raw, Struct

from rackhand.agent import journal
from rackhand.agent.journal import COMPACT_BYTES, Journal, JournalError
from rackhand.agent.trouble import Trouble
from rackhand.agent.waking import Wake
from rackhand.wire.messages import EventType, Job


class Progress(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a device run has come. `attempt` is the last one begun of `step_index` (0: none);
    `ended` is how it ended (None: in flight), `is_cut` that the agent itself ended it, which is not charged;
    `charged` counts the attempts that are."""

    token: str
    seq: int = 0
    is_started: bool = False
    step_index: int = 0
    attempt: int = 0
    charged: int = 0
    ended: str | None = None
    is_cut: bool = False
    error_message: str | None = None
    attempt_started_at: int | None = None

    @property
    def is_in_flight(self) -> bool:
        return self.attempt > 0 and self.ended is None


class StoredEvent(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event as it will be sent. An interim one (`is_interim`) is worthless once a later one exists."""

    event_id: str
    type: str
    body: Raw
    token: str | None = None
    is_interim: bool = False


class Upload(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file to send once its `artifact_created` is acknowledged; given up at `give_up_at` (server time)."""

    artifact_id: str
    event_id: str
    path: str
    content_type: str
    sha256: str
    give_up_at: int
    run_id: str = ""
    device: int = 0


class Change(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One atomic step of the state. `dropped` ends a job; `acked` and `refused` are ids of events that are done."""

    job: Job | None = None
    progress: Progress | None = None
    events: list[StoredEvent] = []
    uploads: list[Upload] = []
    dropped: str | None = None
    acked: list[str] = []
    refused: list[str] = []
    uploaded: str | None = None


log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Change).decode


class Spool:
    """The durable state of one agent. `wake` tells of every change."""

    def __init__(self, retry_ms: int = 1_000) -> None:
        self.jobs: dict[str, Job] = {}
        self.progress: dict[str, Progress] = {}
        self.events: dict[str, StoredEvent] = {}
        self.uploads: dict[str, Upload] = {}
        self.wake = Wake()
        self.damage = ""
        self.trouble = Trouble()
        self._retry_ms = retry_ms
        self._journal: Journal | None = None

    @classmethod
    def open(cls, path: Path, compact_bytes: int = COMPACT_BYTES, retry_ms: int = 1_000) -> "Spool":
        """Read the journal at `path` (or begin one); `damage` says what could not be read."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        spool = cls(retry_ms)
        reading = journal.read(path)
        for record in reading.records:
            spool._take(record)
        if reading.damaged_bytes:
            spool.damage = f"{reading.damaged_bytes} damaged bytes of {path} were set aside; the rest was read"
        spool._journal = Journal(path, spool._take, spool._snapshot, compact_bytes)
        return spool

    async def commit(self, change: Change) -> None:
        """Returns when the change is on disk and in the state; JournalError if the disk did not take it."""
        assert self._journal is not None
        await self._journal.append(_encode(change))

    async def persist(self, change: Change) -> None:
        """As `commit`, but a disk that takes nothing is waited for: what has happened must not be forgotten."""
        while True:
            try:
                await self.commit(change)
                return
            except JournalError as error:
                self.trouble.say(str(error))
                log.error("%s; trying again", error)
                await asyncio.sleep(self._retry_ms / 1000)

    async def close(self) -> None:
        if self._journal is not None:
            await self._journal.close()

    @property
    def tokens(self) -> list[str]:
        """Leases to be kept: of jobs, and of finished ones with undelivered events."""
        owed = {event.token for event in self.events.values() if event.token}
        return sorted(owed | self.jobs.keys())

    def has_interim(self, token: str) -> bool:
        """Is an interim event of this lease still undelivered? Then another one would say nothing new."""
        return any(event.is_interim and event.token == token for event in self.events.values())

    def _take(self, record: bytes) -> None:
        """Fold one record; one that this version cannot read is left out, as a damaged one would be."""
        try:
            change = _decode(record)
        except msgspec.DecodeError as error:
            self.damage = f"a record of the journal could not be read: {error}"
            return
        self._fold(change)
        self.wake.notify()

    def _fold(self, change: Change) -> None:
        if change.job is not None:
            self.jobs[change.job.lease.token] = change.job
        if change.progress is not None:
            self.progress[change.progress.token] = change.progress
        self.events.update((event.event_id, event) for event in change.events)
        self.uploads.update((upload.artifact_id, upload) for upload in change.uploads)
        for event_id in change.acked:
            self._close(event_id, is_accepted=True)
        for event_id in change.refused:
            self._close(event_id, is_accepted=False)
        self.uploads.pop(change.uploaded or "", None)
        self._drop(change.dropped)

    def _close(self, event_id: str, *, is_accepted: bool) -> None:
        event = self.events.pop(event_id, None)
        if event is None or event.type != EventType.TASK_STARTED or event.token not in self.progress:
            return
        if is_accepted:
            self.progress[event.token] = msgspec.structs.replace(self.progress[event.token], is_started=True)
        else:
            self._drop(event.token)

    def _drop(self, token: str | None) -> None:
        job = self.jobs.pop(token or "", None)
        self.progress.pop(token or "", None)
        if job is not None and job.secrets and self._journal is not None:
            self._journal.compact_soon()

    def _snapshot(self) -> list[bytes]:
        """The records that say all that still matters."""
        changes = [Change(job=job, progress=self.progress[token]) for token, job in self.jobs.items()]
        changes += [Change(events=[event]) for event in self.events.values()]
        changes += [Change(uploads=[upload]) for upload in self.uploads.values()]
        return [_encode(change) for change in changes]
