"""Presets and the checklist over HTTP: what there is, what a run would do, the run, and what is refused."""

import asyncio

from rackhand.engine import scans
from rackhand.engine.fake import Lab
from rackhand.server.fake import Api, ServerPlace
from rackhand.wire.messages import ScanProgressPayload

ALL = {"scope": "all"}


def test_a_preset_is_offered_planned_and_run_as_the_playbook_of_its_title(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await Lab(api.db, api.clock).node("PC-01", 3)
            offered = (await api.get("/api/presets")).json()["items"]
            assert [each["key"] for each in offered] == ["health-sweep", "install-app", "check-playback", "kiosk-reset"]
            assert [each["needs_file"] for each in offered] == [False, True, False, False]
            assert offered[3]["inputs"][0] == {
                "name": "brightness",
                "label": "Brightness (0 to 255)",
                "default": "128",
                "example": "",
            }
            plan = (await api.post("/api/presets/check-playback/plan", json={})).json()
            assert (len(plan["devices"]), len(plan["steps"])) == (3, 5)

            first = await api.make("/api/presets/kiosk-reset/runs", {"values": {"volume": "3"}})
            run = (await api.get(f"/api/runs/{first['id']}")).json()["run"]
            assert (run["title"], run["trigger"]) == ("Kiosk reset", "api")
            assert run["params"] == {"brightness": "128", "volume": "3"}
            (saved,) = (await api.get("/api/playbooks")).json()["items"]
            assert (run["playbook_id"], saved["title"]) == (saved["id"], "Kiosk reset")

            steps = (await api.get(f"/api/playbooks/{saved['id']}")).json()["steps"]
            body = {"title": "Kiosk reset", "steps": [{"asset_id": steps[0]["asset_id"]}]}
            await api.put(f"/api/playbooks/{saved['id']}", json=body)
            again = await api.make("/api/presets/kiosk-reset/runs", {"target": ALL | {"exclude": "2"}})
            other = (await api.get(f"/api/runs/{again['id']}")).json()["run"]
            assert other["playbook_id"] != saved["id"], "a playbook that people changed stays theirs"
            assert again["counts"]["total"] == 2

    asyncio.run(story())


def test_an_app_is_installed_from_a_file(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await Lab(api.db, api.clock).node("PC-01", 1)
            sent = await api.post("/api/files?name=player.apk", content=b"apk")
            body = {"file": sent.json()["sha256"], "values": {"package": "com.example.player"}}
            run = await api.make("/api/presets/install-app/runs", body)
            (saved,) = (await api.get("/api/playbooks")).json()["items"]
            steps = (await api.get(f"/api/playbooks/{saved['id']}")).json()["steps"]
            assert steps[0]["params"] == {"file": body["file"], "replace": True, "grant": True}
            assert (await api.get(f"/api/runs/{run['id']}")).json()["run"]["playbook_id"] == saved["id"]

    asyncio.run(story())


def test_what_is_missing_or_wrong_is_named_and_nothing_is_made(server: ServerPlace) -> None:
    async def refused(api: Api, path: str, body: object) -> set[str]:
        answer = await api.post(f"/api/presets/{path}", json=body)
        assert answer.status_code == 422, answer.text
        return {error["path"] for error in answer.json()["errors"]}

    async def story() -> None:
        async with server.open() as api:
            assert await refused(api, "health-sweep/plan", {}) == {"/target"}
            await Lab(api.db, api.clock).node("PC-01", 1)
            assert await refused(api, "install-app/runs", {}) == {"/file", "/values/package"}
            gone = {"file": "0" * 64, "values": {"package": "com.example.player"}}
            assert await refused(api, "install-app/runs", gone) == {"/file"}
            assert await refused(api, "check-playback/runs", {"values": {"url": "x", "y": ""}}) == {
                "/values/url",
                "/values/y",
            }
            assert (await api.post("/api/presets/coffee/runs", json={})).status_code == 404
            assert (await api.get("/api/playbooks")).json()["items"] == []

    asyncio.run(story())


def test_the_checklist_ticks_itself(server: ServerPlace) -> None:
    async def done(api: Api) -> list[str]:
        answer = (await api.get("/api/onboarding")).json()
        return [point["name"] for point in answer["points"] if point["state"] == "done"]

    async def story() -> None:
        async with server.open() as api:
            lab = Lab(api.db, api.clock, api.room.periods)
            assert await done(api) == []
            await lab.node("PC-01", 1)
            assert await done(api) == ["node", "adb", "devices", "authorised"]
            await api.post("/api/nodes/scan", json={})
            (scan,) = (await lab.pull("PC-01")).scans
            told = ScanProgressPayload(scan_job_id=scan.scan_job_id, status="succeeded", total=1)
            await api.db.write(scans.report, "PC-01", told)
            assert await done(api) == ["node", "adb", "devices", "authorised", "scan"]
            await api.make("/api/presets/health-sweep/runs", {})
            await lab.execute("PC-01", (await lab.pull("PC-01")).jobs[0])
            assert (await api.get("/api/onboarding")).json()["is_done"] is True

    asyncio.run(story())
