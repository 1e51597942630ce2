"""Where happenings of content come from: a table of sources, each of which reads what there is to tell.

A source gets the transaction and a time, and yields what happened since then; telling something twice does no harm.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rackhand.core.clock import Millis
from rackhand.core.happenings import Found, Happening
from rackhand.core.quota import quota_day
from rackhand.engine import content_source
from rackhand.store import content, source
from rackhand.store.db import Tx

Source = Callable[[Tx, Millis], Iterable[Found]]
LOW_PERCENT = 10


@dataclass(frozen=True, slots=True)
class Video:
    """A video that was seen for the first time at `seen_at`."""

    id: str
    title: str
    channel: str
    seen_at: Millis


@dataclass(frozen=True, slots=True)
class Quota:
    """Units that are left of a day's budget; `day` is that day's name, such as 2026-11-28."""

    day: str
    left: int
    budget: int


def of_video(video: Video) -> Found:
    """A new video as a happening: told once per video."""
    values = {"title": video.title, "channel": video.channel}
    return Found(Happening.NEW_VIDEO, video.id, video.seen_at, f"content:{video.id}", "/content", values)


def of_quota(quota: Quota, now: Millis) -> Iterable[Found]:
    """Nothing unless less than a tenth is left: told once per day."""
    if quota.budget > 0 and quota.left * 100 < quota.budget * LOW_PERCENT:
        values = {"left": quota.left, "budget": quota.budget}
        yield Found(Happening.QUOTA_LOW, quota.day, now, "content:quota", "/content", values)


def _new_videos(tx: Tx, since_ms: Millis) -> Iterable[Found]:
    for row in content.new_videos(tx, since_ms):
        yield of_video(Video(row.id, row.title, row.channel_title, row.created_at))


def _low_quota(tx: Tx, _since_ms: Millis) -> Iterable[Found]:
    quota = Quota(quota_day(tx.now), content_source.quota_left(tx), source.read(tx).daily_units)
    return of_quota(quota, tx.now)


SOURCES: tuple[Source, ...] = (_new_videos, _low_quota)
