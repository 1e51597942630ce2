"""The journal: whatever moment the process dies, what was acknowledged is there, and nothing else is made up."""

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackhand.agent.journal import Journal, JournalError, Reading, encode_line, read

RECORD = st.binary(max_size=40).map(lambda data: data.replace(b"\n", b"."))


def write(path: Path, records: list[bytes]) -> None:
    path.write_bytes(b"".join(encode_line(record) for record in records))


@given(records=st.lists(RECORD, max_size=8), data=st.data())
def test_a_file_cut_anywhere_gives_its_whole_records(
    tmp_path_factory: pytest.TempPathFactory, records: list[bytes], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal"
    write(path, records)
    size = path.stat().st_size
    cut = data.draw(st.integers(0, size))
    os.truncate(path, cut)
    whole = [r for i, r in enumerate(records) if sum(len(encode_line(x)) for x in records[: i + 1]) <= cut]

    reading = read(path)

    assert reading.records == whole
    assert (reading.damaged_bytes == 0) is (cut == sum(len(encode_line(r)) for r in whole))
    assert read(path).damaged_bytes == 0


@given(records=st.lists(RECORD, min_size=1, max_size=6), garbage=st.binary(min_size=1, max_size=60), data=st.data())
def test_garbage_anywhere_costs_only_what_it_hits(
    tmp_path_factory: pytest.TempPathFactory, records: list[bytes], garbage: bytes, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal"
    lines = [encode_line(record) for record in records]
    hit = data.draw(st.integers(0, len(lines)))
    path.write_bytes(b"".join(lines[:hit]) + garbage + b"\n" + b"".join(lines[hit:]))

    reading = read(path)

    assert reading.records == records
    assert reading.damaged_bytes == len(garbage) + 1
    assert path.with_name("journal.damaged").read_bytes() == garbage + b"\n"


def test_a_flipped_bit_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    write(path, [b"one", b"two", b"three"])
    path.write_bytes(path.read_bytes().replace(b"two", b"twp"))

    assert read(path).records == [b"one", b"three"]


def test_records_are_told_stored_in_order_and_are_in_the_file(tmp_path: Path) -> None:
    async def story() -> None:
        told: list[bytes] = []
        path = tmp_path / "journal"
        log = Journal(path, told.append, list)
        await asyncio.gather(*(log.append(b"%d" % n) for n in range(100)))
        await log.close()

        assert told == [b"%d" % n for n in range(100)]
        assert read(path).records == told

    asyncio.run(story())


def test_a_caller_that_is_cancelled_does_not_undo_its_record(tmp_path: Path) -> None:
    async def story() -> None:
        told: list[bytes] = []
        log = Journal(tmp_path / "journal", told.append, list)
        task = asyncio.create_task(log.append(b"one"))
        await asyncio.sleep(0)
        task.cancel()
        await log.append(b"two")
        await log.close()

        assert told == [b"one", b"two"]

    asyncio.run(story())


def test_it_is_rewritten_when_it_grew_too_large(tmp_path: Path) -> None:
    async def story() -> None:
        path = tmp_path / "journal"
        kept: list[bytes] = []
        log = Journal(path, kept.append, lambda: kept[-2:], compact_bytes=500)
        for n in range(200):
            await log.append(b"record %03d" % n)
        await log.close()

        assert path.stat().st_size < 1_000
        assert read(path).records[-1] == b"record 199"

    asyncio.run(story())


def test_a_full_disk_is_a_clear_error_and_later_records_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    async def story() -> None:
        path = tmp_path / "journal"
        told: list[bytes] = []
        log = Journal(path, told.append, list)
        await log.append(b"before")
        with monkeypatch.context() as patch:
            patch.setattr("os.fsync", full)
            with pytest.raises(JournalError, match="No space left on device; nothing was stored"):
                await log.append(b"lost")
        await log.append(b"after")
        await log.close()

        assert told == [b"before", b"after"]
        assert read(path).records == told

    asyncio.run(story())


def test_a_disk_that_refuses_everything_is_an_error_each_time_and_loses_no_whole_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    async def story() -> None:
        path = tmp_path / "journal"
        written = Journal(path, lambda record: None, list)
        await written.append(b"before")
        with monkeypatch.context() as patch:
            patch.setattr("os.fsync", refuse)
            patch.setattr("os.truncate", refuse)
            for _ in range(2):
                with pytest.raises(JournalError, match="Read-only"):
                    async with asyncio.timeout(5):
                        await written.append(b"lost")
        await written.append(b"after")
        await written.close()
        assert read(path) == Reading([b"before", b"after"], 0)

    asyncio.run(story())


def test_a_rewrite_that_fails_at_its_very_end_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(5, "Input/output error")

    async def story() -> None:
        path = tmp_path / "journal"
        written = Journal(path, lambda record: None, lambda: [b"all"], compact_bytes=100)
        with monkeypatch.context() as patch:
            patch.setattr("rackhand.agent.journal.sync_folder", refuse)
            await written.append(b"x" * 200)
            await written.append(b"y")
        with monkeypatch.context() as patch:
            patch.setattr("os.fsync", refuse)
            with pytest.raises(JournalError):
                await written.append(b"lost")
        await written.append(b"z")
        await written.close()
        assert read(path) == Reading([b"all", b"y", b"z"], 0)

    asyncio.run(story())
