"""The builder over HTTP, as a browser without JavaScript and as its script use it."""

import asyncio
import re
from html import unescape
from typing import Any

from httpx import Response

from rackhand.engine.access import Role
from rackhand.engine.fake import Lab
from rackhand.server.fake import Api, ServerPlace

PROBLEM = {"Accept": "application/problem+json"}
KOREAN = {"Accept-Language": "ko"}


def fields(html: str) -> dict[str, str]:
    """The inputs and selects of the builder, by name, as a browser would post them."""
    found: dict[str, str] = {}
    form = html.partition('id="builder"')[2].partition("</form>")[0]
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'\bname="([^"]*)"', tag), re.search(r'\bvalue="([^"]*)"', tag)
        is_off = re.search(r'type="(radio|checkbox)"', tag) and " checked" not in tag
        if name and not is_off:
            found[unescape(name[1])] = unescape(value[1]) if value else ""
    for name, body in re.findall(r'<select[^>]*\bname="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', body) or re.search(r'value="([^"]*)"', body)
        found[unescape(name)] = unescape(chosen[1]) if chosen else ""
    for name, body in re.findall(r'<textarea[^>]*\bname="([^"]*)"[^>]*>\n?(.*?)</textarea>', form, re.DOTALL):
        found[unescape(name)] = unescape(body)
    return found


def titles(html: str) -> list[str]:
    """The rows as they are shown."""
    return [unescape(title) for title in re.findall(r'<li class="step"[^>]*data-title="([^"]*)"', html)]


async def assets(api: Api, *kinds: tuple[str, str, dict[str, Any]]) -> list[str]:
    made = [await api.make("/api/command-assets", {"title": t, "kind": k, "params": p}) for t, k, p in kinds]
    return [asset["id"] for asset in made]


async def two(api: Api) -> list[str]:
    return await assets(api, ("Look", "screenshot", {}), ("Say", "shell", {"command": "echo hi"}))


def step(index: int, asset_id: str, **values: str) -> dict[str, str]:
    return {f"/steps/{index}/{name}": value for name, value in ({"asset_id": asset_id} | values).items()}


async def send(person: Api, path: str, data: dict[str, str], **headers: str) -> Response:
    return await person.post(path, data=data, headers=headers)


async def saved(api: Api, person: Api, *asset_ids: str) -> str:
    """A playbook that was saved in the builder: its id."""
    data = {"/title": "Mine", "do": "save"}
    for i, asset_id in enumerate(asset_ids):
        data |= step(i, asset_id)
    answer = await send(person, "/playbooks", data)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].partition("playbook=")[2]


def test_the_order_posted_is_the_order_saved(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            look, say = await two(api)
            person = await api.person(Role.OPERATOR)
            data = {"/title": "Mine", "do": "save"} | step(0, say, probability="0.35", timeout_s="1.5", retry_count="2")
            data |= step(1, look, on_failure="continue") | step(2, say, probability="1")
            data["/steps/2/params/command"] = "echo bye"
            answer = await send(person, "/playbooks", data)
            assert answer.status_code == 303
            playbook = (await api.get(f"/api/playbooks/{answer.headers['location'].partition('=')[2]}")).json()
            assert [step["asset_id"] for step in playbook["steps"]] == [say, look, say]
            first, second, third = playbook["steps"]
            assert (first["probability"], first["timeout_ms"], first["retry_count"]) == (0.35, 1500, 2)
            assert second["on_failure"] == "continue"
            assert (first["params"], third["params"]) == ({"command": "echo hi"}, {"command": "echo bye"})

    asyncio.run(story())


def test_buttons_without_javascript_keep_everything(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            look, say = await two(api)
            person = await api.person(Role.OPERATOR)
            data = {
                "/title": "<b>typed",
                "/run/target/scope": "indexes",
                "/run/target/indexes": "1-3",
                "/run/seed": "x",
            }
            data |= step(0, look, probability="0.25") | step(1, say, retry_count="many")
            data["/steps/1/params/command"] = "echo 'kept'"
            answer = await send(person, "/playbooks/draft", data | {"do": "up:1"})
            assert titles(answer.text) == ["Say", "Look"]
            again = fields(answer.text)
            assert again["/title"] == "<b>typed"
            assert (again["/steps/0/params/command"], again["/steps/0/retry_count"]) == ("echo 'kept'", "many")
            assert again["/steps/1/probability"] == "0.25"
            assert (again["/run/target/indexes"], again["/run/seed"]) == ("1-3", "x")
            answer = await send(person, "/playbooks/draft", again | {"do": "down:0"})
            assert titles(answer.text) == ["Look", "Say"]
            answer = await send(person, "/playbooks/draft", fields(answer.text) | {"do": "duplicate:1"})
            assert titles(answer.text) == ["Look", "Say", "Say"]
            assert fields(answer.text)["/steps/2/params/command"] == "echo 'kept'"
            answer = await send(person, "/playbooks/draft", fields(answer.text) | {"do": "delete:0"})
            assert titles(answer.text) == ["Say", "Say"]
            answer = await send(person, "/playbooks/draft", fields(answer.text) | {"do": f"add:{look}"})
            assert titles(answer.text) == ["Say", "Say", "Look"]
            answer = await send(person, "/playbooks/draft", fields(answer.text) | {"do": "add", "add": say})
            assert titles(answer.text) == ["Say", "Say", "Look", "Say"]

    asyncio.run(story())


def test_buttons_that_fit_nothing_do_nothing(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            look, _ = await two(api)
            person = await api.person(Role.OPERATOR)
            for do in ("up:0", "down:0", "up:9", "delete:-1", "delete:x", "add:nothing", "jump:0", "", "up:٣"):
                answer = await send(person, "/playbooks/draft", {"do": do, "/title": "T"} | step(0, look))
                assert (answer.status_code, titles(answer.text)) == (200, ["Look"])
            odd = {"/steps": "x", "/run": "y", "/title/deep": "z", "/steps/a/b": "c", "do": "draw"}
            assert (await send(person, "/playbooks/draft", odd)).status_code == 200

    asyncio.run(story())


def test_errors_stand_at_their_fields_in_the_readers_language(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            look, say = await two(api)
            person = await api.person(Role.OPERATOR)
            data = {"/title": "", "do": "save"} | step(0, look, probability="2") | step(1, say, timeout_s="soon")
            data["/steps/1/params/command"] = ""
            answer = await send(person, "/playbooks", data)
            assert answer.status_code == 422
            assert "must be from 0 to 1" in answer.text
            again = fields(answer.text)
            assert (again["/steps/0/probability"], again["/steps/1/timeout_s"]) == ("2", "soon")
            problem = (await send(person, "/playbooks", data, **PROBLEM)).json()
            assert {each["path"] for each in problem["errors"]} >= {
                "/title",
                "/steps/0/probability",
                "/steps/1/timeout_ms",
            }
            korean = (await send(person, "/playbooks", data, **PROBLEM, **KOREAN)).json()
            assert [each["path"] for each in korean["errors"]] == [each["path"] for each in problem["errors"]]
            assert all(re.search("[가-힣]", each["message"]) for each in korean["errors"])
            fixed = data | {"/title": "T", "/steps/0/probability": "1", "/steps/1/timeout_s": ""}
            problem = (await send(person, "/playbooks", fixed, **PROBLEM)).json()
            assert [each["path"] for each in problem["errors"]] == ["/steps/1/params/command"]

    asyncio.run(story())


def test_an_emptied_optional_parameter_is_not_the_commands(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            params = {"package": "a.b", "activity": ".Main"}
            (app,) = await assets(api, ("App", "start_app", params))
            person = await api.person(Role.OPERATOR)
            data = {"/title": "T", "do": "save"} | step(0, app)
            data |= {"/steps/0/params/package": "c.d", "/steps/0/params/activity": ""}
            answer = await send(person, "/playbooks", data)
            playbook = (await api.get(f"/api/playbooks/{answer.headers['location'].partition('=')[2]}")).json()
            assert playbook["steps"][0]["params"] == {"package": "c.d"}

    asyncio.run(story())


def test_saving_again_is_a_revision_and_no_change_is_none(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            look, say = await two(api)
            person = await api.person(Role.OPERATOR)
            playbook = await saved(api, person, look, say)
            page = await person.get(f"/playbooks/builder?playbook={playbook}")
            data = fields(page.text) | {"do": "save"}
            assert (await send(person, "/playbooks", data)).status_code == 303
            assert (await api.get(f"/api/playbooks/{playbook}")).json()["revision"] == 1
            changed = data | {"/steps/0/probability": "0.5", "idempotency_key": "k2"}
            assert (await send(person, "/playbooks", changed)).status_code == 303
            assert (await api.get(f"/api/playbooks/{playbook}")).json()["revision"] == 2
            stale = await send(person, "/playbooks", changed | {"/title": "Other", "idempotency_key": "k3"}, **PROBLEM)
            assert (stale.status_code, stale.json()["type"]) == (409, "urn:rackhand:revised")

    asyncio.run(story())


def test_an_edited_command_changes_no_step_until_it_is_asked_to(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            look, say = await two(api)
            person = await api.person(Role.OPERATOR)
            playbook = await saved(api, person, look, say)
            await api.put(
                f"/api/command-assets/{say}", json={"title": "Say", "kind": "shell", "params": {"command": "new"}}
            )
            await api.delete(f"/api/command-assets/{look}")
            page = await person.get(f"/playbooks/builder?playbook={playbook}")
            assert "1 command was edited since this revision was saved." in page.text
            assert "This command is archived; the step keeps its copy." in page.text
            data = fields(page.text)
            assert data["/steps/1/params/command"] == "echo hi"
            answer = await send(person, "/playbooks", data | {"/title": "Kept", "do": "save"})
            assert answer.status_code == 303, answer.text
            kept = (await api.get(f"/api/playbooks/{playbook}")).json()
            assert [step["kind"] for step in kept["steps"]] == ["screenshot", "shell"]
            assert kept["steps"][1]["params"] == {"command": "echo hi"}
            page = await person.get(f"/playbooks/builder?playbook={playbook}")
            page = await send(person, "/playbooks/draft", fields(page.text) | {"do": "update"})
            assert fields(page.text)["/steps/1/params/command"] == "new"
            await send(person, "/playbooks", fields(page.text) | {"do": "save"})
            updated = (await api.get(f"/api/playbooks/{playbook}")).json()
            assert (updated["steps"][1]["params"], updated["steps"][1]["asset_revision"]) == ({"command": "new"}, 2)

    asyncio.run(story())


def test_run_now_runs_what_is_shown_and_saves_nothing(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await Lab(api.db, api.clock).node("PC-01", 3)
            look, say = await two(api)
            person = await api.person(Role.OPERATOR)
            playbook = await saved(api, person, look)
            page = await person.get(f"/playbooks/builder?playbook={playbook}")
            data = fields(page.text) | {"do": "run", "/run/seed": "7", "/run/policy/concurrency": "2"}
            answer = await send(person, "/playbooks", data)
            run = (await api.get(f"/api{answer.headers['location']}")).json()
            assert (run["run"]["playbook_id"], run["run"]["playbook_revision"]) == (playbook, 1)
            assert (run["run"]["seed"], run["policy"]["concurrency"], run["counts"]["total"]) == (7, 2, 3)
            changed = data | step(1, say) | {"idempotency_key": "other", "/run/target/scope": "indexes"}
            answer = await send(person, "/playbooks", changed | {"/run/target/indexes": "2-9"})
            run = (await api.get(f"/api{answer.headers['location']}")).json()
            assert run["run"]["playbook_id"] != playbook
            assert (run["run"]["title"], run["counts"]["total"]) == ("Mine", 2)
            assert (await api.get(f"/api/playbooks/{playbook}")).json()["revision"] == 1
            assert len((await api.get("/api/playbooks")).json()["items"]) == 1

    asyncio.run(story())


def test_sending_a_run_twice_makes_one(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await Lab(api.db, api.clock).node("PC-01", 1)
            look, _ = await two(api)
            person = await api.person(Role.OPERATOR)
            data = {"do": "run", "idempotency_key": "once"} | step(0, look)
            first, second = [await send(person, "/playbooks", data) for _ in range(2)]
            assert first.headers["location"] == second.headers["location"]
            assert len((await api.get("/api/runs")).json()["items"]) == 1

    asyncio.run(story())


def test_errors_of_a_run_stand_below_run(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await Lab(api.db, api.clock).node("PC-01", 1)
            look, _ = await two(api)
            person = await api.person(Role.OPERATOR)
            cases: list[tuple[dict[str, str], str]] = [
                ({"/run/target/scope": "indexes", "/run/target/indexes": "a-b"}, "/run/target/indexes"),
                ({"/run/target/scope": "indexes", "/run/target/indexes": "900"}, "/run/target"),
                ({"/run/target/scope": "labels", "/run/target/labels": "rack"}, "/run/target/labels"),
                ({"/run/target/scope": "nodes"}, "/run/target/nodes"),
                ({"/run/target/exclude": "x"}, "/run/target/exclude"),
                ({"/run/policy/grace_wait_s": "-1"}, "/run/policy/grace_wait_ms"),
                ({"/run/seed": "odd"}, "/run/seed"),
            ]
            for given, path in cases:
                problem = (await send(person, "/playbooks", {"do": "run"} | step(0, look) | given, **PROBLEM)).json()
                assert [each["path"] for each in problem["errors"]] == [path], given
            assert (await api.get("/api/runs")).json()["items"] == []

    asyncio.run(story())


def test_placeholders_get_their_values_from_the_form(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await Lab(api.db, api.clock).node("PC-01", 1)
            (say,) = await assets(api, ("Say", "shell", {"command": "echo {{ params.word }}"}))
            person = await api.person(Role.OPERATOR)
            data = step(0, say) | {"/steps/0/params/command": "echo {{ params.word }}"}
            page = await send(person, "/playbooks/draft", data | {"do": "preview"})
            assert "/run/params/word" in fields(page.text)
            answer = await send(person, "/playbooks", data | {"do": "run", "/run/params/word": "hi"})
            run = (await api.get(f"/api{answer.headers['location']}")).json()
            assert run["run"]["params"] == {"word": "hi"}

    asyncio.run(story())


def test_the_plan_tells_devices_reasons_and_expectations(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            lab = Lab(api.db, api.clock)
            phones = await lab.node("PC-01", 10)
            phones[9].online, phones[9].adb_state = False, "offline"
            await lab.beat("PC-01", phones)
            look, _ = await two(api)
            person = await api.person(Role.OPERATOR)
            data = step(0, look, probability="0.5")
            card = await send(person, "/playbooks/preview", data | {"do": "preview"})
            assert 'data-devices="9"' in card.text
            assert re.search(r"<b>offline</b> 1 .*\(10\)", card.text)
            korean = await send(person, "/playbooks/preview", data, **KOREAN)
            assert "오프라인" in korean.text
            page = await send(person, "/playbooks/draft", data | {"do": "preview"})
            assert "about 4 of 9 devices (95%: 2–7)" in page.text
            nothing = await send(person, "/playbooks/preview", data | {"/run/target/exclude": "1-99"})
            assert "matches no device" in nothing.text
            assert 'data-devices="9"' in (await send(person, "/playbooks/preview", {})).text

    asyncio.run(story())


def test_a_new_row_and_who_may_ask_for_it(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            _, say = await two(api)
            person, viewer = await api.person(Role.OPERATOR), await api.person(Role.VIEWER)
            row = await person.get(f"/playbooks/step?asset_id={say}&index=4")
            assert 'name="/steps/4/params/command"' in row.text
            assert (await person.get("/playbooks/step?asset_id=nothing")).status_code == 404
            assert (await viewer.get(f"/playbooks/step?asset_id={say}")).status_code == 403
            assert (await send(viewer, "/playbooks", {"do": "run"})).status_code == 403
            assert "<fieldset disabled>" in (await viewer.get("/playbooks/builder")).text

    asyncio.run(story())


def test_a_step_whose_command_is_gone_is_still_shown(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            person = await api.person(Role.OPERATOR)
            page = await send(person, "/playbooks/draft", {"do": "draw"} | step(0, "gone"))
            assert "This command does not exist any more" in page.text
            problem = (
                await send(person, "/playbooks", {"do": "save", "/title": "T"} | step(0, "gone"), **PROBLEM)
            ).json()
            assert [each["path"] for each in problem["errors"]] == ["/steps/0/asset_id"]

    asyncio.run(story())
