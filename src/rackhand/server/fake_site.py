"""For tests: a real server on loopback over a fresh SQLite database, in a thread of its own; its fleet is told by hand.

Belongs here: starting, filling and ending it. Must not: what a story expects. Production never imports this.
"""

import asyncio
import itertools
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import uvicorn

from rackhand.core.traces import Tracer, untraced
from rackhand.engine import accounts, sessions
from rackhand.engine.access import SYSTEM, Role
from rackhand.engine.fake import Lab
from rackhand.server.app import make_app, room_of
from rackhand.server.main import Server, bind
from rackhand.server.room import Parts
from rackhand.server.settings import Settings
from rackhand.store import schema
from rackhand.store.db import Database
from rackhand.store.fake import DatabasePlace, FakeClock

T = TypeVar("T")
_NEVER_MS = 604_800_000
_START_S = 60.0


@dataclass(slots=True)
class _Open:
    """What lives in the server's loop."""

    loop: asyncio.AbstractEventLoop
    db: Database
    server: Server
    parts: Parts


class Site:
    """`with Site(folder) as site:` serves at `site.url`. Its clock stands at the moment of the start."""

    def __init__(self, folder: Path, *, trace: Tracer = untraced, **settings: Any) -> None:
        self.clock = FakeClock(time.time_ns() // 1_000_000)
        self._place = DatabasePlace(f"sqlite:///{folder / 'site.db'}", "sqlite", self.clock)
        self._settings = Settings(data=folder, port=0, **{"sweep_ms": _NEVER_MS} | settings)
        self._socket = bind(self._settings)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._ready = threading.Event()
        self._open: _Open | None = None
        self._thread = ThreadPoolExecutor(1, "rackhand-site")
        self._trace = trace
        self._cookies: dict[Role, str] = {}
        self._numbers = itertools.count()  # of events: each has an id of its own, whoever reports it

    def __enter__(self) -> "Site":
        running = self._thread.submit(asyncio.run, self._serve())
        running.add_done_callback(lambda _: self._ready.set())
        if not self._ready.wait(_START_S) or self._open is None:
            self._socket.close()
            raise RuntimeError("the site did not start") from (running.exception() if running.done() else None)
        return self

    def __exit__(self, *_: object) -> None:
        if self._open is not None:
            self._open.loop.call_soon_threadsafe(self._stop)
        self._thread.shutdown()
        self._socket.close()

    def do(self, act: Callable[[Lab], Awaitable[T]]) -> T:
        """Let something happen: `site.do(lambda lab: lab.node("PC-01", 20))`."""
        opened = self._opened()

        async def run() -> T:
            return await act(Lab(opened.db, self.clock, numbers=self._numbers))

        return asyncio.run_coroutine_threadsafe(run(), opened.loop).result(_START_S)

    @property
    def parts(self) -> Parts:
        """The parts of the running server, such as its stores of files."""
        return self._opened().parts

    def cookie(self, role: Role = Role.ADMIN) -> str:
        """The session cookie of a person with this role; one person a role."""
        if role not in self._cookies:
            self._cookies[role] = self.do(lambda lab: _log_in(lab, role))
        return self._cookies[role]

    def _opened(self) -> _Open:
        if self._open is None:
            raise RuntimeError("the site is not running")
        return self._open

    def _stop(self) -> None:
        self._opened().server.should_exit = True

    async def _serve(self) -> None:
        async with self._place.started() as db:
            await schema.upgrade(db)
            app = make_app(db, self._settings, self._trace)
            config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
            server = Server(config, room_of(app).wakeups.close, self._ready.set)
            self._open = _Open(asyncio.get_running_loop(), db, server, room_of(app))
            await server.serve(sockets=[self._socket])


async def _log_in(lab: Lab, role: Role) -> str:
    user = await lab.db.write(accounts.create_user, SYSTEM, f"the {role.value}", role.value, None)
    return await lab.db.write(sessions.open_session, user.id)
