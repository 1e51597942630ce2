"""Following a run until it is final: polls, shows progress, and stays through a restart of the server."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rackhand.cli.outcome import Unreachable, say
from rackhand.cli.progress import Show
from rackhand.core.errors import Busy
from rackhand.core.states import DEVICE_RUN, RUN, DeviceRunStatus, RunStatus

if TYPE_CHECKING:
    from rackhand.cli.client import Client

POLL_S = 0.5
PATIENCE_S = 120.0


def follow(
    client: "Client",
    run_id: str,
    show: Show,
    *,
    check: Callable[[], None] = lambda: None,
    patience_s: float = PATIENCE_S,
) -> dict[str, Any]:
    """The run as it ended. Unreachable if the server is away for longer than `patience_s`; `check` may raise."""
    rev: int | None = None
    away_since: float | None = None
    halted = ""
    while True:
        check()
        try:
            seen = client.get(f"/api/runs/{run_id}", {"since": rev})
            away_since = None
        except (Unreachable, Busy) as error:
            away_since = _bear(error, away_since, patience_s)
            seen = None
        if seen is not None:
            rev = seen["rev"]
            told = (describe_wave(seen["run"]), describe(seen["counts"]))
            show(count_final(seen["counts"]), ", ".join(filter(None, told)))
            halted = _tell_halt(seen["run"], halted)
            if RUN.is_final(RunStatus(seen["run"]["status"])):
                return dict(seen["run"])
        time.sleep(POLL_S)


def _tell_halt(run: dict[str, Any], told: str) -> str:
    """Say once why a rollout halted and what to do; what was said."""
    reason = run["rollout"]["reason"] if run.get("rollout_state") == "halted" else ""
    if reason and reason != told:
        say(f"The rollout halted: {reason}")
        say(f"To go on: rackhand runs resume {run['id']}; to end it: rackhand runs abort {run['id']}")
    return reason or ""


def describe_wave(run: dict[str, Any]) -> str:
    """`wave 2 of 3`, and `halted` if it is; nothing without a rollout."""
    rollout = run.get("rollout")
    if not rollout:
        return ""
    halted = " halted" if run["rollout_state"] == "halted" else ""
    return f"wave {rollout['open_wave']} of {len(rollout['sizes'])}{halted}"


def _bear(error: Exception, away_since: float | None, patience_s: float) -> float:
    """Since when the server is away; raises when that is too long."""
    if away_since is None:
        say("the server does not answer; the run goes on without it, and so does the waiting")
        return time.monotonic()
    if time.monotonic() - away_since > patience_s:
        raise error
    return away_since


def count_final(counts: dict[str, int]) -> int:
    """How many devices are done, one way or the other."""
    return sum(n for name, n in counts.items() if name != "total" and DEVICE_RUN.is_final(DeviceRunStatus(name)))


def describe(counts: dict[str, int]) -> str:
    """`3 running, 1 waiting, 5 succeeded`: what is not zero, without what is still queued."""
    shown = [(status.value, counts.get(status.value, 0)) for status in DeviceRunStatus]
    return ", ".join(f"{n} {name}" for name, n in shown if n and name != "queued")
