"""The audit log: every command and every change leaves a line that says who, what and from where, and stays."""

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError

from rackhand.engine import audit_log, preferences
from rackhand.engine.access import SYSTEM, Role, Scope
from rackhand.engine.fake import Lab
from rackhand.engine.preferences import DAY_MS
from rackhand.server.fake import Api, ServerPlace
from rackhand.store.db import Tx
from rackhand.store.fake import DatabasePlace
from rackhand.store.tables import audit_log as table

SHELL = {"kind": "shell", "params": {"command": "input text {{ params.word }}"}}
SECRET = "correct horse battery staple"


async def lines(api: Api, **query: str) -> list[dict[str, Any]]:
    answer = await api.get("/api/audit", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def rack(api: Api) -> None:
    await Lab(api.db, api.clock).node("PC-01", 3)


def test_a_run_says_who_sent_which_commands_to_which_devices(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await rack(api)
            kim = await api.person(Role.OPERATOR, "kim")
            body = {"steps": [SHELL], "target": {"scope": "indexes", "indexes": "1-2"}, "params": {"word": "hello"}}
            run = (await kim.post("/api/runs", json=body)).json()

            (line,) = await lines(api, subject=f"run:{run['id']}")
            assert (line["actor"], line["action"], line["remote_addr"]) == ("user:kim", "run.create", "127.0.0.1")
            assert line["done_at"].startswith("2026-11-22T10:00:00")
            detail = line["detail"]
            assert (detail["devices"], detail["device_count"], detail["params"]) == ("1-2", 2, {"word": "hello"})
            assert [step["params"] for step in detail["commands"]] == [SHELL["params"]]

            api.clock.advance(1_000)
            await kim.post(f"/api/runs/{run['id']}/stop")
            api.clock.advance(1_000)
            again = (await kim.post(f"/api/runs/{run['id']}/rerun", json={"outcomes": ["stopped"]})).json()
            actions = [(line["action"], line["subject"]) for line in await lines(api, action="run")]
            assert actions == [
                ("run.rerun", f"run:{again['id']}"),
                ("run.stop", f"run:{run['id']}"),
                ("run.create", f"run:{run['id']}"),
            ]

    asyncio.run(story())


SCHEDULE = {
    "title": "S",
    "playbook_id": "{book}",
    "target": {"scope": "all"},
    "cron": "@daily",
    "params": {"word": "w"},
}
HOOK = {"title": "Hook", "kind": "webhook", "address": f"https://hooks.invalid/{SECRET.replace(' ', '-')}"}
RULE = {"title": "R", "kinds": ["run_failed"], "channel_id": "{hook}"}
CHANGES: tuple[tuple[str, str, Any, str], ...] = (
    ("POST", "/api/command-assets", {"title": "Look", "kind": "shell", "params": {"command": "id"}}, "asset.create"),
    ("PUT", "/api/command-assets/{asset}", {"title": "L", "kind": "shell", "params": {"command": "w"}}, "asset.update"),
    ("DELETE", "/api/command-assets/{asset}", None, "asset.archive"),
    ("POST", "/api/playbooks", {"title": "P", "steps": [{"asset_id": "{other}"}]}, "playbook.save"),
    ("PUT", "/api/playbooks/{playbook}", {"title": "Q", "steps": [{"asset_id": "{other}"}]}, "playbook.save"),
    ("DELETE", "/api/playbooks/{playbook}", None, "playbook.archive"),
    ("POST", "/api/files", None, "file.upload"),
    ("POST", "/api/schedules", SCHEDULE, "schedule.create"),
    ("PUT", "/api/schedules/{schedule}", SCHEDULE, "schedule.change"),
    ("POST", "/api/schedules/{schedule}/pause", None, "schedule.pause"),
    ("POST", "/api/schedules/{schedule}/resume", None, "schedule.resume"),
    ("DELETE", "/api/schedules/{schedule}", None, "schedule.delete"),
    ("PATCH", "/api/notifications/channels/{hook}", {"title": "H"}, "notification_channel.change"),
    ("POST", "/api/notifications/channels/{hook}/rotate", None, "notification_channel.rotate"),
    ("POST", "/api/notifications/channels/{hook}/test", None, "notification_channel.test"),
    ("POST", "/api/notifications/rules", RULE, "notification_rule.create"),
    ("PUT", "/api/notifications/rules/{notification_rule}", RULE, "notification_rule.change"),
    ("DELETE", "/api/notifications/rules/{notification_rule}", None, "notification_rule.delete"),
    ("DELETE", "/api/notifications/channels/{hook}", None, "notification_channel.delete"),
    ("POST", "/api/notifications/channels", HOOK, "notification_channel.create"),
    ("POST", "/api/nodes", {"id": "PC-02"}, "node.enrol"),
    ("PATCH", "/api/nodes/PC-02", {"name": "Two"}, "node.rename"),
    ("POST", "/api/nodes/PC-02/rotate", None, "node.rotate"),
    ("POST", "/api/nodes/PC-02/drain", {}, "node.drain"),
    ("DELETE", "/api/nodes/PC-02", None, "node.delete"),
    ("POST", "/api/nodes/scan", {}, "scan.create"),
    ("PATCH", "/api/devices/1", {"label": "Lobby"}, "device.change"),
    ("POST", "/api/devices/1/swap", {"with": 2}, "device.swap"),
    ("POST", "/api/devices/1/quarantine", {"reason": "swollen"}, "device.quarantine"),
    ("DELETE", "/api/devices/1/quarantine", None, "device.end_quarantine"),
    ("POST", "/api/devices/3/release", {}, "device.release"),
    ("PUT", "/api/settings", {"policy": {"retry_count": 1}}, "settings.change"),
    ("PUT", "/api/content/source", {"daily_units": 5000}, "content.source"),
    ("POST", "/api/content", {"url": "https://youtu.be/dQw4w9WgXcQ"}, "content.register"),
    ("PATCH", "/api/content/{content}", {"tags": ["lobby"]}, "content.change"),
    ("DELETE", "/api/content/{content}", None, "content.archive"),
    ("POST", "/api/content/{content}/restore", None, "content.restore"),
    ("POST", "/api/tokens", {"name": "CI", "role": "viewer"}, "token.issue"),
    ("DELETE", "/api/tokens/{token}", None, "token.revoke"),
    ("POST", "/api/users", {"name": "lee", "password": SECRET}, "user.create"),
    ("PATCH", "/api/users/{user}", {"role": "viewer"}, "user.role"),
    ("PATCH", "/api/users/{user}", {"is_active": False}, "user.deactivate"),
)
_NOT_HERE = frozenset(
    {
        "/api/playbooks/import",  # saves as POST /api/playbooks does
        "/api/playbooks/presets",
        "/api/presets/{preset}/plan",  # changes nothing
        "/api/presets/{preset}/runs",  # starts a run as POST /api/runs does
        "/api/notifications/deliveries/{delivery_id}/redeliver",  # tests/server/test_notifications.py
        "/api/schedules/preview",  # changes nothing
        "/api/runs",  # in the story above
        "/api/runs/plan",  # changes nothing
        "/api/runs/{run_id}/rerun",
        "/api/runs/{run_id}/rollout/abort",  # tests/server/test_rollouts.py
        "/api/runs/{run_id}/rollout/resume",
        "/api/runs/{run_id}/stop",
        "/api/devices/by-id/{device_id}",  # as PATCH /api/devices/{index}
        "/api/devices/conflicts/{conflict_id}/resolve",  # tests/engine
        "/api/users/me/password",  # tests/engine
        "/api/content/preview",  # changes nothing
        "/api/content/seen",  # tests/server/test_content.py, as all of channels, which need a source
        "/api/content/{item_id}/seen",
        "/api/channels",
        "/api/channels/{channel_id}",
        "/api/channels/{channel_id}/sync",
    }
)


def test_every_change_leaves_a_line_of_who_and_from_where(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await rack(api)
            admin = await api.person(name="kim")
            known = {"other": (await api.make("/api/command-assets", {"title": "O", **SHELL}))["id"]}
            steps = [{"asset_id": known["other"]}]
            known["book"] = (await api.make("/api/playbooks", {"title": "B", "steps": steps}))["id"]
            known["hook"] = (await api.make("/api/notifications/channels", HOOK))["channel"]["id"]
            for method, path, body, action in CHANGES:
                before = (await lines(api, limit="1"))[0]["id"]
                for name, value in known.items():
                    path = path.replace(f"{{{name}}}", value)
                    body = None if body is None else json.loads(json.dumps(body).replace(f"{{{name}}}", value))
                api.clock.advance(1_000)
                answer = await admin.send(method, path, **({} if body is None else {"json": body}))
                assert answer.status_code < 300, (method, path, answer.text)
                fresh = [line for line in await lines(api, limit="20") if line["id"] > before]
                assert [line["action"] for line in fresh] == [action], (method, path)
                assert (fresh[0]["actor"], fresh[0]["remote_addr"]) == ("user:kim", "127.0.0.1")
                made = answer.json() if answer.content else {}
                known |= {action.partition(".")[0]: made["id"]} if method == "POST" and "id" in made else {}

            assert SECRET.replace(" ", "-") not in (await api.get("/api/audit", params={"limit": 500})).text
            assert SECRET not in (await api.get("/api/audit", params={"limit": 500})).text

    asyncio.run(story())


def test_no_route_that_changes_something_was_forgotten(server: ServerPlace) -> None:
    from rackhand.server.app import MODULES

    listed = {(method, path.replace("PC-02", "{node_id}")) for method, path, *_ in CHANGES}
    shapes = {(m, "/".join("{}" if p.startswith("{") or p.isdigit() else p for p in x.split("/"))) for m, x in listed}
    for module in MODULES:
        for handler in module.handlers:
            declared = handler.opt["operation"]
            for path in handler.paths:
                plain = "/".join(f"{{{p[1:].partition(':')[0]}}}" if p.startswith("{") else p for p in path.split("/"))
                if declared.is_page or not isinstance(declared.role, Role) or plain in _NOT_HERE:
                    continue
                shape = "/".join("{}" if p.startswith("{") else p for p in plain.split("/"))
                assert all((method, shape) in shapes for method in handler.http_methods - {"GET", "HEAD", "OPTIONS"})


def test_lines_can_be_filtered_and_paged(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            kim = await api.person(name="kim")
            for name in "abcde":
                api.clock.advance(60_000)
                await (kim if name in "ace" else api).post("/api/tokens", json={"name": name, "role": "viewer"})

            names = [line["detail"]["name"] for line in await lines(api, action="token", actor="user:kim")]
            assert names == ["e", "c", "a"]
            since = await lines(api, action="token.issue", since="2026-11-22T10:02:00Z", until="2026-11-22T10:04:00Z")
            assert [line["detail"]["name"] for line in since] == ["c", "b"]
            assert await lines(api, action="token.issu") == []
            assert await lines(api, until="2026-11-22") == []
            page = (await api.get("/api/audit", params={"action": "token", "limit": 3})).json()
            rest = (await api.get("/api/audit", params={"action": "token", "cursor": page["next_cursor"]})).json()
            assert [line["detail"]["name"] for line in page["items"] + rest["items"]] == list("edcba")
            assert (await api.get("/api/audit", params={"since": "yesterday"})).status_code == 422
            assert (await api.get("/api/audit", params={"cursor": "x"})).status_code == 422

    asyncio.run(story())


def test_a_program_may_copy_the_log_without_any_power(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            copier = await api.role(Role.ADMIN, Scope.READ)

            assert (await lines(copier))[0]["action"] == "token.issue"
            assert (await copier.post("/api/tokens", json={"name": "x", "role": "admin"})).status_code == 403

    asyncio.run(story())


def test_the_page_shows_filters_and_escapes_what_people_typed(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await rack(api)
            admin = await api.person(name="kim")
            await admin.patch("/api/devices/1", json={"label": "<b>bold</b>"})
            run = {"steps": [SHELL], "target": {"scope": "all"}, "params": {"word": "x"}, "title": "Greet"}
            made = (await admin.post("/api/runs", json=run)).json()

            shown = (await admin.get("/settings/audit")).text
            assert "&lt;b&gt;bold" in shown
            assert "<b>bold" not in shown
            assert f'href="/runs/{made["id"]}"' in shown
            assert "input text {{ params.word }}" in shown
            korean = (await admin.get("/settings/audit?lang=ko&action=run&actor=user:kim")).text
            assert "감사 기록" in korean
            assert "device.change" not in korean
            wrong = await admin.get("/settings/audit?since=yesterday")
            assert wrong.status_code == 422
            assert "must be a date" in wrong.text or "날짜" in wrong.text
            assert (await (await api.person(Role.OPERATOR)).get("/settings/audit")).status_code == 403

    asyncio.run(story())


def test_nobody_rewrites_a_line_and_only_retention_deletes_old_ones(database: DatabasePlace) -> None:
    def rewrite(tx: Tx) -> None:
        tx.conn.execute(update(table).values(actor="user:somebody-else"))

    def remove(tx: Tx) -> None:
        tx.conn.execute(delete(table))

    def truncate(tx: Tx) -> None:
        tx.conn.execute(text("TRUNCATE audit_log"))

    def actions(tx: Tx) -> list[str]:
        return list(tx.conn.execute(select(table.c.action).order_by(table.c.at)).scalars())

    def keep_for(tx: Tx, days: int | None) -> None:
        retention = {"run_days": None, "event_days": 30, "audit_days": days}
        preferences.change(tx, SYSTEM, {"policy": None, "limits": None, "retention": retention})

    async def story() -> None:
        async with database.started() as db:
            await db.write(keep_for, None)
            for change in (rewrite, remove, *([truncate] if db.dialect == "postgresql" else [])):
                with pytest.raises(DBAPIError, match="append-only"):
                    await db.write(change)
            database.clock.advance(40 * DAY_MS)
            assert await db.write(audit_log.forget) == 0, "for ever, unless somebody says otherwise"
            await db.write(keep_for, 30)

            assert await db.write(audit_log.forget) == 1
            assert await db.write(audit_log.forget) == 0
            assert await db.read(actions) == ["settings.change"]
            with pytest.raises(DBAPIError, match="append-only"):
                await db.write(remove)

    asyncio.run(story())
