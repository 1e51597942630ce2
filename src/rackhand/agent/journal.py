"""An append-only file of records that are on disk before anybody relies on them. Bytes only; no meaning.

One record is one line: CRC-32 in hex, a space, the bytes (which hold no line break), a line feed. A record is whole
or it is not there, so whatever must happen together goes into one record. All records that wait while the previous
fsync runs share the next one. A full disk raises JournalError, and the file is cut back to its last whole record.
(SQLite would do as well, but the layers keep SQL out of the agent, and one file with one fsync is easier to judge.)
"""

import asyncio
import os
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

from rackhand.core.errors import RackhandError

COMPACT_BYTES = 4 * 1024 * 1024
T = TypeVar("T")
R = TypeVar("R")


class JournalError(RackhandError):
    """The disk did not take it: nothing of this record is stored."""


def encode_line(record: bytes) -> bytes:
    return b"%08x " % zlib.crc32(record) + record + b"\n"


def decode_line(line: bytes) -> bytes | None:
    """The record of a line with its line feed; None if the line is damaged or torn."""
    record = line[9:-1]
    return record if line[-1:] == b"\n" and line[:9] == b"%08x " % zlib.crc32(record) else None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file held: its records in order, and how many bytes of damage were set aside."""

    records: list[bytes]
    damaged_bytes: int


def read(path: Path) -> Reading:
    """Every whole record. Damaged lines are moved to `<name>.damaged`, and the file is rewritten without them."""
    content = path.read_bytes() if path.exists() else b""
    *lines, torn = content.split(b"\n")
    records = [(line + b"\n", decode_line(line + b"\n")) for line in lines]
    records += [(torn, None)] if torn else []
    damaged = b"".join(line for line, record in records if record is None)
    whole = [record for _, record in records if record is not None]
    if damaged:
        with path.with_name(path.name + ".damaged").open("ab") as aside:
            aside.write(damaged)
        replace_file(path, whole)
    return Reading(whole, len(damaged))


def replace_file(path: Path, records: Iterable[bytes]) -> None:
    """Write `records` to a new file and put it in the place of `path`. Whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    with open_private(fresh, "wb") as file:
        for record in records:
            file.write(encode_line(record))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def open_private(path: Path, mode: str) -> BinaryIO:
    """For the owner only: jobs may carry secrets."""
    return cast(BinaryIO, open(path, mode, opener=_private))


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def sync_folder(folder: Path) -> None:
    """Make a rename durable; Windows does it by itself."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Journal:
    """Appends with group commit. `on_stored` is called for each record in order, once it is on disk;
    `snapshot` gives the records that say all that still matters, for compaction."""

    def __init__(
        self,
        path: Path,
        on_stored: Callable[[bytes], None],
        snapshot: Callable[[], list[bytes]],
        compact_bytes: int = COMPACT_BYTES,
    ) -> None:
        self._path = path
        self._on_stored = on_stored
        self._snapshot = snapshot
        self._compact_bytes = compact_bytes
        self._limit = compact_bytes
        self._file: BinaryIO = open_private(path, "ab")
        self._size = path.stat().st_size
        self._is_torn = False
        self._queue: list[tuple[bytes, asyncio.Future[None]]] = []
        self._flusher: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "journal")

    def compact_soon(self) -> None:
        """Rewrite the file after the records that are being written: what is over in it should not stay on the disk."""
        self._limit = 0

    async def append(self, record: bytes) -> None:
        """Returns when the record is on disk. If the caller is cancelled meanwhile, the record is stored anyway."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((record, done))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush(), name="journal")
        await done

    async def _flush(self) -> None:
        try:
            while self._queue:
                batch, self._queue = self._queue, []
                data = b"".join(encode_line(record) for record, _ in batch)
                error = await self._in_thread(self._write, data)
                self._settle(batch, error)
                if self._size > self._limit:
                    await self._compact()
        finally:
            self._flusher = None

    def _in_thread(self, work: Callable[[T], R], argument: T) -> "asyncio.Future[R]":
        """In a thread of its own: hashing of large files elsewhere must not make an fsync wait."""
        return asyncio.get_running_loop().run_in_executor(self._thread, work, argument)

    def _write(self, data: bytes) -> OSError | None:
        """Every failure is an answer: who waits for a record must hear of it, whatever the disk is up to."""
        try:
            if self._is_torn:
                self._cut_back()
            self._file.write(data)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            self._is_torn = True
            with suppress(OSError):  # then the next record tries to cut back before it is written
                self._cut_back()
            return error
        self._size += len(data)
        return None

    def _cut_back(self) -> None:
        """Drop what is buffered or half written, so that the next record starts a line of its own."""
        with suppress(OSError):  # the buffered bytes could not be written: they are what is dropped
            self._file.close()
        os.truncate(self._path, self._size)
        self._file = self._path.open("ab")
        self._is_torn = False

    def _settle(self, batch: list[tuple[bytes, "asyncio.Future[None]"]], error: OSError | None) -> None:
        for record, done in batch:
            if error is None:
                self._on_stored(record)
            if done.done():
                continue
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(
                    JournalError(
                        "cannot write {path}: {reason}; nothing was stored", path=self._path, reason=str(error)
                    )
                )

    async def _compact(self) -> None:
        records = self._snapshot()
        try:
            await self._in_thread(self._rewrite, records)
        except OSError:
            # no room for a second file now: the old one is whole, try again later
            self._limit = max(self._compact_bytes, self._size * 2)

    def _rewrite(self, records: list[bytes]) -> None:
        self._is_torn = True  # until it is open again
        self._file.close()
        try:
            replace_file(self._path, records)
            self._limit = max(self._compact_bytes, self._path.stat().st_size * 2)
        finally:
            self._size = self._path.stat().st_size  # the old file or the new one: whole, either way
            self._file = self._path.open("ab")
            self._is_torn = False

    async def close(self) -> None:
        """Wait for what is being written, then close the file."""
        if self._flusher is not None:
            await self._flusher
        self._thread.shutdown()
        self._file.close()
