"""Stories of rollouts over HTTP: planned, halted, resumed and aborted, by the API and by pages without JavaScript."""

import asyncio
import re
from typing import Any

from rackhand.engine import sweep
from rackhand.engine.access import Role
from rackhand.engine.fake import Lab
from rackhand.server.fake import Api, ServerPlace


async def canary_failed(api: Api, **rollout: Any) -> str:
    """Four phones, a rollout over them, and its first device has failed."""
    lab = Lab(api.db, api.clock, api.room.periods)
    await lab.node("PC-01", 4)
    body = {"playbook_id": await lab.playbook(), "target": {"scope": "all"}, "rollout": {"waves": [1, 2]} | rollout}
    run_id = str((await api.make("/api/runs", body))["id"])
    await lab.execute("PC-01", (await lab.pull("PC-01")).jobs[0], "failed")
    await sweep.pass_once(api.db, lab.periods)
    return run_id


def test_a_plan_names_the_devices_of_each_wave_and_the_seed_that_gives_them(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            lab = Lab(api.db, api.clock)
            await lab.node("PC-01", 20)
            body = {"playbook_id": await lab.playbook(), "target": {"scope": "all"}, "rollout": {}}
            plan = (await api.post("/api/runs/plan", json=body)).json()
            assert [wave["size"] for wave in plan["waves"]] == [1, 1, 18]
            again = (await api.post("/api/runs/plan", json=body | {"seed": plan["seed"]})).json()
            assert again["waves"] == plan["waves"]
            plain = (await api.post("/api/runs/plan", json=body | {"rollout": None})).json()
            assert plain["waves"] == []
            bad = await api.post("/api/runs", json=body | {"rollout": {"waves": [0], "max_failed_ratio": 2, "x": 1}})
            paths = {error["path"] for error in bad.json()["errors"]}
            assert paths == {"/rollout/waves/0", "/rollout/max_failed_ratio", "/rollout/x"}

    asyncio.run(story())


def test_a_halted_rollout_is_shown_and_an_operator_resumes_it(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            run_id = await canary_failed(api)
            shown = (await api.get(f"/api/runs/{run_id}")).json()
            assert (shown["run"]["status"], shown["run"]["rollout_state"]) == ("running", "halted")
            rollout = shown["run"]["rollout"]
            assert (rollout["waves"], rollout["sizes"], rollout["open_wave"]) == ([1, 2], [1, 1, 2], 1)
            assert [(w["wave"], w["is_open"], w["counts"]["total"]) for w in shown["waves"]] == [
                *((1, True, 1), (2, False, 1), (3, False, 2))
            ]
            route = f"/api/runs/{run_id}/rollout/resume"
            assert (await (await api.role(Role.VIEWER)).post(route)).status_code == 403
            operator = await api.role(Role.OPERATOR)
            resumed = (await operator.post(route)).json()
            assert (resumed["rollout_state"], resumed["open_wave"], resumed["status"]) == ("rolling", 2, "running")
            aborted = (await operator.post(f"/api/runs/{run_id}/rollout/abort")).json()
            assert (aborted["rollout_state"], aborted["status"], aborted["counts"]["stopped"]) == (
                "aborted",
                "stopped",
                3,
            )
            told = (await api.get("/api/audit", params={"subject": f"run:{run_id}"})).json()["items"]
            assert {"run.rollout_resume", "run.rollout_abort"} <= {line["action"] for line in told}
            over = await operator.post(route)
            assert (over.status_code, over.json()["type"]) == (409, "urn:rackhand:rollout_over")

    asyncio.run(story())


def test_a_run_without_a_rollout_says_so(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            lab = Lab(api.db, api.clock)
            await lab.node("PC-01", 1)
            run = await lab.run(await lab.playbook())
            shown = (await api.get(f"/api/runs/{run.view.id}")).json()
            assert (shown["run"]["rollout"], shown["run"]["rollout_state"], shown["waves"]) == (None, None, [])
            refused = await api.post(f"/api/runs/{run.view.id}/rollout/resume")
            assert (refused.status_code, refused.json()["type"]) == (409, "urn:rackhand:no_rollout")

    asyncio.run(story())


def test_without_javascript_a_person_sees_why_it_halted_and_decides(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            run_id = await canary_failed(api)
            person = await api.person(Role.OPERATOR)
            page = (await person.get(f"/runs/{run_id}")).text
            assert "1 of 1 devices of the open waves failed; at most 20 % may" in page
            assert "열린 차수의 기기 1대 중 1대가 실패했습니다" in (await person.get(f"/runs/{run_id}?lang=ko")).text
            dashboard = (await person.get("/?lang=en")).text
            assert f'href="/runs/{run_id}"' in dashboard
            assert "halted in wave 1" in dashboard
            viewer = await api.person(Role.VIEWER)
            assert "/rollout/" not in (await viewer.get(f"/runs/{run_id}")).text
            answer = await person.post(f"/runs/{run_id}/rollout/resume")
            assert (answer.status_code, answer.headers["location"]) == (303, f"/runs/{run_id}")
            page = (await person.get(f"/runs/{run_id}")).text
            assert "/rollout/resume" not in page
            assert (await person.post(f"/runs/{run_id}/rollout/abort")).status_code == 303
            assert "Aborted" in (await person.get(f"/runs/{run_id}")).text

    asyncio.run(story())


def test_the_builder_runs_the_waves_that_it_showed(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            lab = Lab(api.db, api.clock)
            await lab.node("PC-01", 9)
            asset = await api.make("/api/command-assets", {"title": "Look", "kind": "screenshot"})
            person = await api.person(Role.OPERATOR)
            typed = {"/title": "T", "/steps/0/asset_id": asset["id"], "/run/rollout/on": "true"}
            typed |= {"/run/rollout/waves": "2, 50%", "/run/rollout/max_failed_percent": "5"}
            page = (await person.post("/playbooks/draft", data=typed | {"do": "preview"})).text
            shown = re.findall(r"<b>Wave \d+</b> (\d+) devices? <span class=\"muted\">\(([0-9,-]+)\)", page)
            assert [count for count, _ in shown] == ["2", "3", "4"]
            assert 'value="2, 50%"' in page
            seed = re.search(r'name="/run/planned_seed" value="(\d+)"', page)
            assert seed
            answer = await person.post("/playbooks", data=typed | {"/run/planned_seed": seed[1], "do": "run"})
            run = (await api.get(answer.headers["location"].replace("/runs/", "/api/runs/"))).json()
            asked = run["run"]["rollout"]
            assert (asked["waves"], asked["max_failed_ratio"], asked["auto"]) == ([2, "50%"], 0.05, True)
            first = [str(d["index"]) for d in run["heatmap"]["devices"] if d["wave"] == 1]
            assert ",".join(first) == shown[0][1].replace("-", ",")
            wrong = await person.post("/playbooks", data=typed | {"/run/rollout/waves": "1, many", "do": "run"})
            assert wrong.status_code == 422
            assert "such as 10%" in wrong.text
            off = {key: text for key, text in typed.items() if key != "/run/rollout/on"} | {"do": "run"}
            answer = await person.post("/playbooks", data=off | {"/run/planned_seed": "1"})
            run = (await api.get(answer.headers["location"].replace("/runs/", "/api/runs/"))).json()["run"]
            assert (run["rollout"], run["seed"] != 1) == (None, True)

    asyncio.run(story())


def test_halted_rollouts_are_found_and_what_is_left_is_run_again_in_waves(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            run_id = await canary_failed(api)
            person = await api.person(Role.OPERATOR)
            assert run_id in (await person.get("/runs?rollout=halted")).text
            assert run_id not in (await person.get("/runs?rollout=rolling")).text
            assert len((await api.get("/api/runs?rollout_state=halted")).json()["items"]) == 1
            await api.post(f"/api/runs/{run_id}/rollout/abort")

            form = {"/outcomes": "stopped", "/rollout/on": "true", "/rollout/waves": "1, none"}
            bad = await person.post(f"/runs/{run_id}/rerun", data=form)
            assert bad.status_code == 422
            assert 'data-field="/rollout/waves/1"' in bad.text
            started = await person.post(f"/runs/{run_id}/rerun", data=form | {"/rollout/waves": "1, 100%"})
            again = (await api.get("/api" + started.headers["location"])).json()["run"]
            assert (again["rollout"]["sizes"], again["rollout_state"]) == ([1, 2], "rolling")
            await api.post(f"/api/runs/{again['id']}/stop")
            plain = await person.post(f"/runs/{again['id']}/rerun", data=form | {"/rollout/on": "false"})
            assert (await api.get("/api" + plain.headers["location"])).json()["run"]["rollout"] is None

    asyncio.run(story())
