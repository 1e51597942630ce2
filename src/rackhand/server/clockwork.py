"""The jobs of schedules and notifications: fire what is due; find what happened, gather it and hand it to the courier.

What goes wrong with one schedule is raised after all others had their turn.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from rackhand.core.errors import Busy
from rackhand.engine import firing, happenings
from rackhand.engine.firing import Fired
from rackhand.server.courier import Courier
from rackhand.server.disks import Disks
from rackhand.store.db import Database


@dataclass(frozen=True, slots=True)
class Turn:
    """What one pass over the schedules did, and nodes to wake."""

    runs: int
    times: int
    wake: frozenset[str]
    errors: tuple[BaseException, ...]


async def fire_due(db: Database, grace_ms: int, disks: Disks | None) -> Turn:
    """One pass: each schedule that is due, and each time that waited for its turn, in a transaction of its own."""
    refusal = _refusal(disks)
    turns = [db.write(firing.fire, each, grace_ms, refusal) for each in await db.read(firing.list_due)]
    done = [await _attempt(turn) for turn in turns]
    ready = await db.read(firing.list_ready)
    done += [await _attempt(db.write(firing.start_waiting, each, refusal)) for each in ready]
    return _turn(done)


async def _attempt(work: Coroutine[Any, Any, Fired]) -> Fired | BaseException:
    results: tuple[Fired | BaseException] = await asyncio.gather(work, return_exceptions=True)
    if isinstance(results[0], asyncio.CancelledError):
        raise results[0]
    return results[0]


def _turn(done: Iterable[Fired | BaseException]) -> Turn:
    results = list(done)
    fired = [each for each in results if isinstance(each, Fired)]
    errors = tuple(each for each in results if isinstance(each, BaseException))
    wake = frozenset(node for each in fired for node in each.wake)
    return Turn(sum(len(each.runs) for each in fired), sum(each.times for each in fired), wake, errors)


def _refusal(disks: Disks | None) -> str | None:
    """Why no run may start on this machine."""
    try:
        if disks is not None:
            disks.require_room()
    except Busy as error:
        return str(error.detail)
    return None


async def tell(db: Database, courier: Courier) -> None:
    """One pass over what happened."""
    await db.write(happenings.collect)
    await db.write(happenings.gather)
    await courier.pass_once()
