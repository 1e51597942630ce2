"""The settings page: durations are typed and shown in seconds, whatever the API counts in."""

import asyncio

from rackhand.server.fake import ServerPlace


def test_durations_are_typed_in_seconds(sqlite_server: ServerPlace) -> None:
    async def story() -> None:
        async with sqlite_server.open() as api:
            admin = await api.person()
            typed = {"/policy/grace_wait_s": "7.5", "/policy/timeout_s": "", "/policy/concurrency": "2"}
            assert (await admin.post("/settings", data=typed)).status_code == 303
            policy = (await api.get("/api/settings")).json()["policy"]
            assert (policy["grace_wait_ms"], policy["timeout_ms"]) == (7_500, 90_000)
            assert 'value="7.5"' in (await admin.get("/settings")).text
            odd = (await admin.post("/settings", data={"/policy/grace_wait_s": "soon"})).text
            assert 'value="soon"' in odd
            assert "must be a whole number" in odd

    asyncio.run(story())
