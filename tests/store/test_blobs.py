"""Stored contents, in a folder and in object storage: whole or not there, never outside their place."""

import asyncio
import hashlib
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

import obstore
import pytest
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

from rackhand.core.errors import Busy, Invalid, NotFound, TooLarge
from rackhand.store import blobs_s3
from rackhand.store.blobs import BlobStore, key_of
from rackhand.store.connect import make_blobs

BYTES = bytes(range(256)) * 2000
NUMBERS = itertools.count(1)
SHA256 = hashlib.sha256(BYTES).hexdigest()


async def chunks(content: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def broken() -> AsyncIterator[bytes]:
    yield b"half"
    raise ConnectionError("the sender went away")


async def read(blobs: BlobStore, key: str, start: int = 0, length: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in await blobs.open(key, start, length)])


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@dataclass(frozen=True, slots=True)
class Place:
    """A kind of storage: the folder it may use, and the bucket if it has one."""

    folder: Path
    bucket: str = ""

    def open(self) -> BlobStore:
        return make_blobs(self.bucket and f"s3://{self.bucket}/some/where/", self.folder, "artifacts")

    def everything(self) -> list[str]:
        """Whatever lies there, also pieces."""
        found = [path.name for path in files_in(self.folder)]
        if self.bucket:
            found += [item["path"] for batch in obstore.list(S3Store(self.bucket)) for item in batch]
        return found


@pytest.fixture(scope="module")
def s3() -> Iterator[None]:
    """An S3 server on loopback; the environment says where it is, as an operator would."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    said = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in said.items():
            patch.setenv(name, value)
        yield
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return Place(tmp_path / "data")
    request.getfixturevalue("s3")
    bucket = f"bucket-{next(NUMBERS)}"
    with build_opener(ProxyHandler({})).open(Request(f"{os.environ['AWS_ENDPOINT_URL']}/{bucket}", method="PUT")):
        return Place(tmp_path / "data", bucket)


def test_content_comes_back_whole_and_in_ranges(place: Place) -> None:
    async def story() -> None:
        blobs = place.open()
        blob = await blobs.put(None, chunks(BYTES), max_size=len(BYTES), expected_sha256=SHA256)

        assert (blob.key, blob.size, blob.sha256) == (key_of(SHA256), len(BYTES), SHA256)
        assert await read(blobs, blob.key) == BYTES
        assert await read(blobs, blob.key, 300_000, 5) == BYTES[300_000:300_005]
        assert await read(blobs, blob.key, len(BYTES) - 1, 100) == BYTES[-1:]
        assert await read(blobs, blob.key, len(BYTES), 1) == b""
        assert await read(blobs, blob.key, 5, 0) == b""
        assert await blobs.size(blob.key) == len(BYTES)
        await blobs.put("run/1/shot", chunks(b"x"), max_size=1)
        await blobs.put("run/1/shot", chunks(b"y"), max_size=1)
        assert await read(blobs, "run/1/shot") == b"y"
        await blobs.put("empty", chunks(b""), max_size=0)
        assert (await read(blobs, "empty"), await blobs.size("empty")) == (b"", 0)
        await blobs.delete(blob.key)
        await blobs.delete(blob.key)
        assert await blobs.size(blob.key) is None
        with pytest.raises(NotFound):
            await blobs.open(blob.key)

    asyncio.run(story())


def test_what_fails_leaves_nothing(place: Place) -> None:
    async def story() -> None:
        blobs = place.open()
        with pytest.raises(TooLarge):
            await blobs.put("a", chunks(BYTES), max_size=len(BYTES) - 1)
        with pytest.raises(Invalid):
            await blobs.put("a", chunks(BYTES), max_size=len(BYTES), expected_sha256="0" * 64)
        with pytest.raises(ConnectionError):
            await blobs.put("a", broken(), max_size=100)
        assert place.everything() == []

    asyncio.run(story())


@pytest.mark.parametrize(
    "key", ["../x", "/etc/passwd", "a/../../x", "a//b", "", ".", "a/.b", "C:x", "a\\b", "a/" * 6, "a\n"]
)
def test_no_key_leaves_its_place(place: Place, key: str) -> None:
    async def story() -> None:
        blobs = place.open()
        with pytest.raises(ValueError, match="not a blob key"):
            await blobs.put(key, chunks(b"x"), max_size=10)
        with pytest.raises(NotFound):
            await blobs.open(key)
        assert await blobs.size(key) is None
        assert place.everything() == []

    asyncio.run(story())


def test_pieces_of_what_broke_off_go_after_a_while(place: Place) -> None:
    async def story() -> None:
        blobs = place.open()
        assert await blobs.tidy(0) == 0
        incoming = place.folder / "artifacts" / "incoming"
        incoming.mkdir(parents=True)
        for name, seconds in (("old", 5000), ("new", 0)):
            (incoming / name).write_bytes(b"x")
            os.utime(incoming / name, times=((incoming / name).stat().st_mtime - seconds,) * 2)
        assert await blobs.tidy(1000) == 1
        assert [path.name for path in files_in(incoming)] == ["new"]

    asyncio.run(story())


def test_large_contents_go_up_in_parts(tmp_path: Path, s3: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs_s3, "PART_BYTES", 5 * 1024 * 1024)  # the least that S3 takes

    async def story() -> None:
        with build_opener(ProxyHandler({})).open(Request(f"{os.environ['AWS_ENDPOINT_URL']}/large", method="PUT")):
            blobs = make_blobs("s3://large", tmp_path, "files")
        content = BYTES * 11
        blob = await blobs.put(None, chunks(content, 1 << 20), max_size=len(content))
        assert await blobs.size(blob.key) == len(content) > 5 * 1024 * 1024
        assert await read(blobs, blob.key, len(content) - 3) == content[-3:]

    asyncio.run(story())


def test_storage_that_does_not_answer_is_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is said to be missing that only cannot be reached."""
    monkeypatch.setitem(blobs_s3._RETRY, "max_retries", 0)
    said = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    for name, value in (said | {"AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1"}).items():
        monkeypatch.setenv(name, value)

    async def story() -> None:
        blobs = make_blobs("s3://nowhere", tmp_path, "files")
        with pytest.raises(Busy):
            await blobs.put("a", chunks(b"x"), max_size=1)
        with pytest.raises(Busy):
            await blobs.size("a")
        with pytest.raises(Busy):
            await blobs.open("a")
        with pytest.raises(Busy):
            await blobs.delete("a")
        assert files_in(tmp_path) == []

    asyncio.run(story())


@pytest.mark.parametrize("url", ["s3://", "https://bucket", "bucket"])
def test_an_address_that_is_none_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"known is s3://BUCKET\[/PREFIX\]"):
        make_blobs(url, tmp_path, "files")
