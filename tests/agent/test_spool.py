"""The durable state: any kill point leaves a state that the agent can go on from, and compaction changes nothing."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from rackhand.agent.journal import encode_line
from rackhand.agent.spool import Change, Progress, Spool, StoredEvent, Upload
from rackhand.wire.messages import Job, JobDevice, LeaseGrant


def make_job(token: str) -> Job:
    return Job(
        lease=LeaseGrant(token=token, epoch=1, ttl_ms=1, expires_at=""),
        run_id="run-1",
        device=JobDevice(index=1, serial="S", runtime_handle="S"),
        steps=[],
        first_step_index=0,
        dice_index=1,
        seed=1,
        policy={},
        params={},
    )


def event(number: int, token: str = "t1", kind: str = "run_step_update", **fields: bool) -> StoredEvent:
    return StoredEvent(event_id=f"e{number}", type=kind, body=Raw(b'{"n":%d}' % number), token=token, **fields)


def accepted(token: str) -> Change:
    return Change(job=make_job(token), progress=Progress(token=token, seq=1), events=[event(1, token, "task_started")])


CHANGES = [
    accepted("t1"),
    Change(acked=["e1"]),
    Change(progress=Progress(token="t1", seq=2, attempt=1, is_started=True), events=[event(2)]),
    Change(
        progress=Progress(token="t1", seq=4, attempt=1, ended="succeeded", is_started=True),
        events=[event(3), event(4)],
        uploads=[Upload(artifact_id="a1", event_id="e4", path="x", content_type="t", sha256="0", give_up_at=1)],
    ),
    Change(acked=["e2", "e3", "e4"]),
    Change(uploaded="a1"),
    Change(events=[event(5, kind="task_finished")], dropped="t1"),
    Change(acked=["e5"]),
]


def look(spool: Spool) -> tuple[object, ...]:
    return (spool.jobs, spool.progress, list(spool.events), spool.uploads)


def fold(changes: list[Change]) -> Spool:
    spool = Spool()
    for change in changes:
        spool._take(msgspec.json.encode(change))
    return spool


@given(cut=st.integers(0, 4_000))
def test_any_kill_point_leaves_the_fold_of_whole_changes(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    async def story() -> None:
        lines = [encode_line(msgspec.json.encode(change)) for change in CHANGES]
        path = tmp_path_factory.mktemp("spool") / "journal"
        path.write_bytes(b"".join(lines)[:cut])
        whole = sum(len(b"".join(lines[: n + 1])) <= cut for n in range(len(lines)))
        spool = Spool.open(path)
        await spool.close()

        assert look(spool) == look(fold(CHANGES[:whole]))

    asyncio.run(story())


def test_a_start_that_was_acknowledged_is_known_after_a_restart(tmp_path: Path) -> None:
    async def story() -> None:
        spool = Spool.open(tmp_path / "journal")
        await spool.commit(accepted("t1"))
        await spool.commit(Change(acked=["e1"]))
        await spool.close()
        again = Spool.open(tmp_path / "journal")
        await again.close()

        assert again.progress["t1"].is_started
        assert again.tokens == ["t1"]

    asyncio.run(story())


def test_a_start_that_was_refused_drops_the_job(tmp_path: Path) -> None:
    async def story() -> None:
        spool = Spool.open(tmp_path / "journal")
        await spool.commit(accepted("t1"))
        await spool.commit(Change(refused=["e1"]))
        await spool.close()

        assert spool.jobs == {}
        assert spool.tokens == []

    asyncio.run(story())


def test_a_finished_lease_is_kept_until_its_events_are_delivered() -> None:
    assert fold(CHANGES[:-1]).tokens == ["t1"]
    assert fold(CHANGES).tokens == []


def test_interim_events_are_counted_per_lease() -> None:
    spool = fold([accepted("t1"), Change(events=[event(2, is_interim=True)])])

    assert spool.has_interim("t1")
    assert not spool.has_interim("t2")


@given(whole=st.integers(0, len(CHANGES)))
def test_a_snapshot_says_the_same_as_the_history(whole: int) -> None:
    spool = fold(CHANGES[:whole])
    again = Spool()
    for record in spool._snapshot():
        again._take(record)

    assert look(again) == look(spool)


def test_a_record_of_another_version_is_left_out_and_told() -> None:
    spool = fold([accepted("t1")])
    spool._take(b'{"acked": 7}')

    assert spool.tokens == ["t1"]
    assert "could not be read" in spool.damage
