"""The background work of content: channels that are due, details of new videos, older uploads, thumbnails.

A channel is claimed, and pushed away, before it is asked; what one channel's answer breaks is noted at that channel and
delays no other. When the source as a whole refuses or fails, the pass ends and what was claimed stays due.
"""

import asyncio
from collections.abc import Callable

import structlog

from rackhand.core import content_reasons
from rackhand.core.errors import Conflict
from rackhand.core.video_answers import Unreadable, Verdict
from rackhand.engine import channel_syncs, content, content_source
from rackhand.server.content_desk import Desk
from rackhand.server.video_api import BATCH
from rackhand.store import content as rows
from rackhand.store.channels import ChannelRow
from rackhand.store.db import Tx

_log = structlog.get_logger("rackhand.content")
AT_ONCE = 8
MOST_ROUNDS = 100
BACKFILL_PAGES = 4
"""In one pass."""
THUMBNAILS = 40
"""In one pass."""
TRIM = 500


async def sync_channels(desk: Desk, is_closing: Callable[[], bool]) -> None:
    """One pass: what is due, then details of the videos that it found, then some older uploads."""
    for _ in range(MOST_ROUNDS):
        due = [] if is_closing() else await desk.db.write(channel_syncs.claim_due, AT_ONCE)
        if not due:
            break
        if not all(await asyncio.gather(*(_sync(desk, row) for row in due))):
            return
    if not is_closing() and await fetch_details(desk):
        await _backfill(desk, is_closing)


async def _sync(desk: Desk, row: ChannelRow, *, is_backfill: bool = False) -> bool:
    """One page of one channel; False if the source as a whole does not answer."""
    token, etag = (row.backfill_token, None) if is_backfill else (None, row.etag)
    try:
        if row.uploads_id is None:
            verdict, page = Verdict.NOT_THERE, None
        else:
            verdict, page = await desk.api.uploads(row.uploads_id, token, etag)
    except Conflict:
        await desk.db.write(channel_syncs.give_back, row)
        return False
    except Unreadable:
        _log.warning("the answer about a channel could not be read", channel=row.id)
        await desk.db.write(channel_syncs.apply_failure, row, content_reasons.UNREADABLE)
        return True
    if verdict is Verdict.UNCHANGED:
        await desk.db.write(channel_syncs.apply_unchanged, row)
    elif verdict is Verdict.NOT_THERE or page is None:
        await desk.db.write(channel_syncs.apply_missing, row, is_backfill=is_backfill)
    else:
        found = await desk.db.write(channel_syncs.apply_page, row, page, is_backfill=is_backfill)
        if found:
            _log.info("found videos", channel=row.id, count=len(found))
    return True


async def fetch_details(desk: Desk) -> bool:
    """Ask about videos of which only the title is known, 50 in one call; False if the source does not answer."""
    return await _ask_about(desk, rows.bare)


async def look_again(desk: Desk) -> bool:
    """Ask again about the videos that people chose: one may have been deleted or made private, or is back."""
    return await _ask_about(desk, rows.chosen_stale)


async def _ask_about(desk: Desk, which: Callable[[Tx, int], list[tuple[str, str]]]) -> bool:
    while asked := await desk.db.read(which, BATCH):
        try:
            found = await desk.api.videos([video_id for _, video_id in asked])
        except Conflict:
            return False
        except Unreadable:
            await desk.db.write(content.note_unreadable, asked)
            continue
        await desk.db.write(content.note_details, asked, found)
    return True


async def _backfill(desk: Desk, is_closing: Callable[[], bool]) -> None:
    for _ in range(BACKFILL_PAGES):
        row = None if is_closing() else await desk.db.write(channel_syncs.claim_backfill)
        if row is None or not await _sync(desk, row, is_backfill=True):
            return


async def fetch_thumbnails(desk: Desk, is_closing: Callable[[], bool]) -> None:
    """Thumbnails that are not here yet, the newest first; the pass ends when their host does not answer."""
    for item_id, url in await desk.db.read(rows.without_thumbnail, THUMBNAILS):
        if is_closing() or not await desk.fetch_thumbnail(item_id, url):
            return


async def tidy(desk: Desk) -> None:
    """Forget what is kept no longer, and ask again about what is used."""
    await desk.db.write(content_source.tidy)
    for key in await desk.db.write(channel_syncs.trim, TRIM):
        await desk.blobs.delete(key)
    await look_again(desk)
