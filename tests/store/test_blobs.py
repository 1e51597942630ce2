"""Stored contents: whole or not there, never outside their folder."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rackhand.core.errors import Invalid, NotFound, TooLarge
from rackhand.store.blobs import DirectoryBlobs, key_of

BYTES = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(BYTES).hexdigest()


async def chunks(content: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def broken() -> AsyncIterator[bytes]:
    yield b"half"
    raise ConnectionError("the sender went away")


async def read(blobs: DirectoryBlobs, key: str, start: int = 0, length: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in await blobs.open(key, start, length)])


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_content_comes_back_whole_and_in_ranges(tmp_path: Path) -> None:
    async def story() -> None:
        blobs = DirectoryBlobs(tmp_path)
        blob = await blobs.put(None, chunks(BYTES), max_size=len(BYTES), expected_sha256=SHA256)

        assert (blob.key, blob.size, blob.sha256) == (key_of(SHA256), len(BYTES), SHA256)
        assert await read(blobs, blob.key) == BYTES
        assert await read(blobs, blob.key, 300_000, 5) == BYTES[300_000:300_005]
        assert await read(blobs, blob.key, len(BYTES) - 1, 100) == BYTES[-1:]
        assert await blobs.size(blob.key) == len(BYTES)
        await blobs.put("run/1/shot", chunks(b"x"), max_size=1)
        await blobs.put("run/1/shot", chunks(b"y"), max_size=1)
        assert await read(blobs, "run/1/shot") == b"y"
        await blobs.delete(blob.key)
        await blobs.delete(blob.key)
        assert await blobs.size(blob.key) is None
        with pytest.raises(NotFound):
            await blobs.open(blob.key)

    asyncio.run(story())


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        blobs = DirectoryBlobs(tmp_path)
        with pytest.raises(TooLarge):
            await blobs.put("a", chunks(BYTES), max_size=len(BYTES) - 1)
        with pytest.raises(Invalid):
            await blobs.put("a", chunks(BYTES), max_size=len(BYTES), expected_sha256="0" * 64)
        with pytest.raises(ConnectionError):
            await blobs.put("a", broken(), max_size=100)
        assert files_in(tmp_path) == []

    asyncio.run(story())


@pytest.mark.parametrize(
    "key", ["../x", "/etc/passwd", "a/../../x", "a//b", "", ".", "a/.b", "C:x", "a\\b", "a/" * 6, "a\n"]
)
def test_no_key_leaves_the_folder(tmp_path: Path, key: str) -> None:
    async def story() -> None:
        blobs = DirectoryBlobs(tmp_path / "blobs")
        with pytest.raises(ValueError, match="not a blob key"):
            await blobs.put(key, chunks(b"x"), max_size=10)
        with pytest.raises(NotFound):
            await blobs.open(key)
        assert await blobs.size(key) is None
        assert files_in(tmp_path) == []

    asyncio.run(story())
