"""What one device run reports: events with their `seq`, stored together with the progress that they state."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Raw, Struct

from rackhand.agent.actions.outcome import ProducedFile
from rackhand.agent.attempt import Attempt
from rackhand.agent.servertime import ServerTime
from rackhand.agent.spool import Change, Progress, Spool, StoredEvent, Upload
from rackhand.core.clock import Millis, to_rfc3339
from rackhand.core.masking import mask_of
from rackhand.wire import messages
from rackhand.wire.messages import EventType, Job

_encode = msgspec.json.Encoder().encode
MAX_MESSAGE = 4_000


def build_event(
    time: ServerTime,
    node_id: str,
    kind: EventType,
    payload: Struct,
    *,
    token: str | None = None,
    seq: int | None = None,
    is_interim: bool = False,
) -> StoredEvent:
    """An event with a new id, stamped now in the server's time."""
    event = messages.Event(
        event_id=time.mint(),
        type=kind.value,
        node_id=node_id,
        payload=Raw(_encode(payload)),
        occurred_at=time.stamp(),
        lease_token=token,
        seq=seq,
    )
    body = Raw(_encode(event))
    return StoredEvent(event_id=event.event_id, type=kind.value, body=body, token=token, is_interim=is_interim)


def digest_file(path: Path) -> tuple[int, str]:
    """Size and sha256 of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return file.tell(), digest.hexdigest()


def content_digest(sha256: str) -> str:
    """The RFC 9530 header value."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"


class Reporter:
    """The voice of one device run. `progress` is what is stored; every method returns when it is on disk; only `accept`
    raises JournalError when the disk takes nothing (the job was not begun), the others wait for it."""

    def __init__(self, spool: Spool, time: ServerTime, node_id: str, job: Job, upload_window_ms: int) -> None:
        self._spool = spool
        self._time = time
        self._node_id = node_id
        self._job = job
        self._upload_window_ms = upload_window_ms
        self._token = job.lease.token
        self._seq = spool.progress[self._token].seq if self._token in spool.progress else 0
        self._latest: Progress | None = None
        self._mask = mask_of(job.secrets)

    @property
    def progress(self) -> Progress:
        """The latest, which may still be on its way to the disk."""
        return self._latest or self._spool.progress.get(self._token) or Progress(token=self._token)

    async def accept(self) -> None:
        """Store the job itself, and that it is about to start."""
        body = messages.TaskStartedPayload(run_id=self._job.run_id, device_index=self._job.device.index)
        event = self._event(EventType.TASK_STARTED, body)
        start = Progress(token=self._token, seq=self._seq, step_index=self._job.first_step_index)
        await self._spool.commit(Change(job=self._job, progress=start, events=[event]))

    async def device_run(
        self, status: str, step_index: int, grace_left_ms: int | None, reason: str, *, is_interim: bool
    ) -> None:
        """The device run is running or waiting; an interim report is left out while one is undelivered."""
        if is_interim and self._spool.has_interim(self._token):
            return
        payload = messages.TaskProgressPayload(
            run_id=self._job.run_id,
            device_index=self._job.device.index,
            status="waiting" if status == "waiting" else "running",
            step_index=step_index,
            grace_left_ms=grace_left_ms,
            reason=self._mask.text(reason) or None,
        )
        await self._store([self._event(EventType.TASK_PROGRESS, payload, is_interim=is_interim)], {})

    async def begun(self, attempt: Attempt) -> None:
        """An attempt is about to touch the device; nothing is sent to it before this is stored."""
        facts = {
            "step_index": attempt.step_index,
            "attempt": attempt.number,
            "charged": attempt.charged,
            "ended": None,
            "is_cut": False,
            "error_message": None,
            "attempt_started_at": attempt.started_at,
        }
        await self._store([self._step_event(attempt)], facts)

    async def running(self, attempt: Attempt) -> None:
        """Output so far; left out while the last report is undelivered."""
        if not self._spool.has_interim(self._token):
            await self._store([self._step_event(attempt, is_interim=True)], {})

    async def ended(self, attempt: Attempt, files: Sequence[tuple[ProducedFile, int, str]]) -> None:
        """An attempt's end and its files, in one record."""
        facts = {
            "step_index": attempt.step_index,
            "attempt": attempt.number,
            "charged": attempt.charged,
            "ended": attempt.status.value,
            "is_cut": attempt.is_cut,
            "error_message": attempt.error_message,
        }
        events, uploads = [self._step_event(attempt)], []
        for produced, size, sha256 in files:
            event, upload = self._artifact(attempt.step_index, produced, size, sha256)
            events.append(event)
            uploads.append(upload)
        await self._store(events, facts, uploads)

    async def finished(self, status: str, error_message: str | None) -> None:
        """The device run's end; the job is over and no longer stored."""
        payload = messages.TaskFinishedPayload(
            run_id=self._job.run_id,
            device_index=self._job.device.index,
            status="succeeded" if status == "succeeded" else "stopped" if status == "stopped" else "failed",
            error_message=self._said(error_message),
        )
        event = self._event(EventType.TASK_FINISHED, payload)
        await self._spool.persist(Change(events=[event], dropped=self._token))

    def _artifact(self, step_index: int, produced: ProducedFile, size: int, sha256: str) -> tuple[StoredEvent, Upload]:
        artifact_id = self._time.mint()
        payload = messages.ArtifactCreatedPayload(
            artifact_id=artifact_id,
            run_id=self._job.run_id,
            device_index=self._job.device.index,
            step_index=step_index,
            kind=produced.kind,
            content_type=produced.content_type,
            size=size,
            sha256=sha256,
        )
        event = self._event(EventType.ARTIFACT_CREATED, payload)
        upload = Upload(
            artifact_id=artifact_id,
            event_id=event.event_id,
            path=str(produced.path),
            content_type=produced.content_type,
            sha256=sha256,
            give_up_at=self._time.now() + self._upload_window_ms,
            run_id=self._job.run_id,
            device=self._job.device.index,
        )
        return event, upload

    def _step_event(self, attempt: Attempt, *, is_interim: bool = False) -> StoredEvent:
        payload = messages.StepUpdatePayload(
            run_id=self._job.run_id,
            device_index=self._job.device.index,
            step_index=attempt.step_index,
            attempt=attempt.number,
            status=attempt.status.value,  # type: ignore[arg-type]
            probability=attempt.step.probability,
            draw=attempt.drawn,
            decision=attempt.decision.value,
            exit_code=attempt.exit_code,
            output_tail=attempt.output_tail,
            output_lines=attempt.output_lines,
            started_at=_text(attempt.started_at),
            finished_at=_text(attempt.finished_at),
            error_message=self._said(attempt.error_message),
        )
        return self._event(EventType.RUN_STEP_UPDATE, payload, is_interim=is_interim)

    def _said(self, message: str | None) -> str | None:
        """A message as it may be read by everybody."""
        return self._mask.text(message)[:MAX_MESSAGE] if message else None

    def _event(self, kind: EventType, payload: Struct, *, is_interim: bool = False) -> StoredEvent:
        self._seq += 1
        return build_event(
            self._time, self._node_id, kind, payload, token=self._token, seq=self._seq, is_interim=is_interim
        )

    async def _store(
        self, events: list[StoredEvent], facts: Mapping[str, object], uploads: Sequence[Upload] = ()
    ) -> None:
        self._latest = msgspec.structs.replace(self.progress, seq=self._seq, **facts)
        await self._spool.persist(Change(progress=self._latest, events=events, uploads=list(uploads)))


def _text(at: Millis | None) -> str | None:
    return None if at is None else to_rfc3339(at)
