"""Stories of the workspace's settings: defaults of later runs, and history that goes when its time is over."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rackhand.core.errors import Invalid
from rackhand.core.schema import parse
from rackhand.engine import preferences
from rackhand.engine.access import SYSTEM
from rackhand.engine.fake import Lab
from rackhand.engine.preferences import DAY_MS, PREFERENCES
from rackhand.server.retention import remove_old
from rackhand.store import retention, runs
from rackhand.store.blobs import DirectoryBlobs
from rackhand.store.retention import OldRuns


def test_a_run_gets_what_it_does_not_say_from_the_workspace(in_lab: Callable[..., None]) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 1)
        playbook = await lab.playbook()
        body = parse(PREFERENCES, {"policy": {"concurrency": 7, "grace_wait_ms": 5_000}})
        await lab.db.write(preferences.change, SYSTEM, body)
        run = await lab.run(playbook, policy={"grace_wait_ms": 1_000})
        stored = (await lab.view(run.view.id)).policy
        assert (stored["concurrency"], stored["grace_wait_ms"], stored["timeout_ms"]) == (7, 1_000, 90_000)
        await lab.db.write(preferences.change, SYSTEM, parse(PREFERENCES, {"policy": {}}))
        assert (await lab.db.read(preferences.read)).policy.concurrency == 1
        assert (await lab.view(run.view.id)).policy["concurrency"] == 7, "a run keeps what it was made with"

    in_lab(story)


def test_one_part_changes_without_the_other(in_lab: Callable[..., None]) -> None:
    async def story(lab: Lab) -> None:
        await lab.db.write(preferences.change, SYSTEM, parse(PREFERENCES, {"retention": {"run_days": 90}}))
        await lab.db.write(preferences.change, SYSTEM, parse(PREFERENCES, {"policy": {"concurrency": 2}}))
        found = await lab.db.read(preferences.read)
        assert (found.policy.concurrency, found.retention.run_days, found.retention.event_days) == (2, 90, 30)

    in_lab(story)


@pytest.mark.parametrize(
    "body", [{"retention": {"event_days": 1}}, {"retention": {"run_days": 0}}, {"policy": {"x": 1}}]
)
def test_what_would_lose_events_or_make_no_sense_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        parse(PREFERENCES, body)


def test_old_final_runs_go_with_everything_below_them(in_lab: Callable[..., None], tmp_path: Path) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 2)
        playbook = await lab.playbook()
        old = await lab.run(playbook)
        for job in (await lab.pull("PC-01")).jobs:
            await lab.execute("PC-01", job)
        (job,) = (await lab.pull("PC-01")).jobs
        await lab.execute("PC-01", job)
        is_open = await lab.run(playbook)
        lab.clock.advance(91 * DAY_MS)
        young = await lab.run(playbook, {"scope": "indexes", "indexes": "2"})
        blobs = DirectoryBlobs(tmp_path)
        assert await remove_old(lab.db, blobs) == 0, "kept for ever unless somebody says otherwise"
        await lab.db.write(preferences.change, SYSTEM, parse(PREFERENCES, {"retention": {"run_days": 90}}))
        assert await remove_old(lab.db, blobs) == 1
        left = [run for run in (old, is_open, young) if await lab.db.read(runs.get, run.view.id) is not None]
        assert left == [is_open, young]
        assert await lab.db.read(retention.old_runs, lab.clock.at) == OldRuns()
        assert await remove_old(lab.db, blobs) == 0, "a second pass finds nothing"

    in_lab(story)
