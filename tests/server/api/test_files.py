"""Uploads over HTTP: stored by content, whole or not at all."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest

from rackhand.server.fake import ServerPlace

BYTES = b"echo hello\n" * 1000
SHA256 = hashlib.sha256(BYTES).hexdigest()


def test_a_file_is_stored_once_under_its_digest(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            first = await api.post("/api/files?name=hello.sh", content=BYTES, headers={"Content-Type": "text/x-sh"})
            again = await api.post("/api/files?name=other.sh", content=BYTES)

            assert (first.status_code, again.status_code) == (201, 200)
            assert again.json() == first.json()
            assert first.json() == {
                "sha256": SHA256,
                "size": len(BYTES),
                "name": "hello.sh",
                "content_type": "text/x-sh",
                "created_at": "2026-11-22T10:00:00.000Z",
            }
            stored = [path for path in (server.data / "files").rglob("*") if path.is_file()]
            assert [(path.name, path.parent.name, path.read_bytes()) for path in stored] == [
                (SHA256, SHA256[:2], BYTES)
            ]
            assert (await api.get(f"/api/files/{SHA256}")).json() == first.json()
            assert (await api.get("/api/files")).json()["items"] == [first.json()]
            asset = {"title": "Put", "kind": "push_file", "params": {"file": SHA256, "dest": "/data/local/tmp/x"}}
            assert (await api.make("/api/command-assets", asset))["sha256"] == SHA256

    asyncio.run(story())


def test_an_upload_may_be_larger_than_other_bodies_but_not_than_its_limit(server: ServerPlace) -> None:
    async def chunks(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"x" * 1000

    async def story() -> None:
        async with server.open(max_body_bytes=1024, max_file_bytes=8000) as api:
            assert (await api.post("/api/files", content=chunks(8))).status_code == 201
            assert (await api.post("/api/files", content=chunks(9))).status_code == 413
            assert (await api.post("/api/files", content=b"y" * 8001)).status_code == 413
            assert len([path for path in (server.data / "files").rglob("*") if path.is_file()]) == 1

    asyncio.run(story())


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "C:x", "", "x" * 256, "a%00b", "a%0ab"])
def test_a_name_with_folders_or_control_characters_is_refused(server: ServerPlace, name: str) -> None:
    async def story() -> None:
        async with server.open() as api:
            answer = await api.post(f"/api/files?name={name}", content=BYTES)

            assert answer.status_code == 422
            assert answer.json()["errors"][0]["path"] == "/query/name"

    asyncio.run(story())


def test_content_that_is_not_what_was_announced_is_not_kept(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            wrong = await api.post(f"/api/files?sha256={'0' * 64}", content=BYTES)
            right = await api.post(f"/api/files?sha256={SHA256}", content=BYTES)

            assert (wrong.status_code, right.status_code) == (422, 201)
            assert SHA256 in wrong.json()["detail"]

    asyncio.run(story())


def test_a_form_is_no_file(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            assert (await api.post("/api/files", files={"file": b"x"})).status_code == 415
            assert (await api.get("/api/files/" + "0" * 64)).status_code == 404
            assert (await api.get("/api/files/nothex")).status_code == 404

    asyncio.run(story())
