"""For tests: the application in process over a fresh database. Production never imports this."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from httpx import ASGITransport, AsyncClient, Response
from litestar import Litestar

from rackhand.engine import accounts, enrolment, sessions, tokens
from rackhand.engine.access import SYSTEM, Role, Scope
from rackhand.server import session_cookie
from rackhand.server.app import build, furnish, room_of
from rackhand.server.room import Parts
from rackhand.server.settings import Settings
from rackhand.store.db import Database
from rackhand.store.fake import DatabasePlace, FakeClock

BOOTSTRAP = "bootstrap-token-of-the-tests-0123456789"
ORIGIN = "http://127.0.0.1"
_NEVER_MS = 604_800_000
_QUIET = {"bootstrap_token": BOOTSTRAP, "sweep_ms": _NEVER_MS, "embedded_jobs": False}
"""What happens, a story does; background jobs have stories of their own."""
SPARE: dict[int, list[Litestar]] = {}
"""Applications that a story has left, by their largest body: the next one gets the routes with a room of its own."""


def _take(max_body_bytes: int) -> Litestar:
    spare = SPARE.get(max_body_bytes)
    return spare.pop() if spare else build(max_body_bytes)


@dataclass(frozen=True, slots=True)
class Api:
    """A running application: `get`, `post` ... send the credential of `token`; None sends none. A person in a browser
    (`person`) has a cookie in `client` instead, and `csrf`, which goes with every change."""

    app: Litestar
    db: Database
    clock: FakeClock
    client: AsyncClient
    token: str | None = BOOTSTRAP
    csrf: str | None = None

    @property
    def room(self) -> Parts:
        return room_of(self.app)

    def using(self, token: str | None) -> "Api":
        """The same application, called with another credential."""
        return Api(self.app, self.db, self.clock, self.client, token)

    async def role(self, role: Role, scope: Scope = Scope.FULL) -> "Api":
        """Called with a new API token of this role."""
        body = {"name": f"the {role}", "role": role.value, "scope": scope.value, "expires_in_s": None}
        return self.using((await self.db.write(tokens.issue_token, SYSTEM, body)).token)

    async def node(self, node_id: str) -> "Api":
        """Called with the token of a newly enrolled node."""
        return self.using((await self.db.write(enrolment.enrol, SYSTEM, {"id": node_id, "name": None})).token)

    def browser(self, cookie: str | None = None) -> "Api":
        """A browser of its own, with the session of `cookie`."""
        client = AsyncClient(transport=ASGITransport(app=self.app, raise_app_exceptions=False), base_url=ORIGIN)  # type: ignore[arg-type]
        if cookie is not None:
            client.cookies.set(session_cookie.NAME, cookie, "127.0.0.1")
        csrf = None if cookie is None else sessions.csrf_token_of(cookie)
        return Api(self.app, self.db, self.clock, client, None, csrf)

    async def person(self, role: Role = Role.ADMIN, name: str | None = None) -> "Api":
        """Called by a new person who is logged in; without a password."""
        user = await self.db.write(accounts.create_user, SYSTEM, name or f"the {role}", role.value, None)
        return self.browser(await self.db.write(sessions.open_session, user.id))

    async def send(self, method: str, path: str, **options: Any) -> Response:
        headers = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        if self.csrf is not None and method not in ("GET", "HEAD"):
            headers[session_cookie.HEADER] = self.csrf
        return await self.client.request(method, path, headers=headers | options.pop("headers", {}), **options)

    async def get(self, path: str, **options: Any) -> Response:
        return await self.send("GET", path, **options)

    async def post(self, path: str, **options: Any) -> Response:
        return await self.send("POST", path, **options)

    async def put(self, path: str, **options: Any) -> Response:
        return await self.send("PUT", path, **options)

    async def patch(self, path: str, **options: Any) -> Response:
        return await self.send("PATCH", path, **options)

    async def delete(self, path: str, **options: Any) -> Response:
        return await self.send("DELETE", path, **options)

    async def make(self, path: str, body: Any) -> Any:
        """POST that must be answered with 201; its JSON."""
        answer = await self.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()


@dataclass(frozen=True, slots=True)
class ServerPlace:
    """A fresh database and data folder; opens applications over them, without background jobs."""

    database: DatabasePlace
    data: Path
    settings: dict[str, Any] = field(default_factory=lambda: dict(_QUIET))

    @asynccontextmanager
    async def open(self, **settings: Any) -> AsyncIterator[Api]:
        """The application with its background work running; the sweep passes once, at the start."""
        async with self.database.started() as db:
            chosen = Settings(data=self.data, **self.settings | settings)
            app = furnish(_take(chosen.max_body_bytes), db, chosen)
            transport = ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]
            async with app.lifespan(), AsyncClient(transport=transport, base_url=ORIGIN) as client:
                yield Api(app, db, self.database.clock, client)
            SPARE.setdefault(chosen.max_body_bytes, []).append(app)
