"""Stories of devices in trouble: waiting, coming back, not coming back; each ends with its own clear message."""

import asyncio
from typing import Any

import pytest

from rackhand.agent.fake import make_step

LONG = 60_000


def shell(command: str, **fields: Any) -> dict[str, Any]:
    return make_step("shell", params={"command": command}, **{"timeout_ms": LONG, **fields})


def waiting(r: Any) -> list[Any]:
    return [progress for progress in r.server.of("task_progress") if progress.status == "waiting"]


def test_a_freeze_shorter_than_the_grace_lets_the_step_go_on(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            step = shell("touch /sdcard/began; while [ ! -f /sdcard/go ]; do sleep 0.02; done; echo done")
            job = r.server.give("SIM00001", step, policy={"grace_wait_ms": 30_000})
            await r.server.until(lambda: r.device().files.get("/sdcard/began"))
            r.fleet.fault(1, "freeze")
            await r.server.until(lambda: waiting(r))
            r.fleet.clear(1, "freeze")
            await r.server.until(lambda: r.server.of("task_progress")[-1].status == "running")
            r.device().files.write("/sdcard/go", b"")
            end = await r.server.finished(job)

            assert end.status == "succeeded"
            assert r.server.steps(job) == [(0, 1, "succeeded")]
            assert waiting(r)[0].reason == "device stopped answering at step 1 (Run a shell command)"
            assert 0 < waiting(r)[0].grace_left_ms <= 30_000

    asyncio.run(story())


@pytest.mark.parametrize("fault", ["freeze", "mute"])
def test_a_device_that_never_answers_again_fails_after_the_grace(rack: Any, fault: str) -> None:
    async def story() -> None:
        async with rack(devices=2) as r:
            steps = [shell("echo 1"), shell("echo begun; sleep 600", title="Take a nap", on_failure="continue")]
            job = r.server.give("SIM00001", *steps, policy={"grace_wait_ms": 400})
            await r.server.until(lambda: [u for u in r.server.of("run_step_update") if u.output_tail == "begun\n"])
            r.fleet.fault(1, fault)
            end = await r.server.finished(job)
            other = r.server.give("SIM00002", shell("echo fine"))

            assert end.status == "failed"
            assert end.error_message == "device stopped answering at step 2 (Take a nap); waited 0.4 s"
            assert r.server.steps(job) == [(0, 1, "succeeded"), (1, 1, "aborted")]
            assert len(waiting(r)) > 1
            assert (await r.server.finished(other)).status == "succeeded"

    asyncio.run(story())


def test_an_unplugged_device_fails_after_the_grace(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            job = r.server.give("SIM00001", shell("echo begun; sleep 600"), policy={"grace_wait_ms": 400})
            await r.device().journal.wait_for("command", text="echo $$\necho begun; sleep 600")
            r.fleet.fault(1, "refuse")
            end = await r.server.finished(job)

            assert end.error_message == ("device was disconnected at step 1 (Run a shell command); waited 0.4 s")
            assert r.server.steps(job) == [(0, 1, "aborted")]

    asyncio.run(story())


def test_a_once_step_of_unknown_outcome_is_not_repeated(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            job = r.server.give("SIM00001", shell("echo begun; sleep 600", retry_count=5))
            await r.device().journal.wait_for("command", text="echo $$\necho begun; sleep 600")
            r.fleet.fault(1, "fin")
            end = await r.server.finished(job)

            assert end.status == "failed"
            assert end.error_message.startswith("step 1 (Run a shell command) aborted:")
            assert r.server.steps(job) == [(0, 1, "aborted")]
            assert sum("sleep 600" in command for command in r.device().journal.commands()) == 1

    asyncio.run(story())


def test_a_repeatable_step_of_unknown_outcome_is_repeated_within_its_budget(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            command = "if [ -f /sdcard/m ]; then echo ok; else touch /sdcard/m; sleep 600; fi"
            job = r.server.give("SIM00001", shell(command, effect="repeatable", retry_count=1))
            await r.server.until(lambda: r.device().files.get("/sdcard/m"))
            r.fleet.fault(1, "fin")

            assert (await r.server.finished(job)).status == "succeeded"
            assert r.server.steps(job) == [(0, 1, "aborted"), (0, 2, "succeeded")]

    asyncio.run(story())


def test_a_device_that_restarts_in_mid_step_says_so(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            job = r.server.give("SIM00001", shell("echo begun; sleep 600"))
            await r.device().journal.wait_for("command", text="echo $$\necho begun; sleep 600")
            r.fleet.fault(1, "reboot", down_ms=100, boot_ms=100)
            end = await r.server.finished(job)

            assert end.status == "failed"
            assert "the device restarted meanwhile" in end.error_message

    asyncio.run(story())


def test_the_adb_server_going_away_is_named(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            job = r.server.give("SIM00001", shell("echo begun; sleep 600"), policy={"grace_wait_ms": 300})
            await r.device().journal.wait_for("command", text="echo $$\necho begun; sleep 600")
            await r.fleet.servers[0].stop()
            end = await r.server.finished(job)

            assert end.error_message == "adb server went away at step 1 (Run a shell command); waited 0.3 s"

    asyncio.run(story())


def test_a_device_that_is_not_there_fails_without_an_attempt(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            job = r.server.give("UNKNOWN", shell("echo 1"), policy={"grace_wait_ms": 50})
            end = await r.server.finished(job)

            assert end.error_message == "device was disconnected at step 1 (Run a shell command); waited 0.05 s"
            assert r.server.steps(job) == []

    asyncio.run(story())


def test_a_step_that_restarts_the_device_is_no_trouble(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            job = r.server.give("SIM00001", make_step("reboot", timeout_ms=LONG), shell("echo up"))
            end = await r.server.finished(job)

            assert end.status == "succeeded"
            assert waiting(r) == []

    asyncio.run(story())
