"""Secrets of runs: sealed where they are stored, in the clear for the node of the run, asked for by name."""

import asyncio
import os
from pathlib import Path
from typing import Any

from sqlalchemy import select

from rackhand.engine.fake import Lab
from rackhand.server.fake import Api, ServerPlace
from rackhand.server.vault import FILE, open_vault
from rackhand.store.db import Tx
from rackhand.store.tables import idempotency_keys, run_secrets
from rackhand.wire.messages import Job, JobDevice, LeaseGrant

PIN = "4711-0815"
STEP: dict[str, Any] = {"kind": "shell", "params": {"command": "input text {{ secrets.pin }}"}}
RUN = {"steps": [STEP], "target": {"scope": "indexes", "indexes": "1"}, "secrets": {"pin": PIN}}
KEY = "a key that two replicas share, 32+"


async def rack(api: Api) -> Api:
    """A device on PC-01, and the node."""
    await Lab(api.db, api.clock).node("PC-01", 1)
    return api.using((await api.post("/api/nodes/PC-01/rotate")).json()["token"])


async def jobs(node: Api) -> list[dict[str, Any]]:
    return list((await node.post("/api/nodes/pull", json={"node_id": "PC-01", "max_jobs": 5})).json()["jobs"])


def stored(tx: Tx) -> list[str]:
    sealed = tx.conn.execute(select(run_secrets.c.sealed)).scalars()
    return [*sealed, *tx.conn.execute(select(idempotency_keys.c.request_hash)).scalars()]


def test_the_node_gets_a_secret_and_nobody_else_does(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            node = await rack(api)
            made = await api.post("/api/runs", json=RUN, headers={"Idempotency-Key": "k1"})
            run = made.json()["id"]

            assert (await jobs(node))[0]["secrets"] == {"pin": PIN}
            assert not any(PIN in text for text in await api.db.read(stored))
            shown = (await api.get(f"/api/runs/{run}")).json()
            assert shown["secrets"] == ["pin"]
            assert PIN not in str(shown)
            again = await api.post("/api/runs", json=RUN, headers={"Idempotency-Key": "k1"})
            assert again.headers["idempotency-replayed"] == "true"

    asyncio.run(story())


def test_a_rerun_has_the_secrets_of_its_run(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            node = await rack(api)
            run = (await api.make("/api/runs", RUN))["id"]
            await api.post(f"/api/runs/{run}/stop")
            again = (await api.make(f"/api/runs/{run}/rerun", {"outcomes": ["stopped"]}))["id"]

            (job,) = await jobs(node)
            assert (job["run_id"], job["secrets"]) == (again, {"pin": PIN})

    asyncio.run(story())


WRONG: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"secrets": {}}, "/steps/0/params/command", "uses secrets.pin, which the run gives no value"),
    ({"secrets": {}, "params": {"pin": PIN}}, "/steps/0/params/command", "uses secrets.pin"),
    ({"secrets": {"pin": "123"}}, "/secrets/pin", "must have at least 4 characters"),
    ({"secrets": {"p-n": PIN}}, "/secrets/p-n", "must be a name of letters"),
)


def test_a_run_without_its_secrets_is_refused(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await rack(api)
            for change, path, message in WRONG:
                answer = await api.post("/api/runs", json=RUN | change)

                assert answer.status_code == 422
                error = answer.json()["errors"][0]
                assert (error["path"], message in error["message"]) == (path, True)
                assert PIN not in answer.text

    asyncio.run(story())


def test_the_pages_ask_for_secrets_and_never_show_them_again(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await rack(api)
            kim = await api.person()
            asset = (await api.make("/api/command-assets", {"title": "Unlock", **STEP}))["id"]
            shown = (await kim.get(f"/commands/{asset}")).text
            assert 'name="/secrets/pin"' in shown
            assert 'type="password"' in shown

            refused = await kim.post(f"/commands/{asset}/try", data={"/index": "99", "/secrets/pin": PIN})
            assert (refused.status_code, PIN in refused.text) == (422, False)
            tried = await kim.post(f"/commands/{asset}/try", data={"/index": "1", "/secrets/pin": PIN})
            assert (tried.status_code, PIN in (await kim.get(tried.headers["location"])).text) == (303, False)

            command = {"/steps/0/asset_id": asset, "/steps/0/params/command": STEP["params"]["command"]}
            draft = command | {"/run/target/scope": "all", "/run/secrets/pin": PIN}
            plan = (await kim.post("/playbooks/preview", data=draft)).text
            assert ('name="/run/secrets/pin"' in plan, PIN in plan) == (True, False)
            started = await kim.post("/playbooks", data=draft | {"do": "run"})
            assert (started.status_code, PIN in (await kim.get(started.headers["location"])).text) == (303, False)
            assert not any(PIN in text for text in await api.db.read(stored))

    asyncio.run(story())


def job_with(sealed: dict[str, str]) -> Job:
    lease = LeaseGrant(token="t", epoch=1, ttl_ms=1, expires_at="2026-11-22T10:00:00Z")
    device = JobDevice(index=1, serial="S", runtime_handle="S")
    whole: dict[str, Any] = {"steps": [], "first_step_index": 0, "dice_index": 1, "seed": 1, "policy": {}, "params": {}}
    return Job(lease=lease, run_id="r", device=device, secrets=sealed, **whole)


def test_replicas_with_the_same_setting_open_each_other_s_secrets(tmp_path: Path) -> None:
    job = job_with(dict(open_vault(KEY, tmp_path / "one").seal({"pin": PIN})))
    assert PIN not in str(job.secrets)

    open_vault(KEY, tmp_path / "two").open(job)

    assert job.secrets == {"pin": PIN}
    assert not (tmp_path / "one").exists(), "no file where the setting is"


def test_another_key_opens_nothing_and_breaks_nothing(tmp_path: Path) -> None:
    job = job_with(dict(open_vault(KEY, tmp_path).seal({"pin": PIN})))

    open_vault("", tmp_path).open(job)

    assert job.secrets == {}


def test_the_key_of_the_data_folder_is_made_once_and_is_private(tmp_path: Path) -> None:
    first, second = open_vault("", tmp_path), open_vault("", tmp_path)
    job = job_with(dict(first.seal({"pin": PIN})))

    second.open(job)

    assert job.secrets == {"pin": PIN}
    assert first.fingerprint(b"body") == second.fingerprint(b"body") != first.fingerprint(b"another")
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert os.name == "nt" or (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
