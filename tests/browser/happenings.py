"""What may happen to the fleet of fleet.py while somebody looks at it, and how its things are called.

Belongs here: changes and lookups that several test files need. Must not: what a page shows of them.
"""

import hashlib
import os
from collections.abc import AsyncIterator, Sequence

from rackhand.core.ids import uuid7
from rackhand.engine import artifacts, catalog, devices, playbooks, rollouts, run_views
from rackhand.engine.access import SYSTEM
from rackhand.engine.fake import Lab, phone
from rackhand.engine.run_views import RunView
from rackhand.server.fake_site import Site
from rackhand.sim.screen import Screen

FIRST = 20
"""PC-01 has the devices 1 to 20, and the last two of them are offline."""


def lose(site: Site, *indexes: int) -> None:
    """Nobody but these devices of PC-01 is offline."""

    async def beat(lab: Lab) -> None:
        await lab.beat("PC-01", [phone(f"PC-01-S{i:03d}", online=i not in indexes) for i in range(1, FIRST + 1)])

    site.do(beat)


def run_named(site: Site, title: str) -> RunView:
    """The newest run whose title starts so."""

    async def find(lab: Lab) -> RunView:
        found = await lab.db.read(run_views.list_runs, limit=50, after=None, filters={})
        return next(run for run in found if run.title.startswith(title))

    return site.do(find)


def playbook_named(site: Site, title: str) -> str:
    """The id of the playbook with this title."""

    async def find(lab: Lab) -> str:
        found = await lab.db.read(playbooks.list_playbooks, {"limit": 50, "cursor": None, "q": title})
        return found.items[0].id

    return site.do(find)


def command_named(site: Site, title: str) -> str:
    """The id of the first command with this title."""

    async def find(lab: Lab) -> str:
        query = {"limit": 50, "cursor": None, "q": title, "folder": None, "kind": None}
        return (await lab.db.read(catalog.list_assets, query)).items[0].id

    return site.do(find)


def picture(label: str) -> bytes:
    """A screenshot of a phone with this label."""
    return Screen(label, "com.example.player").picture(0, 80)


def photographed(site: Site, title: str, index: int, shots: Sequence[bytes], said: str = "") -> str:
    """The id of a run of one device of PC-01 that ended with these screenshots, and with `said` as its output."""

    async def story(lab: Lab) -> str:
        playbook = await lab.playbook({"kind": "screenshot"}, title=title)
        run = await lab.run(playbook, {"scope": "indexes", "indexes": str(index)}, title=title)
        job = (await lab.pull("PC-01")).jobs[0]
        facts = [_facts(lab, number, shot) for number, shot in enumerate(shots)]
        declared = [lab.event("PC-01", job, "artifact_created", at, **fact) for at, fact in enumerate(facts, 2)]
        seq = len(facts) + 2
        lines = said.count("\n")
        ended = lab.step("PC-01", job, seq, 0, "succeeded", exit_code=0, output_tail=said, output_lines=lines)
        await lab.report(lab.started("PC-01", job), *declared, ended)
        await lab.report(lab.event("PC-01", job, "task_finished", seq + 1, status="succeeded"))
        for fact, shot in zip(facts, shots, strict=True):
            blob = await site.parts.artifacts.put(f"{job.run_id}/a{fact['artifact_id']}", _once(shot), max_size=10**7)
            await lab.db.write(artifacts.finish_upload, str(fact["artifact_id"]), blob.key, blob.size)
        return run.view.id

    return site.do(story)


async def _halted(lab: Lab) -> str:
    node = "PC-09"
    await lab.node(node, 6)
    playbook = await lab.playbook(title="New firmware")
    target = {"scope": "nodes", "nodes": [node]}
    run = await lab.run(playbook, target, rollout={"waves": [1, 3]}, title="New firmware")
    await lab.execute(node, (await lab.pull(node)).jobs[0], "failed")
    await lab.db.write(rollouts.advance, run.view.id)
    return run.view.id


def halted_rollout(site: Site) -> str:
    """The id of a rollout over the phones of a node of its own, PC-09; its canary has failed. Made once a site."""

    async def find(lab: Lab) -> str:
        found = await lab.db.read(run_views.list_runs, limit=50, after=None, filters={"q": "New firmware"})
        return found[0].id if found else await _halted(lab)

    return site.do(find)


def quarantined(site: Site) -> int:
    """The number of a device that a person has put into quarantine."""
    index = 18

    async def act(lab: Lab) -> None:
        await lab.db.write(devices.quarantine, SYSTEM, index, {"reason": "its battery is swollen"})

    site.do(act)
    return index


def _facts(lab: Lab, number: int, shot: bytes) -> dict[str, object]:
    return {
        "artifact_id": uuid7(lab.clock.at, number.to_bytes(2) + os.urandom(8)),
        "step_index": 0,
        "kind": "screenshot",
        "content_type": "image/png",
        "size": len(shot),
        "sha256": hashlib.sha256(shot).hexdigest(),
    }


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
