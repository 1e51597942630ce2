"""Writes tests/wire/protocol/N.jsonl: what an agent of this version and a server of it say to each other in one run.

    python -m tools.record_protocol

Run it when PROTOCOL becomes a new number; the recording of a version that was released is never written again.
Names that differ each time (run, lease, artifact) stand as {RUN}, {LEASE}, {FILE}; events keep their ids.
"""

import asyncio
import json
import re
import tempfile
import time
from pathlib import Path
from typing import Any

from rackhand.agent import main as agent_main
from rackhand.agent.client import ServerClient
from rackhand.agent.fake import FAST
from rackhand.agent.settings import AgentSettings
from rackhand.engine import enrolment
from rackhand.engine.access import SYSTEM
from rackhand.server.fake_site import Site
from rackhand.sim.fleet import Fleet
from rackhand.wire.messages import PROTOCOL

RECORDS = Path(__file__).resolve().parent.parent / "tests" / "wire" / "protocol"
STEPS: tuple[dict[str, Any], ...] = (
    {"kind": "shell", "params": {"command": "echo one; echo two"}},
    {"kind": "wait", "params": {"duration_ms": 5}, "probability": 0},
    {"kind": "shell", "params": {"command": "exit 3"}, "on_failure": "continue", "retry_count": 1},
    {"kind": "screenshot"},
)
SEED = 7


class Recording(ServerClient):
    """The agent's client; keeps every call with its answer."""

    said: list[dict[str, Any]] = []  # noqa: RUF012 - one recording a process

    async def post(self, path: str, body: bytes, timeout_ms: int) -> bytes:
        answer = await super().post(path, body, timeout_ms)
        self.said.append({"path": path, "body": json.loads(body), "answer": json.loads(answer)})
        return answer


async def play(site: Site, folder: Path) -> str:
    """One run on one simulated device; the run's id."""
    token = (await ask(site, lambda lab: lab.db.write(enrolment.enrol, SYSTEM, {"id": "PC-01", "name": None}))).token
    async with Fleet(1) as fleet:
        settings = AgentSettings(site.url, "PC-01", token, folder, adb_port=fleet.server_port, periods=FAST)
        stop = asyncio.Event()
        site.clock.at = time.time_ns() // 1_000_000  # it stands still: the agent would report a clock that is off
        agent = asyncio.create_task(agent_main.run_agent(settings, stop))
        await until(lambda: any('"online": true' in json.dumps(call["body"]) for call in Recording.said))
        playbook = await ask(site, lambda lab: lab.playbook(*STEPS))
        created = await ask(site, lambda lab: lab.run(playbook, seed=SEED))
        site.parts.wakeups.wake("PC-01")
        await until(lambda: "task_finished" in json.dumps([call["body"] for call in Recording.said]))
        stop.set()
        await agent
    return str(created.view.id)


async def ask(site: Site, act: Any) -> Any:
    return await asyncio.to_thread(site.do, act)


async def until(found: Any) -> None:
    while not found():  # noqa: ASYNC110 - a tool may poll
        await asyncio.sleep(0.02)


def kept(said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the polls and beats that bring nothing new."""
    first, calls = True, []
    for call in said:
        is_beat = call["body"].get("type") == "device_heartbeat"
        is_empty = call["path"].endswith("pull") and not call["answer"]["jobs"]
        is_known = is_beat and ("devices" not in call["body"]["payload"] or not first)
        first = first and not (is_beat and call["body"]["payload"].get("devices"))
        if not (is_empty or is_known or (is_beat and not call["body"]["payload"]["devices"])):
            calls.append(call)
    return calls


def main() -> None:
    agent_main.ServerClient = Recording  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "site").mkdir()
        with Site(Path(scratch) / "site") as site:
            run_id = asyncio.run(play(site, Path(scratch) / "agent"))
    text = "".join(json.dumps(call, ensure_ascii=False) + "\n" for call in kept(Recording.said))
    lease = re.search(r'"token": "([^"]+)"', text)
    artifacts = sorted(set(re.findall(r'"artifact_id": "([^"]+)"', text)))
    assert lease is not None
    for found, name in (
        (run_id, "{RUN}"),
        (lease[1], "{LEASE}"),
        *((file, "{FILE}" + str(i)) for i, file in enumerate(artifacts)),
    ):
        text = text.replace(found, name)
    RECORDS.mkdir(parents=True, exist_ok=True)
    (RECORDS / f"{PROTOCOL}.jsonl").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
