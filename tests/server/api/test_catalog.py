"""Command assets over HTTP: make, list, edit, archive."""

import asyncio
from typing import Any

import pytest

from rackhand.server.fake import ServerPlace

ASSET = {"title": "Look", "kind": "shell", "params": {"command": "id"}, "folder": "Checks"}


def test_an_asset_is_made_read_edited_and_archived(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            made = await api.make("/api/command-assets", ASSET)

            assert made == {
                "id": made["id"],
                "revision": 1,
                "title": "Look",
                "folder": "Checks",
                "kind": "shell",
                "params": {"command": "id"},
                "default_timeout_ms": None,
                "effect": "once",
                "sha256": None,
                "archived_at": None,
                "created_at": "2026-11-22T10:00:00.000Z",
                "updated_at": "2026-11-22T10:00:00.000Z",
            }
            path = f"/api/command-assets/{made['id']}"
            assert (await api.get(path)).json() == made
            api.clock.advance(1500)
            edited = (await api.put(path, json=ASSET | {"effect": "repeatable", "default_timeout_ms": 5})).json()
            assert (edited["revision"], edited["effect"], edited["default_timeout_ms"]) == (2, "repeatable", 5)
            assert edited["updated_at"] == "2026-11-22T10:00:01.500Z"
            assert (await api.delete(path)).status_code == 204
            assert (await api.delete(path)).status_code == 204
            assert (await api.get(path)).json()["archived_at"] is not None
            assert (await api.get("/api/command-assets")).json()["items"] == []
            assert (await api.put(path, json=ASSET)).status_code == 409

    asyncio.run(story())


def test_lists_are_paged_and_filtered(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            for title in ("Delta", "alpha", "Alpha", "Alpha", "100%", "Ä"):
                await api.make("/api/command-assets", ASSET | {"title": title})
            await api.make("/api/command-assets", {"title": "Shot", "kind": "screenshot"})

            async def titles(query: str) -> list[str]:
                return [item["title"] for item in (await api.get(f"/api/command-assets?{query}")).json()["items"]]

            found, query, sizes = set[str](), "limit=3", []
            while query:
                page = (await api.get(f"/api/command-assets?{query}")).json()
                found |= {item["id"] for item in page["items"]}
                sizes.append(len(page["items"]))
                query = f"limit=3&cursor={page['next_cursor']}" if page["next_cursor"] else ""
            assert (len(found), sizes) == (7, [3, 3, 1])
            assert await titles("kind=screenshot") == ["Shot"]
            assert await titles("folder=Checks&q=alp") in (["Alpha", "Alpha", "alpha"], ["alpha", "Alpha", "Alpha"])
            assert await titles("q=%25") == ["100%"]
            assert await titles("q=_") == []

    asyncio.run(story())


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"title": ""}, "/title"),
        ({"title": "x" * 201}, "/title"),
        ({"kind": "dance"}, "/kind"),
        ({"params": {}}, "/params/command"),
        ({"params": {"command": "id", "x": 1}}, "/params/x"),
        ({"params": {"command": "{{ nothing }}"}}, "/params/command"),
        ({"params": "id"}, "/params"),
        ({"params": {"command": "a\x00b"}}, "/params/command"),
        ({"default_timeout_ms": 0}, "/default_timeout_ms"),
        ({"default_timeout_ms": True}, "/default_timeout_ms"),
        ({"kind": "install_apk", "params": {"file": "0" * 64}}, "/params/file"),
        ({"kind": "install_apk", "params": {"file": "../../x"}}, "/params/file"),
    ],
)
def test_a_bad_asset_is_refused_with_its_path(server: ServerPlace, change: dict[str, Any], path: str) -> None:
    async def story() -> None:
        async with server.open() as api:
            made = await api.make("/api/command-assets", ASSET)
            for answer in (
                await api.post("/api/command-assets", json=ASSET | change),
                await api.put(f"/api/command-assets/{made['id']}", json=ASSET | change),
            ):
                assert answer.status_code == 422
                assert [error["path"] for error in answer.json()["errors"]] == [path]
            assert (await api.get("/api/command-assets")).json()["items"] == [made]

    asyncio.run(story())


def test_an_unknown_asset_is_not_found(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            path = "/api/command-assets/none"
            answers = [await api.get(path), await api.put(path, json=ASSET), await api.delete(path)]

            assert [answer.status_code for answer in answers] == [404, 404, 404]

    asyncio.run(story())
