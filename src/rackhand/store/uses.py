"""How commands were used, in SQL: the newest runs, their playbooks' steps, and how those ended. Nothing is judged."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, func, select, tuple_

from rackhand.core.clock import Millis
from rackhand.store.db import Tx
from rackhand.store.tables import playbook_revisions, playbooks, run_steps, runs

_P, _PR, _R, _S = playbooks.c, playbook_revisions.c, runs.c, run_steps.c
Revision = tuple[str, int]
"""(playbook_id, revision)"""


@dataclass(frozen=True, slots=True)
class UsedRun:
    """A run and what it ran on how many devices."""

    id: str
    playbook_id: str
    playbook_revision: int
    count_total: int
    created_at: Millis


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many attempts of a step ended as `status` in a run."""

    run_id: str
    step_index: int
    status: str
    count: int


def newest_runs(tx: Tx, limit: int) -> list[UsedRun]:
    """The runs that were made last, newest first."""
    columns = [_R[name] for name in UsedRun.__slots__]
    statement = select(*columns).where(_R.workspace_id == tx.workspace_id)
    rows = tx.conn.execute(statement.order_by(_R.created_at.desc(), _R.id.desc()).limit(limit))
    return [UsedRun(*row) for row in rows]


def steps_of(tx: Tx, revisions: Iterable[Revision]) -> dict[Revision, list[dict[str, Any]]]:
    """The steps of revisions, as they are stored."""
    wanted = sorted(set(revisions))
    where = (_PR.workspace_id == tx.workspace_id, tuple_(_PR.playbook_id, _PR.revision).in_(wanted))
    rows = tx.conn.execute(select(_PR.playbook_id, _PR.revision, _PR.steps).where(*where))
    return {(row.playbook_id, row.revision): row.steps for row in rows}


def steps_of_playbooks(tx: Tx, limit: int) -> list[list[dict[str, Any]]]:
    """The steps of the current revisions of playbooks that are listed, those saved last first."""
    current = and_(_PR.workspace_id == _P.workspace_id, _PR.playbook_id == _P.id, _PR.revision == _P.revision)
    where = (_P.workspace_id == tx.workspace_id, _P.archived_at.is_(None), _P.is_hidden.is_(False))
    statement = select(_PR.steps).select_from(playbooks.join(playbook_revisions, current)).where(*where)
    return list(tx.conn.scalars(statement.order_by(_P.updated_at.desc(), _P.id).limit(limit)))


def outcomes(tx: Tx, run_ids: Sequence[str]) -> list[Outcome]:
    """The ends of all attempts of these runs, skipped steps and those under way left out."""
    ended = ("succeeded", "failed", "timed_out", "aborted")
    where = (_S.workspace_id == tx.workspace_id, _S.run_id.in_(run_ids), _S.status.in_(ended))
    statement = select(_S.run_id, _S.step_index, _S.status, func.count()).where(*where)
    rows = tx.conn.execute(statement.group_by(_S.run_id, _S.step_index, _S.status))
    return [Outcome(*row) for row in rows]
