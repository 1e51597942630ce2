"""Stories of the dashboard: figures over runs that really happened, and none over an empty fleet."""

from collections.abc import Callable

import pytest

from rackhand.engine import dashboard
from rackhand.engine.fake import Lab


def test_an_empty_fleet_has_no_rates_and_empty_lists(in_lab: Callable[..., None]) -> None:
    async def story(lab: Lab) -> None:
        shown = await lab.db.read(dashboard.read)
        assert (shown.kpis.devices, shown.kpis.step_success_rate, shown.kpis.median_device_run_ms) == (0, None, None)
        assert (shown.todo, shown.heatmap.packed, shown.recent_runs) == ((), "", ())
        assert len(shown.series) == 24

    in_lab(story)


def test_figures_follow_what_ran(in_lab: Callable[..., None]) -> None:
    async def story(lab: Lab) -> None:
        reported = await lab.node("PC-01", 3)
        reported[2].online = False
        await lab.beat("PC-01", reported)
        playbook = await lab.playbook({"kind": "screenshot"})
        run = await lab.run(playbook, policy={"concurrency": 2})
        first, second = (await lab.pull("PC-01")).jobs
        await lab.execute("PC-01", first)
        await lab.execute("PC-01", second, "failed")
        shown = await lab.db.read(dashboard.read)
        kpis = shown.kpis
        assert (kpis.devices, kpis.online_devices, kpis.attention_devices) == (3, 2, 2)
        assert (kpis.runs, kpis.open_runs, kpis.steps, kpis.failed_steps) == (1, 0, 2, 1)
        assert (kpis.step_success_rate, kpis.median_device_run_ms) == (0.5, 0)
        last = shown.series[-1]
        assert (last.runs, last.steps, last.failed_steps, last.offline) == (1, 2, 1, 1)
        assert sum(hour.runs for hour in shown.series) == 1
        assert shown.heatmap.packed == "cb0"
        assert [todo.kind for todo in shown.todo] == ["device_error", "devices_offline"]
        assert [(brief.id, brief.status.value) for brief in shown.recent_runs] == [(run.view.id, "partial")]

    in_lab(story)


def test_what_is_older_than_the_window_does_not_count(in_lab: Callable[..., None]) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 1)
        await lab.run(await lab.playbook())
        (job,) = (await lab.pull("PC-01")).jobs
        await lab.execute("PC-01", job)
        lab.clock.advance(2 * 3_600_000)
        assert (await lab.db.read(dashboard.read, "1h")).kpis.runs == 0
        assert (await lab.db.read(dashboard.read, "3h")).kpis.runs == 1
        assert len((await lab.db.read(dashboard.read, "7d")).series) == 168

    in_lab(story)


@pytest.mark.parametrize("window", ["", "24", "0h", "1000h", "24h\n", "week"])
def test_a_window_is_hours_or_days(window: str) -> None:
    with pytest.raises(ValueError, match="not a window"):
        dashboard.hours_of(window)


def test_trends_come_from_a_look_each_minute(in_lab: Callable[..., None]) -> None:
    async def story(lab: Lab) -> None:
        reported = await lab.node("PC-01", 3)
        await lab.sweep()
        reported[2].online = False
        await lab.beat("PC-01", reported)
        lab.clock.advance(1_000)
        await lab.sweep()
        assert (await lab.db.read(dashboard.read)).series[-1].online_devices == 3, "not looked again in this minute"
        for _ in range(20):
            lab.clock.advance(3_000)
            await lab.beat("PC-01", reported)
            await lab.sweep()
        last = (await lab.db.read(dashboard.read)).series[-1]
        assert (last.devices, last.online_devices, last.attention_devices) == (3, 2, 1)
        assert (await lab.db.read(dashboard.read)).series[0].online_devices is None, "nobody looked then"

    in_lab(story)
