"""Files by key: the protocol of uploaded files and artifacts, and its directory implementation. No SQL here.

A key is `a/b` of `[0-9A-Za-z._-]` parts that begin with a letter or digit, so that no key leaves the folder.
"""

import asyncio
import contextlib
import hashlib
import os
import re
import uuid
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from rackhand.core.errors import FieldError, Invalid, NotFound, TooLarge

CHUNK = 256 * 1024
_KEY = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}(/[0-9A-Za-z][0-9A-Za-z._-]{0,127}){0,4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored file."""

    key: str
    size: int
    sha256: str


class BlobStore(Protocol):
    """Where contents lie. `put` is all or nothing, also over a crash."""

    async def put(
        self, key: str | None, chunks: AsyncIterable[bytes], *, max_size: int, expected_sha256: str | None = None
    ) -> Blob:
        """Store `chunks` under `key`, or under their own sha256 if it is None.

        TooLarge beyond `max_size`, Invalid if the digest is another; then nothing is stored.
        """
        ...

    async def open(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """The content from `start`; NotFound if there is none."""
        ...

    async def size(self, key: str) -> int | None:
        """Bytes of the content, or None if there is none."""
        ...

    async def delete(self, key: str) -> None:
        """Remove the content; nothing happens if there is none."""
        ...


def key_of(sha256: str) -> str:
    """The key of content that is stored by its digest."""
    return f"{sha256[:2]}/{sha256}"


class DirectoryBlobs:
    """`BlobStore` over a folder; a file appears under its name only when it is whole and on disk."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, key: str) -> Path:
        """Where `key` lies; ValueError for a key that is none."""
        if not _KEY.fullmatch(key):
            raise ValueError(f"not a blob key: {key[:80]!r}")
        return self._root.joinpath(*key.split("/"))

    async def put(
        self, key: str | None, chunks: AsyncIterable[bytes], *, max_size: int, expected_sha256: str | None = None
    ) -> Blob:
        if key is not None:
            self.path(key)
        part = self._root / "incoming" / uuid.uuid4().hex
        await asyncio.to_thread(part.parent.mkdir, parents=True, exist_ok=True)
        try:
            size, digest = await self._receive(part, chunks, max_size)
            if expected_sha256 is not None and digest != expected_sha256:
                raise Invalid(
                    [
                        FieldError(
                            "",
                            "the content's sha256 is {found}, not {said}",
                            {"found": digest, "said": expected_sha256},
                        )
                    ]
                )
            name = key or key_of(digest)
            await asyncio.to_thread(_move, part, self.path(name))
            return Blob(name, size, digest)
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)

    async def _receive(self, part: Path, chunks: AsyncIterable[bytes], max_size: int) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        file = await asyncio.to_thread(part.open, "xb")
        try:
            async for chunk in chunks:
                size += len(chunk)
                if size > max_size:
                    raise TooLarge("the content is larger than {n} bytes; nothing was stored", n=max_size)
                digest.update(chunk)
                await asyncio.to_thread(file.write, chunk)
            await asyncio.to_thread(_sync, file)
        finally:
            await asyncio.to_thread(file.close)
        return size, digest.hexdigest()

    async def open(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        try:
            file = await asyncio.to_thread(self.path(key).open, "rb")
        except (FileNotFoundError, ValueError):
            raise NotFound("the content is not here") from None

        async def read() -> AsyncIterator[bytes]:
            left = length
            try:
                await asyncio.to_thread(file.seek, start)
                while left is None or left > 0:
                    chunk = await asyncio.to_thread(file.read, CHUNK if left is None else min(CHUNK, left))
                    if not chunk:
                        return
                    left = None if left is None else left - len(chunk)
                    yield chunk
            finally:
                file.close()

        return read()

    async def size(self, key: str) -> int | None:
        try:
            return (await asyncio.to_thread(self.path(key).stat)).st_size
        except (FileNotFoundError, ValueError):
            return None

    async def delete(self, key: str) -> None:
        await asyncio.to_thread(_remove, self.path(key), self._root)


def _move(part: Path, target: Path) -> None:
    """Once more if another's `_remove` took the folder in between."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.replace(target)
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.replace(target)


def _remove(path: Path, root: Path) -> None:
    """The file, and the folders above it that it leaves empty."""
    path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        for folder in path.parents:
            if folder == root:
                return
            folder.rmdir()  # refuses while there is anything in it


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
