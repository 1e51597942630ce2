"""Columns and values of the rows that an ingest reads and writes, once for both dialects. No SQL statement here."""

from collections.abc import Sequence
from typing import Any, Final

from rackhand.core.events import ArtifactFacts, DeviceRunFacts, StepFacts
from rackhand.core.states import Decision, DeviceRunStatus, StepStatus
from rackhand.store.changes import Changes, NewEvent, StepRow

Columns = tuple[tuple[str, str], ...]
"""(name, PostgreSQL type)"""

EVENT: Final[Columns] = (
    ("node_id", "text"),
    ("event_id", "text"),
    ("type", "text"),
    ("run_id", "text"),
    ("lease_token", "text"),
    ("verdict", "text"),
    ("received_at", "bigint"),
)
DEVICE_RUN_LOADED: Final = (
    "id",
    "run_id",
    "device_id",
    "device_index",
    "node_id",
    "lease_token",
    "status",
    "late_status",
    "current_step_index",
    "grace_left_ms",
    "last_event_seq",
    "status_seq",
    "step_seq",
    "error_seq",
    "finished_seq",
    "started_at",
    "finished_at",
    "last_error_message",
    "dice_index",
)
DEVICE_RUN_SAVED: Final[Columns] = (
    ("status", "text"),
    ("late_status", "text"),
    ("current_step_index", "integer"),
    ("grace_left_ms", "bigint"),
    ("last_event_seq", "bigint"),
    ("status_seq", "bigint"),
    ("step_seq", "bigint"),
    ("error_seq", "bigint"),
    ("finished_seq", "bigint"),
    ("started_at", "bigint"),
    ("finished_at", "bigint"),
    ("last_error_message", "text"),
    ("last_seen_at", "bigint"),
    ("rev", "bigint"),
)
STEP_KEY: Final[Columns] = (  # looked up as reported: wider than the columns, so that a wild number just finds nothing
    ("run_id", "text"),
    ("device_index", "bigint"),
    ("step_index", "bigint"),
    ("attempt", "bigint"),
)
STEP_VALUES: Final[Columns] = (
    ("status", "text"),
    ("probability", "double precision"),
    ("draw", "double precision"),
    ("decision", "text"),
    ("exit_code", "integer"),
    ("output_tail", "text"),
    ("output_lines", "bigint"),
    ("started_at", "bigint"),
    ("finished_at", "bigint"),
    ("error_message", "text"),
    ("last_seq", "bigint"),
    ("late", "boolean"),
    ("late_status", "text"),
    ("step_id", "text"),
    ("step_type", "text"),
    ("is_draw_flagged", "boolean"),
)
ARTIFACT: Final[Columns] = (
    ("id", "text"),
    ("run_id", "text"),
    ("device_index", "integer"),
    ("step_index", "integer"),
    ("node_id", "text"),
    ("kind", "text"),
    ("status", "text"),
    ("content_type", "text"),
    ("size", "bigint"),
    ("sha256", "text"),
    ("late", "boolean"),
    ("created_at", "bigint"),
    ("upload_deadline_at", "bigint"),
)


def names(columns: Columns) -> list[str]:
    return [name for name, _ in columns]


def event_values(event: NewEvent, changes: Changes) -> tuple[Any, ...]:
    return (
        event.node_id,
        event.event_id,
        event.type,
        event.run_id,
        event.lease_token,
        event.verdict.value,
        changes.received_at,
    )


def device_run(row: Sequence[Any]) -> DeviceRunFacts:
    """From a row of DEVICE_RUN_LOADED."""
    values: dict[str, Any] = dict(zip(DEVICE_RUN_LOADED, row, strict=True))
    values["status"] = DeviceRunStatus(values["status"])
    if values["late_status"] is not None:
        values["late_status"] = DeviceRunStatus(values["late_status"])
    return DeviceRunFacts(**values)


def device_run_values(facts: DeviceRunFacts, changes: Changes) -> tuple[Any, ...]:
    """DEVICE_RUN_SAVED, then the id; without a new rev of its run the row keeps its own (NULL here)."""
    return (
        facts.status.value,
        None if facts.late_status is None else facts.late_status.value,
        facts.current_step_index,
        facts.grace_left_ms,
        facts.last_event_seq,
        facts.status_seq,
        facts.step_seq,
        facts.error_seq,
        facts.finished_seq,
        facts.started_at,
        facts.finished_at,
        facts.last_error_message,
        changes.received_at,
        changes.run_revs.get(facts.run_id),
        facts.id,
    )


def step(row: Sequence[Any]) -> StepRow:
    """From a row of STEP_KEY and STEP_VALUES."""
    facts = StepFacts(
        run_id=row[0],
        device_index=row[1],
        step_index=row[2],
        attempt=row[3],
        status=StepStatus(row[4]),
        probability=row[5],
        draw=row[6],
        decision=Decision(row[7]),
        exit_code=row[8],
        output_tail=row[9],
        output_lines=row[10],
        started_at=row[11],
        finished_at=row[12],
        error_message=row[13],
        last_seq=row[14],
        late=bool(row[15]),
        late_status=None if row[16] is None else StepStatus(row[16]),
    )
    return StepRow(facts, row[17], row[18], bool(row[19]))


def step_values(row: StepRow) -> tuple[Any, ...]:
    facts = row.facts
    return (
        facts.run_id,
        facts.device_index,
        facts.step_index,
        facts.attempt,
        facts.status.value,
        facts.probability,
        facts.draw,
        facts.decision.value,
        facts.exit_code,
        facts.output_tail,
        facts.output_lines,
        facts.started_at,
        facts.finished_at,
        facts.error_message,
        facts.last_seq,
        facts.late,
        None if facts.late_status is None else facts.late_status.value,
        row.step_id,
        row.step_type,
        row.is_draw_flagged,
    )


def artifact_values(facts: ArtifactFacts, changes: Changes) -> tuple[Any, ...]:
    return (
        facts.id,
        facts.run_id,
        facts.device_index,
        facts.step_index,
        facts.node_id,
        facts.kind,
        facts.status.value,
        facts.content_type,
        facts.size,
        facts.sha256,
        facts.late,
        changes.received_at,
        changes.upload_deadline_at,
    )
