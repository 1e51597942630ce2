"""Artifacts in SQL: what steps declared, and whether their content has arrived."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, and_, select, update

from rackhand.core.clock import Millis
from rackhand.store.db import Tx
from rackhand.store.tables import artifacts, run_device_states

_A = artifacts.c


@dataclass(frozen=True, slots=True)
class ArtifactRow:
    id: str
    run_id: str
    device_index: int
    step_index: int | None
    node_id: str | None
    kind: str
    status: str
    storage_key: str | None
    content_type: str
    size: int
    sha256: str | None
    late: bool
    created_at: Millis


def storage_key(run_id: str, device_index: int, artifact_id: str) -> str:
    """Where the content of an artifact lies, also while its row does not say so yet."""
    return f"{run_id}/{device_index}/a{artifact_id}"  # an id may begin with a hyphen, a key may not


def _row(row: Row[Any]) -> ArtifactRow:
    return ArtifactRow(**{name: row._mapping[name] for name in ArtifactRow.__slots__})


def get(tx: Tx, artifact_id: str) -> ArtifactRow | None:
    """One artifact, or None."""
    found = tx.conn.execute(select(artifacts).where(_A.workspace_id == tx.workspace_id, _A.id == artifact_id)).first()
    return None if found is None else _row(found)


def of_device_run(tx: Tx, run_id: str, device_index: int) -> list[ArtifactRow]:
    """What one device run made, oldest first."""
    where = (_A.workspace_id == tx.workspace_id, _A.run_id == run_id, _A.device_index == device_index)
    rows = tx.conn.execute(select(artifacts).where(*where).order_by(_A.step_index, _A.created_at, _A.id))
    return [_row(row) for row in rows]


def newest_screenshot(tx: Tx, run_ids: Sequence[str], device_id: str) -> ArtifactRow | None:
    """The newest stored screenshot of a device among these runs."""
    d = run_device_states.c
    statement = (
        select(*(_A[name] for name in ArtifactRow.__slots__))
        .join(
            run_device_states,
            and_(
                d.workspace_id == _A.workspace_id,
                d.run_id == _A.run_id,
                d.device_index == _A.device_index,
            ),
        )
        .where(
            _A.workspace_id == tx.workspace_id,
            _A.run_id.in_(run_ids),
            _A.kind == "screenshot",
            _A.status == "stored",
            d.device_id == device_id,
        )
        .order_by(_A.created_at.desc(), _A.id.desc())
        .limit(1)
    )
    found = tx.conn.execute(statement).first()
    return None if found is None else _row(found)


def mark_stored(tx: Tx, artifact_id: str, storage_key: str, size: int) -> bool:
    """The content has arrived, and this is how large it is; False if the row is no longer pending."""
    where = (_A.workspace_id == tx.workspace_id, _A.id == artifact_id, _A.status == "pending")
    done = tx.conn.execute(update(artifacts).where(*where).values(status="stored", storage_key=storage_key, size=size))
    return done.rowcount == 1


def give_up(tx: Tx) -> int:
    """Artifacts whose upload window is over are missing; no outcome changes by that."""
    where = (_A.workspace_id == tx.workspace_id, _A.status == "pending", _A.upload_deadline_at < tx.now)
    return tx.conn.execute(update(artifacts).where(*where).values(status="missing")).rowcount


def shift_deadlines(tx: Tx, gap_ms: int) -> None:
    """Forgive a gap of all servers: pending uploads may come that much later."""
    where = (_A.workspace_id == tx.workspace_id, _A.status == "pending")
    tx.conn.execute(update(artifacts).where(*where).values(upload_deadline_at=_A.upload_deadline_at + gap_ms))
