"""A receiver of webhooks for tests: answers as told, in order, and keeps what came."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(slots=True)
class Receiver:
    """`answers` are statuses, taken from the front; the last one stays. A status of 0 hangs until the end."""

    answers: list[int] = field(default_factory=lambda: [200])
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        self.came.append((dict(request.headers), await request.read()))
        self.arrived.set()
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if status == 0:
            await self.over.wait()
        return web.Response(status=status or 200, text=f"seen {len(self.came)}", headers={"Retry-After": "1"})


@asynccontextmanager
async def receiving(*answers: int) -> AsyncIterator[Receiver]:
    """A receiver on a free port of this machine."""
    receiver = Receiver(list(answers) or [200])
    app: Any = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server: Any = site._server
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield receiver
    finally:
        receiver.over.set()
        await runner.cleanup()
