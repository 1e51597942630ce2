"""Every route x everybody: the table route_roles.txt says who gets in, and here each of them knocks at each door."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from httpx import Response
from litestar import Litestar, get
from structlog.testing import capture_logs

from rackhand.engine.access import Role, Scope
from rackhand.server import app as application
from rackhand.server import fake
from rackhand.server.fake import Api, ServerPlace

TABLE = Path(__file__).with_name("route_roles.txt")
ABSENT = "0" * 64
EVENT = {
    "event_id": "e1",
    "type": "device_heartbeat",
    "node_id": "PC-01",
    "occurred_at": "2026-11-22T10:00:00Z",
    "payload": {"node": {"agent_version": "1", "adb_version": "35", "concurrency": 1}, "leases": []},
}
BODIES: dict[str, dict[str, Any]] = {"/api/nodes/pull": {"node_id": "PC-01"}, "/api/nodes/callback": EVENT}
OWN_ONLY = frozenset(BODIES)
"""Routes whose body names a node."""


@dataclass(frozen=True)
class Door:
    """One line of the table."""

    role: str
    method: str
    path: str

    @property
    def url(self) -> str:
        """Numbers are 1, names are of nothing that is there."""
        return re.sub(r"\{\w+\}", ABSENT, re.sub(r"\{(index|revision)\}", "1", self.path))

    @property
    def is_page(self) -> bool:
        return not self.path.startswith(("/api", "/dist", "/healthz", "/readyz", "/metrics"))


def doors() -> list[Door]:
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    return [Door(*line.split()) for line in lines if line and not line.startswith("#")]


def declared_in(app: Litestar) -> Iterator[Door]:
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            for method in handler.http_methods - {"HEAD", "OPTIONS"}:
                yield Door(handler.opt["operation"].role.value, method, re.sub(r":\w+\}", "}", route.path))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """A thousand requests need no thousand lines."""
    with capture_logs():
        yield


async def callers(api: Api) -> dict[str, tuple[Api, frozenset[str]]]:
    """Everybody, and the roles in the table that open to them."""
    tokens = {f"token of a {role}": (await api.role(role), role) for role in Role}
    return {
        "nobody": (api.using(None), frozenset({"public"})),
        **{name: (who, opened_by(role)) for name, (who, role) in tokens.items()},
        "node PC-01": (await api.node("PC-01"), frozenset({"public", "node"})),
        "node PC-02": (await api.node("PC-02"), frozenset({"public", "node"})),
    }


def opened_by(role: Role) -> frozenset[str]:
    """The lines of the table that a role opens."""
    return frozenset({"public", *(item.value for item in Role if role.includes(item))})


async def knock(who: Api, door: Door) -> Response:
    if door.is_page and door.method != "GET":
        return await who.send(door.method, door.url, data={"/nothing": ""})
    if door.method in ("POST", "PUT", "PATCH"):
        return await who.send(door.method, door.url, json=BODIES.get(door.path, {}))
    return await who.send(door.method, door.url)


def is_refused(answer: Response, door: Door) -> bool:
    to_login = answer.status_code == 303 and answer.headers["location"].startswith("/login?next=")
    return answer.status_code in (401, 403) or (door.is_page and to_login)


def test_the_table_names_every_route_with_the_role_that_it_declares(sqlite_server: ServerPlace) -> None:
    async def story() -> None:
        async with sqlite_server.open() as api:
            assert sorted(map(str, declared_in(api.app))) == sorted(map(str, doors())), (
                "review the role, then the table"
            )

    asyncio.run(story())


def test_everybody_gets_as_far_as_the_table_says(sqlite_server: ServerPlace) -> None:
    async def story() -> None:
        async with sqlite_server.open() as api:
            wrong = []
            for name, (who, roles) in (await callers(api)).items():
                for door in doors():
                    answer = await knock(who, door)
                    is_foreign = name == "node PC-02" and door.path in OWN_ONLY
                    fits = door.role in roles and not is_foreign
                    if is_refused(answer, door) is fits or answer.status_code >= 500:
                        wrong.append((name, door.method, door.path, answer.status_code, answer.text[:200]))
                    if name == "nobody" and is_refused(answer, door):
                        assert answer.status_code in (401, 303), (door, "who is nobody is asked who it is")

            assert wrong == []

    asyncio.run(story())


def test_a_scope_leaves_less_of_a_role(sqlite_server: ServerPlace) -> None:
    async def story() -> None:
        async with sqlite_server.open() as api:
            reader, runner = await api.role(Role.ADMIN, Scope.READ), await api.role(Role.ADMIN, Scope.RUNS)
            wrong = []
            for door in doors():
                if door.role in ("public", "node"):
                    continue
                is_run = door.path.startswith("/api/runs")
                for who, fits in (
                    (reader, door.method == "GET"),
                    (runner, door.role != "admin" and (door.method == "GET" or is_run)),
                ):
                    if fits and door.is_page:
                        continue
                    answer = await knock(who, door)
                    if (answer.status_code == 403) is fits:
                        wrong.append((who.token, door, answer.status_code))
                    if not fits and not door.is_page:
                        assert answer.json()["type"] == "urn:rackhand:scope"

            assert wrong == []

    asyncio.run(story())


def test_a_route_that_declares_nobody_keeps_the_server_from_starting(
    sqlite_server: ServerPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    @get("/api/open-door")
    async def forgotten() -> str:
        return "come in"

    class Careless:
        handlers = (forgotten,)

    async def story() -> None:
        async with sqlite_server.open():
            pass

    monkeypatch.setattr(fake, "SPARE", {})
    monkeypatch.setattr(application, "MODULES", (*application.MODULES, Careless))
    with pytest.raises(RuntimeError, match=r"/api/open-door declares nobody"):
        asyncio.run(story())


def test_a_route_that_slipped_through_is_closed_to_all(
    sqlite_server: ServerPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    @get("/api/open-door")
    async def forgotten() -> str:
        return "come in"

    class Careless:
        handlers = (forgotten,)

    async def story() -> None:
        async with sqlite_server.open() as api:
            assert (await api.get("/api/open-door")).status_code == 403
            assert (await (await api.person()).get("/api/open-door")).status_code == 403

    monkeypatch.setattr(fake, "SPARE", {})
    monkeypatch.setattr(application, "MODULES", (*application.MODULES, Careless))
    monkeypatch.setattr(application, "require_declared", lambda _: None)
    asyncio.run(story())
