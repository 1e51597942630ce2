"""The node's copies of server files, by sha256: fetched once, verified, the least used dropped beyond the budget."""

import asyncio
import os
from pathlib import Path

from rackhand.agent.client import ServerClient, ServerRefused, ServerUnreachable
from rackhand.agent.reports import digest_file
from rackhand.agent.settings import AgentPeriods
from rackhand.agent.waking import Backoff
from rackhand.core.errors import RackhandError

_TRIES = 4


class FileUnavailable(RackhandError):
    """A step needs a file that cannot be had; nothing was sent to the device."""


class FileCache:
    """`path_of` gives a verified local copy. Steps that want the same file wait for one download."""

    def __init__(self, folder: Path, client: ServerClient, periods: AgentPeriods, budget_bytes: int) -> None:
        self._folder = folder
        self._client = client
        self._periods = periods
        self._budget_bytes = budget_bytes
        self._locks: dict[str, asyncio.Lock] = {}

    async def path_of(self, sha256: str) -> Path:
        """FileUnavailable says why there is none."""
        path = self._folder / sha256
        async with self._locks.setdefault(sha256, asyncio.Lock()):
            if not path.exists():
                self._folder.mkdir(parents=True, exist_ok=True)
                await self._fetch(sha256, path)
                await asyncio.to_thread(self._make_room, path)
        os.utime(path)
        return path

    async def _fetch(self, sha256: str, path: Path) -> None:
        """A try that brought something does not count: slow is not broken, and the step has its own deadline."""
        partial, backoff = path.with_name(f"{sha256}.part"), Backoff(self._periods)
        have = _size(partial)
        while True:
            try:
                await self._client.get_file(f"/api/nodes/files/{sha256}", partial, self._periods.request_ms)
                if (await asyncio.to_thread(digest_file, partial))[1] == sha256:
                    partial.replace(path)
                    return
                partial.unlink()
                error: RackhandError = FileUnavailable("its content does not fit its sha256")
            except ServerRefused as refused:
                raise FileUnavailable(
                    "the server does not give file {sha256}: {refused}", sha256=sha256[:12], refused=str(refused)
                ) from None
            except ServerUnreachable as unreachable:
                error = unreachable
                if _size(partial) > have:
                    backoff.reset()
            have = _size(partial)
            if backoff.failures + 1 >= _TRIES:
                raise FileUnavailable(
                    "file {sha256} could not be fetched in {n} tries: {reason}",
                    sha256=sha256[:12],
                    n=_TRIES,
                    reason=str(error),
                )
            await asyncio.sleep(backoff.next_ms() / 1000)

    def _make_room(self, keep: Path) -> None:
        """Drop the longest unused until the budget holds; `keep` stays."""
        copies = [(path.stat().st_mtime, path.stat().st_size, path) for path in self._folder.iterdir() if path != keep]
        total = keep.stat().st_size + sum(size for _, size, _ in copies)
        for _, size, path in sorted(copies):
            if total <= self._budget_bytes:
                return
            path.unlink(missing_ok=True)
            total -= size


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
