"""The page for newcomers as a browser without JavaScript uses it: the first node, a plan, a run, a scan, refusals."""

import asyncio

from rackhand.engine.access import Role
from rackhand.engine.fake import Lab
from rackhand.server.fake import ServerPlace

PRESETS = "/onboarding/presets"


def test_from_the_first_node_to_a_run(sqlite_server: ServerPlace) -> None:
    async def story() -> None:
        async with sqlite_server.open() as api:
            admin = await api.person()
            page = (await admin.get("/onboarding")).text
            assert 'value="PC-01"' in page
            assert "matches no device" in page
            answer = await admin.post("/onboarding/nodes", data={"/id": "PC 01"})
            assert answer.status_code == 422
            assert 'value="PC 01"' in answer.text
            page = (await admin.post("/onboarding/nodes", data={"/id": "PC-01"})).text
            assert "Windows (PowerShell)" in page
            assert "agent install --server http://127.0.0.1" in page
            assert "PC-02" in page, "the next name is free"

            await Lab(api.db, api.clock).node("PC-07", 4)
            operator = await api.person(Role.OPERATOR)
            planned = (await operator.post(f"{PRESETS}/health-sweep/plan", data={"/target/indexes": "2-3"})).text
            assert "<dd>2</dd>" in planned
            assert 'value="2-3"' in planned
            started = await operator.post(f"{PRESETS}/health-sweep", data={"/target/indexes": "2-3"})
            assert started.status_code == 303
            run = (await api.get("/api" + started.headers["location"])).json()["run"]
            assert (run["title"], run["trigger"], run["counts"]["total"]) == ("Health sweep", "ui", 2)
            assert (await operator.post("/onboarding/scan")).headers["location"] == "/onboarding"

            viewer = await api.person(Role.VIEWER)
            page = (await viewer.get("/onboarding?lang=ko")).text
            assert "상태 점검" in page
            assert "/onboarding/presets/" not in page
            assert "/onboarding/nodes" not in page
            fragment = (await viewer.get("/onboarding", headers={"HX-Request": "true"})).text
            assert 'id="checklist"' in fragment
            assert "<html" not in fragment

    asyncio.run(story())


def test_a_refused_run_keeps_what_was_typed_and_says_why_at_its_field(sqlite_server: ServerPlace) -> None:
    async def story() -> None:
        async with sqlite_server.open() as api:
            await Lab(api.db, api.clock).node("PC-01", 1)
            operator = await api.person(Role.OPERATOR)
            sent = {"/values/url": "youtube", "/target/indexes": "1", "/policy/concurrency": "many"}
            answer = await operator.post(f"{PRESETS}/check-playback", data=sent)
            assert answer.status_code == 422
            page = answer.text
            assert 'value="youtube"' in page
            assert 'value="many"' in page
            assert "must be a whole number" in page
            del sent["/policy/concurrency"]
            page = (await operator.post(f"{PRESETS}/check-playback", data=sent)).text
            assert "must be an address such as https://example.com" in page
            wrong = await operator.post(
                f"{PRESETS}/check-playback", data=sent, headers={"Accept": "application/problem+json"}
            )
            assert [error["path"] for error in wrong.json()["errors"]] == ["/values/url"]

            form = {"/values/package": "com.example.player", "/file": "", "/target/indexes": ""}
            upload = {"upload": ("player.apk", b"not really", "application/octet-stream")}
            started = await operator.post(f"{PRESETS}/install-app", data=form, files=upload)
            assert started.status_code == 303, started.text

    asyncio.run(story())
