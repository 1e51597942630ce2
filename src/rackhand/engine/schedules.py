"""Schedules: make, change, pause, read, delete. What fires them is in firing.py.

A schedule names a playbook, not a revision: each run takes the current one. Its secrets are sealed when it is saved,
and each run gets a sealed copy. Changing the expression or the zone, and resuming, start from now: nothing is missed
that fell into a pause.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from rackhand.core import template
from rackhand.core.clock import Millis
from rackhand.core.cron import CronExpression, next_after, times_after
from rackhand.core.errors import FieldError, Invalid, NotFound
from rackhand.core.masking import MASK
from rackhand.core.schedule import FiringState, Misfire, Overlap
from rackhand.core.schema import Boolean, Choice, Field, Record, Text
from rackhand.engine import playbooks, run_requests, zones
from rackhand.engine.access import Actor, audit
from rackhand.engine.paging import Page, decode_cursor, encode_cursor
from rackhand.engine.run_requests import RUN_REQUEST
from rackhand.engine.zones import ZoneName
from rackhand.store import firings, schedules
from rackhand.store.db import Tx
from rackhand.store.firings import FiringRow
from rackhand.store.run_secrets import Sealed
from rackhand.store.schedules import ScheduleRow

SHOWN_TIMES = 5
TIMES = Record({"cron": CronExpression(), "time_zone": Field(ZoneName(), "UTC")})
_OF_RUN = ("target", "params", "secrets", "policy", "rollout")
SCHEDULE = Record(
    {
        "title": Text(min=1, max=200),
        "playbook_id": Text(min=1, max=64),
        **{name: RUN_REQUEST.fields[name] for name in _OF_RUN},
        **TIMES.fields,
        "misfire": Field(Choice(tuple(Misfire)), Misfire.SKIP.value),
        "overlap": Field(Choice(tuple(Overlap)), Overlap.SKIP.value),
        "is_enabled": Field(Boolean(), True),
    }
)
"""A secret that is left out keeps the value that it has."""


@dataclass(frozen=True, slots=True)
class NextTime:
    """A time to come; `local` is its date and time in the schedule's zone."""

    due_at: Millis
    local: str


@dataclass(frozen=True, slots=True)
class NextTimes:
    """The answer to a preview."""

    cron: str
    time_zone: str
    times: tuple[NextTime, ...]


@dataclass(frozen=True, slots=True)
class FiringView:
    """What became of one due time. `state`: started, waiting, skipped, missed or failed."""

    due_at: Millis
    state: FiringState
    run_id: str | None
    reason: str | None
    decided_at: Millis


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """A schedule. `secrets` are names; their values are never told again. `last` is its newest due time."""

    id: str
    title: str
    playbook_id: str
    playbook_title: str
    target: dict[str, Any]
    params: dict[str, str]
    secrets: tuple[str, ...]
    policy: dict[str, Any]
    rollout: dict[str, Any] | None
    cron: str
    time_zone: str
    misfire: Misfire
    overlap: Overlap
    is_enabled: bool
    next_at: Millis | None
    next_times: tuple[NextTime, ...]
    last: FiringView | None
    created_at: Millis
    created_by: str | None


def preview(tx: Tx, body: dict[str, Any]) -> NextTimes:
    """The next times of a checked expression."""
    return NextTimes(body["cron"], body["time_zone"], _next_times(body["cron"], body["time_zone"], tx.now))


def _next_times(cron: str, time_zone: str, after: Millis) -> tuple[NextTime, ...]:
    zone = zones.of(time_zone)
    found = islice(times_after(cron, zone, after), SHOWN_TIMES)
    return tuple(NextTime(at, datetime.fromtimestamp(at // 1000, zone).strftime("%Y-%m-%d %H:%M %Z")) for at in found)


def list_schedules(tx: Tx, query: dict[str, Any]) -> Page[ScheduleView]:
    """By title; `query` has limit, cursor, playbook_id."""
    after, limit = decode_cursor(query["cursor"], tuple[str, str]), query["limit"]
    rows = schedules.page(tx, limit=limit + 1, after=after, playbook_id=query["playbook_id"])
    shown = rows[:limit]
    more = encode_cursor(shown[-1].title, shown[-1].id) if len(rows) > limit else None
    return Page(_views(tx, shown), more)


def get_schedule(tx: Tx, schedule_id: str) -> ScheduleView:
    """One schedule; NotFound."""
    return _views(tx, [load(tx, schedule_id)])[0]


def history(tx: Tx, schedule_id: str, query: dict[str, Any]) -> Page[FiringView]:
    """What became of its due times, the newest first; `query` has limit and cursor."""
    load(tx, schedule_id)
    before, limit = decode_cursor(query["cursor"], tuple[int]), query["limit"]
    rows = firings.page(tx, schedule_id, limit=limit + 1, before=before[0] if before else None)
    shown = rows[:limit]
    return Page(tuple(map(_firing, shown)), encode_cursor(shown[-1].due_at) if len(rows) > limit else None)


def load(tx: Tx, schedule_id: str, *, for_update: bool = False) -> ScheduleRow:
    """One schedule; NotFound names the id."""
    row = schedules.get(tx, schedule_id, for_update=for_update)
    if row is None:
        raise NotFound("there is no schedule {id}", id=schedule_id[:64])
    return row


def create(tx: Tx, actor: Actor, body: dict[str, Any], sealed: Mapping[str, Sealed]) -> ScheduleView:
    """Make a schedule of a checked body; `sealed` are the values of its secrets."""
    _require_fit(tx, body, set(sealed))
    row = ScheduleRow(
        id=tx.mint(),
        created_at=tx.now,
        created_by=actor.name,
        revision=1,
        last_at=None,
        last_run_id=None,
        last_error_message=None,
        next_at=_first(tx, body),
        **_columns(body),
    )
    schedules.add(tx, row)
    schedules.set_secrets(tx, row.id, sealed)
    audit(tx, actor, "schedule.create", f"schedule:{row.id}", _told(body, sealed))
    return get_schedule(tx, row.id)


def change(tx: Tx, actor: Actor, schedule_id: str, body: dict[str, Any], sealed: Mapping[str, Sealed]) -> ScheduleView:
    """Replace a schedule by a checked body. Secrets that are not given and still needed keep their values."""
    row = load(tx, schedule_id, for_update=True)
    kept = schedules.secrets_of(tx, schedule_id)
    needed = _require_fit(tx, body, {*kept, *sealed})
    merged = {name: value for name, value in (kept | dict(sealed)).items() if name in needed}
    values = _columns(body) | {"revision": row.revision + 1}
    same_times = (row.cron, row.time_zone, row.is_enabled) == tuple(
        body[name] for name in ("cron", "time_zone", "is_enabled")
    )
    if not same_times:
        values["next_at"] = _first(tx, body)
    schedules.change(tx, schedule_id, values)
    schedules.set_secrets(tx, schedule_id, merged)
    audit(tx, actor, "schedule.change", f"schedule:{schedule_id}", _told(body, sealed))
    return get_schedule(tx, schedule_id)


def pause(tx: Tx, actor: Actor, schedule_id: str) -> ScheduleView:
    """Let it fire no more until it is resumed; times of the pause are not missed."""
    row = load(tx, schedule_id, for_update=True)
    if row.is_enabled:
        schedules.change(tx, schedule_id, {"is_enabled": False, "next_at": None, "revision": row.revision + 1})
        audit(tx, actor, "schedule.pause", f"schedule:{schedule_id}")
    return get_schedule(tx, schedule_id)


def resume(tx: Tx, actor: Actor, schedule_id: str) -> ScheduleView:
    """Let it fire again, from the next time on."""
    row = load(tx, schedule_id, for_update=True)
    if not row.is_enabled:
        first = next_after(row.cron, zones.of(row.time_zone), tx.now)
        schedules.change(tx, schedule_id, {"is_enabled": True, "next_at": first, "revision": row.revision + 1})
        audit(tx, actor, "schedule.resume", f"schedule:{schedule_id}")
    return get_schedule(tx, schedule_id)


def delete(tx: Tx, actor: Actor, schedule_id: str) -> None:
    """Forget a schedule with its history; the runs that it made stay."""
    row = load(tx, schedule_id, for_update=True)
    schedules.remove(tx, schedule_id)
    audit(tx, actor, "schedule.delete", f"schedule:{schedule_id}", {"title": row.title})


def request_of(row: ScheduleRow, secrets: Mapping[str, Sealed]) -> dict[str, Any]:
    """The run request of a schedule; in the place of secrets stand masks, since their sealed values go beside it."""
    wanted = {name: getattr(row, name) for name in ("playbook_id", "title", "target", "params", "policy", "rollout")}
    return dict.fromkeys(RUN_REQUEST.fields) | wanted | {"secrets": dict.fromkeys(secrets, MASK)}


def _columns(body: dict[str, Any]) -> dict[str, Any]:
    same = ("title", "playbook_id", "params", "cron", "time_zone", "is_enabled")
    return {name: body[name] for name in same} | {
        "target": {key: value for key, value in body["target"].items() if value is not None},
        "policy": {key: value for key, value in (body["policy"] or {}).items() if value is not None},
        "rollout": body["rollout"],
        "misfire": Misfire(body["misfire"]),
        "overlap": Overlap(body["overlap"]),
    }


def _first(tx: Tx, body: dict[str, Any]) -> Millis | None:
    """The next time; None while it is paused. Invalid if there never is one."""
    first = next_after(body["cron"], zones.of(body["time_zone"]), tx.now)
    if first is None:
        raise Invalid([FieldError("/cron", "names no day that ever comes")])
    return first if body["is_enabled"] else None


def _require_fit(tx: Tx, body: dict[str, Any], secrets: set[str]) -> set[str]:
    """Invalid unless the playbook is there and everything it needs is given. Returns the secrets it needs."""
    try:
        steps = playbooks.load_revision(tx, body["playbook_id"], None).steps
    except NotFound as error:
        raise Invalid([FieldError("/playbook_id", "{detail}", {"detail": error.detail})]) from error
    params = [step.params for step in steps]
    needed = set(template.names_of(params, "secrets"))
    missing = [f"/params/{name}" for name in template.names_of(params, "params") if name not in body["params"]]
    missing += [f"/secrets/{name}" for name in sorted(needed - secrets)]
    if missing:
        raise Invalid([FieldError(path, "is needed by the playbook") for path in missing])
    request = dict.fromkeys(RUN_REQUEST.fields) | {name: body[name] for name in (*_OF_RUN, "playbook_id", "title")}
    run_requests.resolve(tx, request | {"secrets": dict.fromkeys(secrets, MASK)})
    return needed


def _told(body: dict[str, Any], sealed: Mapping[str, Sealed]) -> dict[str, Any]:
    """What the audit log says: everything but the values of secrets."""
    told = {name: value for name, value in body.items() if name != "secrets" and value is not None}
    return told | ({"secrets": sorted(sealed)} if sealed else {})


def _views(tx: Tx, rows: list[ScheduleRow]) -> tuple[ScheduleView, ...]:
    titles = schedules.titles_of_playbooks(tx, {row.playbook_id for row in rows})
    last = firings.newest(tx, [row.id for row in rows])
    return tuple(_view(tx, row, titles.get(row.playbook_id, ""), last.get(row.id)) for row in rows)


def _view(tx: Tx, row: ScheduleRow, playbook_title: str, last: FiringRow | None) -> ScheduleView:
    same = {name: getattr(row, name) for name in ScheduleView.__slots__ if name in ScheduleRow.__slots__}
    start = tx.now if row.next_at is None else row.next_at - 1
    return ScheduleView(
        **same,
        playbook_title=playbook_title,
        secrets=tuple(schedules.secrets_of(tx, row.id)),
        next_times=_next_times(row.cron, row.time_zone, start) if row.is_enabled else (),
        last=None if last is None else _firing(last),
    )


def _firing(row: FiringRow) -> FiringView:
    return FiringView(row.due_at, row.state, row.run_id, row.reason, row.decided_at)
