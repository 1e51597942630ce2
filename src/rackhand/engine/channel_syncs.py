"""The synchronisation of channels, step by step: who is due, and what an answer changes. The calls are made elsewhere.

A claim ends with one of `apply_page`, `apply_unchanged`, `apply_missing`, `apply_failure` and `give_back`. One that ran
out changes nothing: somebody else has the channel.
"""

from typing import Any

from rackhand.core import content_reasons
from rackhand.core.quota import LONGEST_MS, SHORTEST_MS, intervals
from rackhand.core.source_pause import retry_after
from rackhand.core.video_answers import UploadsPage
from rackhand.engine import content_source
from rackhand.engine.channels import BACKFILL_MOST
from rackhand.engine.content import new_row
from rackhand.store import channels, content
from rackhand.store.channels import ChannelRow
from rackhand.store.db import Tx

CLAIM_MS = 60_000
"""Longer than a call and its transactions take."""
BACKFILL_SPARE = 0.2
"""Older uploads are listed only while so much of the day's budget is left."""
KEPT_VIDEOS = 2 * BACKFILL_MOST
"""So many videos of a channel are kept, and all that people tagged or did not see."""


def claim_due(tx: Tx, limit: int) -> list[ChannelRow]:
    """Plan all channels anew, and take some that are due; none while the source may not be asked."""
    now = content_source.standing(tx)
    if not now.is_open:
        return []
    planned = intervals(channels.activity(tx), now.units_left, now.ms_left)
    channels.plan(tx, planned)
    return channels.claim(tx, planned, min(limit, now.units_left), CLAIM_MS)


def claim_backfill(tx: Tx) -> ChannelRow | None:
    """Take a channel whose older uploads are not all listed, while there is budget to spare."""
    now = content_source.standing(tx)
    if not now.is_open or now.units_left < now.daily_units * BACKFILL_SPARE:
        return None
    return channels.claim_backfill(tx, CLAIM_MS)


def apply_page(tx: Tx, row: ChannelRow, page: UploadsPage, *, is_backfill: bool = False) -> list[str]:
    """The uploads that were not known, as videos; their ids. A first page that knows none of them is read on from."""
    known = content.known_ids(tx, (upload.video_id for upload in page.uploads))
    fresh = [upload for upload in reversed(page.uploads) if upload.video_id not in known]
    values: dict[str, Any] = {"last_sync_at": tx.now, "failure_count": 0, "last_error_message": None}
    if page.total is not None:
        values["upload_count"] = page.total
    if is_backfill:
        values |= _read_on(row, page, row.backfill_count + len(page.uploads))
    else:
        values["etag"] = page.etag
        if row.backfill_state is None or (row.backfill_state == "done" and not known):
            values |= _read_on(row, page, len(page.uploads))
    if not channels.release(tx, row, values):
        return []
    return content.add_new(tx, [new_row(tx, upload, row.id, row.title, row.created_at) for upload in fresh])


def _read_on(row: ChannelRow, page: UploadsPage, count: int) -> dict[str, Any]:
    is_done = page.next_token is None or count >= BACKFILL_MOST or not page.uploads
    return {
        "backfill_state": "done" if is_done else "running",
        "backfill_token": None if is_done else page.next_token,
        "backfill_count": min(count, BACKFILL_MOST),
    }


def apply_unchanged(tx: Tx, row: ChannelRow) -> None:
    """The source said that nothing changed."""
    channels.release(tx, row, {"last_sync_at": tx.now, "failure_count": 0, "last_error_message": None})


def apply_missing(tx: Tx, row: ChannelRow, *, is_backfill: bool = False) -> None:
    """The source has no such playlist, as for a channel without uploads; or not that page of it."""
    if is_backfill:
        channels.release(tx, row, {"backfill_state": "done", "backfill_token": None})
        return
    values = {"last_sync_at": tx.now, "last_error_message": content_reasons.NO_UPLOADS, "failure_count": 0}
    channels.release(tx, row, values | {"etag": None, "upload_count": 0})


def apply_failure(tx: Tx, row: ChannelRow, reason: str) -> None:
    """This channel's own answer was bad: it is asked again later each time, and no other is delayed."""
    failures = row.failure_count + 1
    wait_ms = retry_after(min(row.interval_ms or SHORTEST_MS, LONGEST_MS), failures)
    channels.release(
        tx, row, {"failure_count": failures, "last_error_message": reason, "next_sync_at": tx.now + wait_ms}
    )


def give_back(tx: Tx, row: ChannelRow) -> None:
    """The source as a whole does not answer: the channel stays due."""
    channels.release(tx, row, {"next_sync_at": tx.now})


def trim(tx: Tx, limit: int) -> list[str]:
    """Forget some videos beyond those that are kept; the keys of their thumbnails."""
    old = content.surplus(tx, KEPT_VIDEOS, limit)
    if old:
        content.remove(tx, [item_id for item_id, _ in old])
    return [key for _, key in old if key]
