"""Files by key: the protocol of uploaded files and artifacts, and its directory implementation. No SQL here.

A key is `a/b` of `[0-9A-Za-z._-]` parts that begin with a letter or digit, so that no key leaves the folder.
"""

import asyncio
import contextlib
import hashlib
import os
import re
import time
import uuid
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from rackhand.core.errors import FieldError, Invalid, NotFound, TooLarge

CHUNK = 256 * 1024
INCOMING = "incoming"
"""The folder of what is being received."""
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

    async def tidy(self, older_than_s: float) -> int:
        """Remove pieces of puts that broke off so long ago; how many."""
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
        return self._root.joinpath(*require_key(key).split("/"))

    async def put(
        self, key: str | None, chunks: AsyncIterable[bytes], *, max_size: int, expected_sha256: str | None = None
    ) -> Blob:
        if key is not None:
            self.path(key)
        part = self._root / INCOMING / uuid.uuid4().hex
        try:
            size, digest = await receive(part, chunks, max_size, expected_sha256)
            name = key or key_of(digest)
            await asyncio.to_thread(_move, part, self.path(name))
            return Blob(name, size, digest)
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)

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

    async def tidy(self, older_than_s: float) -> int:
        return await asyncio.to_thread(remove_old_files, self._root / INCOMING, older_than_s)


async def receive(
    part: Path, chunks: AsyncIterable[bytes], max_size: int, expected_sha256: str | None
) -> tuple[int, str]:
    """Write the chunks to a new file, on disk; its size and sha256. What `put` refuses is raised here."""
    digest, size = hashlib.sha256(), 0
    await asyncio.to_thread(part.parent.mkdir, parents=True, exist_ok=True)
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
    found = digest.hexdigest()
    if expected_sha256 is not None and found != expected_sha256:
        raise Invalid(
            [FieldError("", "the content's sha256 is {found}, not {said}", {"found": found, "said": expected_sha256})]
        )
    return size, found


def require_key(key: str) -> str:
    """The key; ValueError if it is none."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"not a blob key: {key[:80]!r}")
    return key


def remove_old_files(folder: Path, older_than_s: float) -> int:
    """Remove the files of a folder, which need not exist, that nobody wrote to for so long; how many."""
    if not folder.is_dir():
        return 0
    before = time.time() - older_than_s
    old = [path for path in folder.iterdir() if path.is_file() and path.stat().st_mtime < before]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


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
