"""Sending files to the server: after their event is acknowledged, each with its digest, until stored or given up.

A missing upload never changes an outcome. Files stay on disk until then.
"""

import asyncio
import logging
import shutil
from contextlib import suppress
from pathlib import Path

from rackhand.agent.client import ServerClient, ServerRefused, ServerUnreachable
from rackhand.agent.logs import about
from rackhand.agent.reports import content_digest, digest_file
from rackhand.agent.servertime import ServerTime
from rackhand.agent.settings import AgentPeriods
from rackhand.agent.spool import Change, Spool, Upload
from rackhand.agent.waking import Backoff
from rackhand.core.errors import RackhandError

log = logging.getLogger(__name__)
MAX_AT_ONCE = 4
_LATER = frozenset({401, 403, 404, 408, 409, 426})
_OTHER_CONTENT = 422  # what arrived has another digest: damaged on the way if the file here still has the right one


class _Hopeless(RackhandError):
    """No later try can mend it."""


def _is_intact(upload: Upload) -> bool:
    """Is the file still what was announced?"""
    try:
        return digest_file(Path(upload.path))[1] == upload.sha256
    except OSError:
        return False


def drop_litter(work_dir: Path, spool: Spool) -> None:
    """Remove what steps left behind that nobody will send (the agent was killed before their end was stored)."""
    wanted = {Path(upload.path).parent.name for upload in spool.uploads.values()}
    for folder in work_dir.iterdir() if work_dir.exists() else ():
        if folder.name not in wanted:
            shutil.rmtree(folder, ignore_errors=True)


class Uploads:
    """The loop that sends what the spool lists, a few at once."""

    def __init__(self, spool: Spool, client: ServerClient, time: ServerTime, periods: AgentPeriods) -> None:
        self._spool = spool
        self._client = client
        self._time = time
        self._periods = periods

    async def run(self) -> None:
        backoff = Backoff(self._periods)
        while True:
            ready = [upload for upload in self._spool.uploads.values() if upload.event_id not in self._spool.events]
            if not ready:
                await self._spool.wake.wait()
                continue
            done = await asyncio.gather(*(self._try(upload) for upload in ready[:MAX_AT_ONCE]))
            if all(done):
                backoff.reset()
                continue
            self._postpone([upload for upload, is_done in zip(ready, done, strict=False) if not is_done])
            await asyncio.sleep(backoff.next_ms() / 1000)

    def _postpone(self, failed: list[Upload]) -> None:
        """Behind the others, so that one that never works holds up nobody."""
        for upload in failed:
            self._spool.uploads[upload.artifact_id] = self._spool.uploads.pop(upload.artifact_id)

    async def _try(self, upload: Upload) -> bool:
        """True if it is done with, stored or not."""
        with about(run_id=upload.run_id, device=upload.device):
            return await self._sent_or_given_up(upload)

    async def _sent_or_given_up(self, upload: Upload) -> bool:
        error = await self._send(upload)
        if error is None:
            await self._finish(upload)
            return True
        if self._time.now() < upload.give_up_at and not isinstance(error, _Hopeless):
            log.info("artifact %s waits: %s", upload.artifact_id, error)
            return False
        log.error("artifact %s is given up: %s", upload.artifact_id, error)
        await self._finish(upload)
        return True

    async def _send(self, upload: Upload) -> Exception | None:
        """What hindered it: for now, or for good."""
        headers = {"Content-Type": upload.content_type, "Content-Digest": content_digest(upload.sha256)}
        try:
            path = f"/api/nodes/artifacts/{upload.artifact_id}"
            await self._client.put_file(path, Path(upload.path), headers, self._periods.upload_ms)
        except ServerUnreachable as error:
            return error
        except ServerRefused as error:
            is_damaged = error.status == _OTHER_CONTENT and await asyncio.to_thread(_is_intact, upload)
            return error if error.status in _LATER or is_damaged else _Hopeless("{reason}", reason=str(error))
        except FileNotFoundError as error:
            return _Hopeless("{reason}", reason=str(error))
        except OSError as error:
            return error
        return None

    async def _finish(self, upload: Upload) -> None:
        """Forget it first: a file without an entry is litter, an entry without a file is an error."""
        await self._spool.commit(Change(uploaded=upload.artifact_id))
        path = Path(upload.path)
        with suppress(OSError):
            path.unlink(missing_ok=True)
            path.parent.rmdir()  # refuses while other files of the attempt are in it
