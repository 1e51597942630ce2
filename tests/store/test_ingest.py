"""The contract of the event ingest, held by both databases: what is saved is what is loaded again."""

import asyncio
import dataclasses
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from rackhand.core.events import ArtifactFacts, DeviceRunFacts, StepFacts
from rackhand.core.states import Decision, DeviceRunStatus, StepStatus, Verdict
from rackhand.store import ingest, tables
from rackhand.store.changes import Changes, NewEvent, StepKey, StepRow
from rackhand.store.db import Tx
from rackhand.store.fake import MORNING, DatabasePlace

RUN = "run-1"


def add(tx: Tx, table: Any, **values: Any) -> None:
    tx.conn.execute(insert(table).values(workspace_id=tx.workspace_id, **values))


def prepare(tx: Tx) -> None:
    """One run on two devices of PC-01, both claimed: leases lease-1 and lease-2."""
    add(tx, tables.nodes, id="PC-01", name="one", token_hash="hash", created_at=tx.now)
    add(tx, tables.playbooks, id="book", title="Check", created_at=tx.now, updated_at=tx.now)
    add(tx, tables.playbook_revisions, playbook_id="book", revision=1, title="Check", steps=[], created_at=tx.now)
    run = {"id": RUN, "title": "Check", "playbook_id": "book", "playbook_revision": 1, "target": {"scope": "all"}}
    rest = {"policy": {}, "seed": 7, "status": "queued", "trigger": "api", "deadline_at": tx.now + 1000}
    add(tx, tables.runs, **run, **rest, created_at=tx.now, count_queued=2, count_total=2)
    for index in (1, 2):
        device = f"device-{index}"
        add(tx, tables.devices, id=device, node_id="PC-01", index_no=index, serial=f"S{index}", created_at=tx.now)
        add(tx, tables.run_device_states, **claimed(index), deadline_at=tx.now + 1000)


def claimed(index: int) -> dict[str, Any]:
    return {
        "id": f"part-{index}",
        "run_id": RUN,
        "device_id": f"device-{index}",
        "device_index": index,
        "dice_index": index,
        "node_id": "PC-01",
        "serial": f"S{index}",
        "status": "queued",
        "step_count": 3,
        "lease_token": f"lease-{index}",
        "lease_epoch": 1,
        "lease_expires_at": MORNING + 30_000,
    }


def step_row(device_index: int = 1, *, attempt: int = 1, **facts: Any) -> StepRow:
    given: dict[str, Any] = {
        "run_id": RUN,
        "device_index": device_index,
        "step_index": 0,
        "attempt": attempt,
        "status": StepStatus.RUNNING,
        "probability": 0.5,
        "draw": 0.1,
        "decision": Decision.EXECUTED,
        "exit_code": None,
        "output_tail": "한글 ✓",
        "output_lines": 1,
        "started_at": MORNING,
        "finished_at": None,
        "error_message": None,
        "last_seq": 2,
    }
    return StepRow(StepFacts(**given | facts), "step-a", "shell", is_draw_flagged=False)


def key_of(row: StepRow) -> StepKey:
    return row.facts.run_id, row.facts.device_index, row.facts.step_index, row.facts.attempt


def accepted(event_id: str, verdict: Verdict = Verdict.ACCEPTED) -> NewEvent:
    return NewEvent("PC-01", event_id, "task_started", RUN, "lease-1", verdict)


def stored(tx: Tx, table: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in tx.conn.execute(select(table).order_by(*table.primary_key.columns)).mappings()]


def test_device_runs_are_found_by_their_lease(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            await db.write(prepare)
            loaded = await db.write(ingest.load, [], ["lease-2", "lease-1", "unknown", "lease-1"])
            assert set(loaded.device_runs) == {"lease-1", "lease-2"}
            assert loaded.device_runs["lease-2"] == DeviceRunFacts(
                id="part-2",
                run_id=RUN,
                device_id="device-2",
                device_index=2,
                node_id="PC-01",
                lease_token="lease-2",
                status=DeviceRunStatus.QUEUED,
                dice_index=2,
            )
            assert loaded.device_runs["lease-1"].status is DeviceRunStatus.QUEUED

    asyncio.run(story())


def test_nothing_asked_for_is_nothing_found(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            loaded = await db.write(ingest.load, [], [])
            assert (loaded.verdicts, loaded.device_runs) == ({}, {})
            assert await db.write(ingest.load_steps, []) == {}
            await db.write(ingest.save, Changes(received_at=MORNING))

    asyncio.run(story())


def test_every_verdict_is_given_again(database: DatabasePlace) -> None:
    events = [accepted(f"event-{verdict}", verdict) for verdict in Verdict]
    keys = [("PC-01", event.event_id) for event in events]

    async def story() -> None:
        async with database.started() as db:
            await db.write(ingest.save, Changes(received_at=MORNING, events=events))
            asked = [*keys, ("PC-01", "new"), ("PC-02", events[0].event_id)]
            loaded = await db.write(ingest.load, asked, [])
            assert loaded.verdicts == {("PC-01", f"event-{verdict}"): verdict for verdict in Verdict}
            row = (await db.read(stored, tables.events))[0]
            assert (row["type"], row["run_id"], row["lease_token"]) == ("task_started", RUN, "lease-1")
            assert row["received_at"] == MORNING

    asyncio.run(story())


def test_the_first_verdict_stays_when_two_replicas_took_the_same_event(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            await db.write(ingest.save, Changes(received_at=MORNING, events=[accepted("e")]))
            await db.write(ingest.save, Changes(received_at=MORNING + 1, events=[accepted("e", Verdict.STALE)]))
            loaded = await db.write(ingest.load, [("PC-01", "e")], [])
            assert loaded.verdicts == {("PC-01", "e"): Verdict.ACCEPTED}

    asyncio.run(story())


def test_a_folded_device_run_is_saved_whole_with_its_rev(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            await db.write(prepare)
            before = (await db.write(ingest.load, [], ["lease-1"])).device_runs["lease-1"]
            after = dataclasses.replace(
                before,
                status=DeviceRunStatus.FAILED,
                late_status=DeviceRunStatus.SUCCEEDED,
                current_step_index=2,
                grace_left_ms=5,
                last_event_seq=9,
                status_seq=8,
                step_seq=7,
                error_seq=6,
                finished_seq=9,
                started_at=MORNING,
                finished_at=MORNING + 1,
                last_error_message="device offline",
            )
            changes = Changes(received_at=MORNING + 2, device_runs={after.id: after}, run_revs={RUN: 42})
            await db.write(ingest.save, changes)
            assert (await db.write(ingest.load, [], ["lease-1"])).device_runs["lease-1"] == after
            first, second = await db.read(stored, tables.run_device_states)
            assert (first["rev"], first["last_seen_at"], first["lease_token"]) == (42, MORNING + 2, "lease-1")
            assert (second["rev"], second["status"], second["last_seen_at"]) == (1, "queued", None)

    asyncio.run(story())


def test_without_a_new_rev_a_row_keeps_its_own(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            await db.write(prepare)
            row = (await db.write(ingest.load, [], ["lease-1"])).device_runs["lease-1"]
            row = dataclasses.replace(row, last_event_seq=3)
            await db.write(ingest.save, Changes(received_at=MORNING, device_runs={row.id: row}))
            first = (await db.read(stored, tables.run_device_states))[0]
            assert (first["rev"], first["last_event_seq"]) == (1, 3)

    asyncio.run(story())


def test_steps_are_written_and_then_replaced(database: DatabasePlace) -> None:
    running, other, second = step_row(), step_row(2), step_row(attempt=2)
    ended = StepRow(
        dataclasses.replace(
            running.facts,
            status=StepStatus.FAILED,
            exit_code=127,
            output_tail="not found",
            output_lines=3,
            finished_at=MORNING + 9,
            error_message="exit code 127",
            last_seq=4,
            late=True,
            late_status=StepStatus.SUCCEEDED,
        ),
        "step-a",
        "shell",
        is_draw_flagged=True,
    )

    async def story() -> None:
        async with database.started() as db:
            await db.write(prepare)
            rows = {key_of(row): row for row in (running, other, second)}
            await db.write(ingest.save, Changes(received_at=MORNING, steps=rows))
            assert await db.write(ingest.load_steps, [*rows, (RUN, 1, 0, 9), (RUN, 2**40, 0, 1)]) == rows
            await db.write(ingest.save, Changes(received_at=MORNING, steps={key_of(ended): ended}))
            assert await db.write(ingest.load_steps, list(rows)) == rows | {key_of(ended): ended}
            assert len(await db.read(stored, tables.run_steps)) == 3

    asyncio.run(story())


def test_a_skipped_step_has_no_output(database: DatabasePlace) -> None:
    row = step_row(status=StepStatus.SKIPPED, decision=Decision.SKIPPED, output_tail=None, started_at=None, draw=0.75)

    async def story() -> None:
        async with database.started() as db:
            await db.write(prepare)
            await db.write(ingest.save, Changes(received_at=MORNING, steps={key_of(row): row}))
            assert await db.write(ingest.load_steps, [key_of(row)]) == {key_of(row): row}

    asyncio.run(story())


def test_an_artifact_is_declared_once(database: DatabasePlace) -> None:
    facts = ArtifactFacts("shot-1", RUN, 1, 0, "PC-01", "screenshot", "image/png", 1 << 33, "ab" * 32, late=False)
    again = dataclasses.replace(facts, size=1)

    async def story() -> None:
        async with database.started() as db:
            await db.write(prepare)
            for declared in (facts, again):
                changes = Changes(MORNING, artifacts={declared.id: declared}, upload_deadline_at=MORNING + 5)
                await db.write(ingest.save, changes)
            (row,) = await db.read(stored, tables.artifacts)
            assert (row["status"], row["size"], row["late"]) == ("pending", 1 << 33, False)
            assert (row["created_at"], row["upload_deadline_at"]) == (MORNING, MORNING + 5)

    asyncio.run(story())


def test_a_thousand_events_are_one_save(database: DatabasePlace) -> None:
    events = [accepted(f"event-{number}") for number in range(1000)]
    steps = {key_of(row): row for row in (step_row(attempt=number) for number in range(1, 501))}

    async def story() -> None:
        async with database.started() as db:
            await db.write(prepare)
            await db.write(ingest.save, Changes(received_at=MORNING, events=events, steps=steps))
            loaded = await db.write(ingest.load, [("PC-01", event.event_id) for event in events], ["lease-1"])
            assert len(loaded.verdicts) == 1000
            assert await db.write(ingest.load_steps, list(steps)) == steps

    asyncio.run(story())


def test_a_save_that_breaks_a_rule_of_the_schema_changes_nothing(database: DatabasePlace) -> None:
    unknown_run = step_row()
    unknown_run = StepRow(dataclasses.replace(unknown_run.facts, run_id="gone"), None, None, is_draw_flagged=False)

    async def story() -> None:
        async with database.started() as db:
            await db.write(prepare)
            row = (await db.write(ingest.load, [], ["lease-1"])).device_runs["lease-1"]
            ended = dataclasses.replace(row, status=DeviceRunStatus.SUCCEEDED)  # without finished_at
            for changes in (
                Changes(MORNING, events=[accepted("e")], steps={key_of(unknown_run): unknown_run}),
                Changes(MORNING, events=[accepted("e")], device_runs={ended.id: ended}),
            ):
                with pytest.raises(Exception, match=r"(?i)constraint") as caught:
                    await db.write(ingest.save, changes)
                assert "Integrity" in type(caught.value).__name__
            loaded = await db.write(ingest.load, [("PC-01", "e")], ["lease-1"])
            assert loaded.verdicts == {}
            assert loaded.device_runs["lease-1"] == row

    asyncio.run(story())


def test_a_device_has_one_live_lease(database: DatabasePlace) -> None:
    def claim_again(tx: Tx) -> None:
        second = claimed(1) | {"id": "part-3", "run_id": "run-2", "lease_token": "lease-3"}
        columns = tables.runs.c
        same = select(tables.runs).where(columns.id == RUN)
        run = dict(tx.conn.execute(same).mappings().one()) | {"id": "run-2"}
        tx.conn.execute(insert(tables.runs).values(run))
        add(tx, tables.run_device_states, **second, deadline_at=tx.now)

    def end_first(tx: Tx) -> None:
        values = {"status": "lost", "finished_at": tx.now}
        tx.conn.execute(
            update(tables.run_device_states).where(tables.run_device_states.c.id == "part-1").values(values)
        )

    async def story() -> None:
        async with database.started() as db:
            await db.write(prepare)
            with pytest.raises(IntegrityError):
                await db.write(claim_again)
            await db.write(end_first)
            await db.write(claim_again)
            loaded = await db.write(ingest.load, [], ["lease-1", "lease-3"])
            assert loaded.device_runs["lease-1"].status is DeviceRunStatus.LOST
            assert loaded.device_runs["lease-3"].run_id == "run-2"

    asyncio.run(story())
