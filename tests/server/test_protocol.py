"""Nodes are upgraded one after the other: what an agent of each accepted protocol said once is understood for ever, and
what it was answered has the shape it knows. The recordings are made by tools/record_protocol.py."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tools.record_protocol import SEED, STEPS

from rackhand.engine.fake import Lab
from rackhand.server.fake import Api, ServerPlace
from rackhand.wire.messages import SPOKEN, BatchAnswer, PullAnswer, SingleAnswer

RECORDS = Path(__file__).parent.parent / "wire" / "protocol"


def calls(version: int) -> list[dict[str, Any]]:
    lines = (RECORDS / f"{version}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def shape_of(answer: dict[str, Any]) -> Any:
    return PullAnswer if "jobs" in answer else BatchAnswer if "results" in answer else SingleAnswer


def test_every_accepted_protocol_is_recorded() -> None:
    assert {path.stem for path in RECORDS.glob("*.jsonl")} >= set(map(str, SPOKEN))


@pytest.mark.parametrize("version", SPOKEN)
def test_an_agent_of_an_accepted_protocol_is_understood(server: ServerPlace, version: int) -> None:
    async def story() -> None:
        async with server.open() as api:
            node = await api.node("PC-01")
            beat, pull, *rest = calls(version)
            await tell(node, version, beat, {})
            lab = Lab(api.db, api.clock)
            created = await lab.run(await lab.playbook(*STEPS), seed=SEED)
            (job,) = (await tell(node, version, pull, {}))["jobs"]
            names = {"{RUN}": created.view.id, "{LEASE}": job["lease"]["token"], "{FILE}": "file-"}
            for call in rest:
                await tell(node, version, call, names)
            await judge(api, created.view.id)

    asyncio.run(story())


async def tell(node: Api, version: int, call: dict[str, Any], names: dict[str, str]) -> Any:
    """Say it again; the answer has what the recorded one had, and what this agent reads in it."""
    text = json.dumps(call)
    for name, value in names.items():
        text = text.replace(name, value)
    said = json.loads(text)
    answer = await node.post(said["path"], json=said["body"], headers={"X-Rackhand-Protocol": str(version)})
    assert answer.status_code == 200, answer.text
    known, now = said["answer"], answer.json()
    assert known.keys() <= now.keys()
    assert [r["status"] for r in now.get("results", [])] == [r["status"] for r in known.get("results", [])]
    for old, new in zip(known.get("jobs", []), now.get("jobs", []), strict=True):
        assert old.keys() <= new.keys()
        assert old["steps"][0].keys() <= new["steps"][0].keys()
    msgspec.convert(now, shape_of(known))
    msgspec.convert(known, shape_of(known))
    return now


async def judge(api: Api, run_id: str) -> None:
    """All that was reported is stored."""
    view = (await api.get(f"/api/runs/{run_id}")).json()
    assert (view["run"]["status"], view["counts"]["succeeded"]) == ("succeeded", 1)
    device = (await api.get(f"/api/runs/{run_id}/devices/1")).json()
    found = [
        (step["step_index"], attempt["attempt"], attempt["status"], attempt["exit_code"])
        for step in device["steps"]
        for attempt in step["attempts"]
    ]
    assert found == [
        (0, 1, "succeeded", 0),
        (1, 1, "skipped", None),
        (2, 1, "failed", 3),
        (2, 2, "failed", 3),
        (3, 1, "succeeded", None),
    ]
    assert sorted(artifact["kind"] for artifact in device["artifacts"]) == ["log", "screenshot"]
