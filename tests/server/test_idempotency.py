"""Requests that are sent twice: one effect, one answer."""

import asyncio
import json

import pytest

from rackhand.engine import idempotency
from rackhand.engine.access import Role
from rackhand.engine.idempotency import Claim
from rackhand.server.fake import Api, ServerPlace

ASSET = {"title": "Look", "kind": "shell", "params": {"command": "id"}}
KEY = {"Idempotency-Key": "k-1"}


async def count(api: Api) -> int:
    return len((await api.get("/api/command-assets")).json()["items"])


def test_the_second_request_gets_the_first_answer_and_does_nothing(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            first = await api.post("/api/command-assets", json=ASSET, headers=KEY)
            again = await api.post("/api/command-assets", json=ASSET, headers=KEY)

            assert (first.status_code, again.status_code) == (201, 201)
            assert again.content == first.content
            assert again.headers["idempotency-replayed"] == "true"
            assert "idempotency-replayed" not in first.headers
            assert await count(api) == 1

    asyncio.run(story())


def test_another_body_under_the_same_key_is_refused(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await api.post("/api/command-assets", json=ASSET, headers=KEY)
            other = await api.post("/api/command-assets", json=ASSET | {"title": "Other"}, headers=KEY)

            assert other.status_code == 422
            assert other.json()["errors"][0]["path"] == "/headers/Idempotency-Key"
            assert await count(api) == 1

    asyncio.run(story())


def test_a_key_belongs_to_one_credential_and_one_route(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            operator = await api.role(Role.OPERATOR)
            asset = (await api.post("/api/command-assets", json=ASSET, headers=KEY)).json()
            await operator.post("/api/command-assets", json=ASSET, headers=KEY)
            body = {"title": "Look", "steps": [{"asset_id": asset["id"]}]}
            playbook = await api.post("/api/playbooks", json=body, headers=KEY)

            assert playbook.status_code == 201
            assert await count(api) == 2

    asyncio.run(story())


def test_while_the_first_is_in_flight_the_second_waits_its_turn(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            body = json.dumps(ASSET).encode()
            claim = Claim("bootstrap POST /api/command-assets", "k-1", api.room.vault.fingerprint(body))
            assert await api.db.write(idempotency.begin, claim) is None
            answer = await api.post("/api/command-assets", content=body, headers=KEY)

            assert answer.status_code == 409
            assert answer.json()["type"] == "urn:rackhand:in_flight"
            assert await count(api) == 0

    asyncio.run(story())


def test_a_refused_request_leaves_its_key_free(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            assert (await api.post("/api/command-assets", json={"title": 1}, headers=KEY)).status_code == 422
            assert (await api.post("/api/command-assets", json=ASSET, headers=KEY)).status_code == 201

    asyncio.run(story())


def test_a_key_is_forgotten_after_a_day(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await api.post("/api/command-assets", json=ASSET, headers=KEY)
            api.clock.advance(idempotency.KEPT_MS + 1)
            await api.post("/api/command-assets", json=ASSET, headers=KEY)

            assert await count(api) == 2

    asyncio.run(story())


@pytest.mark.parametrize("key", ["", "x" * 201, "a b"])
def test_a_key_that_is_none_is_refused(server: ServerPlace, key: str) -> None:
    async def story() -> None:
        async with server.open() as api:
            answer = await api.post("/api/command-assets", json=ASSET, headers={"Idempotency-Key": key})

            assert answer.status_code == 422
            assert await count(api) == 0

    asyncio.run(story())


def test_ten_at_once_make_one(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            sent = [api.post("/api/command-assets", json=ASSET, headers=KEY) for _ in range(10)]
            statuses = {answer.status_code for answer in await asyncio.gather(*sent)}

            assert statuses <= {201, 409}
            assert await count(api) == 1

    asyncio.run(story())
