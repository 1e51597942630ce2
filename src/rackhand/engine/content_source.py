"""The source of content: its API key, the day's budget, and whether it may be asked now. The key is never shown again.

Every call begins with `reserve`, which takes its unit in the database before anything is sent.
"""

from dataclasses import dataclass
from typing import Any

from rackhand.core.clock import Millis
from rackhand.core.errors import Conflict
from rackhand.core.quota import DAY_MS, background_limit, intervals, quota_day, resets_at
from rackhand.core.reasons import recognise
from rackhand.core.schema import Field, Integer, Record, Text
from rackhand.core.source_pause import pause
from rackhand.core.video_answers import Verdict
from rackhand.engine.access import Actor, audit
from rackhand.store import channels, source
from rackhand.store.db import Tx

MOST_UNITS = 10_000_000
CHANGE = Record(
    {
        "api_key": Field(Text(0, 200, pattern=r"^[\x21-\x7e]*$", hint="a key without spaces"), None),
        "daily_units": Field(Integer(0, MOST_UNITS), None),
    }
)
"""`api_key` '' takes the key away; null keeps it."""
NO_KEY, QUOTA, PAUSED = "no_key", "quota", "source_paused"
KEPT_DAYS = 400


@dataclass(frozen=True, slots=True)
class SourceView:
    """How the source stands. `state`: ready, no_key, paused or spent; `needed` is what the channels use in a whole day
    at the intervals that are planned now; `for_people` is left to previews and registrations."""

    state: str
    has_key: bool
    key_set_at: Millis | None
    daily_units: int
    spent: int
    left: int
    for_people: int
    needed: int
    channel_count: int
    resets_at: Millis
    blocked_until_at: Millis | None
    blocked_reason: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a planner needs to know: whether background calls may be made, and what is left for them."""

    is_open: bool
    units_left: int
    ms_left: int
    daily_units: int


def read(tx: Tx) -> SourceView:
    """As of now."""
    row, spent = source.read(tx), source.spent(tx, quota_day(tx.now))
    is_blocked = row.blocked_until_at is not None and row.blocked_until_at > tx.now
    left = max(row.daily_units - spent, 0)
    state = "no_key" if row.sealed_key is None else "paused" if is_blocked else "ready" if left else "spent"
    activity = channels.activity(tx)
    planned = intervals(activity, background_limit(row.daily_units), DAY_MS)
    return SourceView(
        state=state,
        has_key=row.sealed_key is not None,
        key_set_at=row.key_set_at,
        daily_units=row.daily_units,
        spent=spent,
        left=left,
        for_people=row.daily_units - background_limit(row.daily_units),
        needed=round(sum(DAY_MS / each for each in planned.values())),
        channel_count=channels.count(tx),
        resets_at=resets_at(tx.now),
        blocked_until_at=row.blocked_until_at if is_blocked else None,
        blocked_reason=row.blocked_reason if is_blocked else None,
    )


def quota_left(tx: Tx) -> int:
    """Units that are left of today's budget."""
    return max(source.read(tx).daily_units - source.spent(tx, quota_day(tx.now)), 0)


def standing(tx: Tx) -> Standing:
    """Whether background work may ask the source, and how much of the day is left."""
    row = source.read(tx)
    left = max(background_limit(row.daily_units) - source.spent(tx, quota_day(tx.now)), 0)
    is_free = row.blocked_until_at is None or row.blocked_until_at <= tx.now
    is_open = row.sealed_key is not None and is_free and left > 0
    return Standing(is_open, left, resets_at(tx.now) - tx.now, row.daily_units)


def change(tx: Tx, actor: Actor, body: dict[str, Any], sealed_key: str | None) -> SourceView:
    """Set what `body` gives: the key (`sealed_key` is it, encrypted; '' takes it away) and the budget."""
    detail: dict[str, Any] = {}
    if body["api_key"] is not None:
        source.set_key(tx, sealed_key if body["api_key"] else None)
        detail["api_key"] = "***" if body["api_key"] else "removed"
    if body["daily_units"] is not None:
        source.set_budget(tx, body["daily_units"])
        detail["daily_units"] = body["daily_units"]
    if detail:
        audit(tx, actor, "content.source", "content", detail)
    return read(tx)


def reserve(tx: Tx, is_background: bool) -> None:
    """Take the unit of one call. Conflict, and nothing spent, if it may not be made."""
    row = source.read(tx)
    if row.sealed_key is None:
        raise Conflict(
            "there is no API key, so the source was not asked: an administrator gives one under Content, Source",
            code=NO_KEY,
        )
    if row.blocked_until_at is not None and row.blocked_until_at > tx.now:
        raise Conflict("the source was not asked: {reason}", reason=recognise(row.blocked_reason or ""), code=PAUSED)
    limit = background_limit(row.daily_units) if is_background else row.daily_units
    if not source.take(tx, 1, limit):
        raise Conflict(
            "today's budget of {n} units is spent, so the source was not asked: it goes on at midnight Pacific time, "
            "or once an administrator raises the budget",
            n=row.daily_units,
            code=QUOTA,
        )


def note(tx: Tx, verdict: Verdict, text: str) -> None:
    """Draw the consequence of an answer: a pause, or the end of one."""
    row = source.read(tx)
    wanted = pause(verdict, text, row.failure_count, tx.now)
    if wanted is None:
        source.unblock(tx)
    else:
        source.block(tx, wanted.until, wanted.reason)


def tidy(tx: Tx) -> None:
    """Forget what is kept no longer: answers after a day, the spending of days after a year."""
    source.forget_answers(tx, tx.now - DAY_MS)
    source.forget_days(tx, quota_day(tx.now - KEPT_DAYS * DAY_MS))
