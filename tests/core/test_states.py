"""States: every pair of every machine, drawn here once more by hand from DESIGN section 3."""

from enum import StrEnum
from typing import Any

import pytest

from rackhand.core.errors import IllegalMove
from rackhand.core.states import (
    ARTIFACT,
    DEVICE,
    DEVICE_RUN,
    FAILED_STEPS,
    ROLLOUT,
    RUN,
    SCAN,
    STEP,
    UNKNOWN_OUTCOMES,
    Machine,
    StepStatus,
    Verdict,
    move,
)

Case = tuple[Machine[Any], str, set[str]]
TABLE: list[Case] = [
    (
        RUN,
        """
        queued -> running stopping succeeded partial failed stopped
        running -> stopping succeeded partial failed stopped
        stopping -> stopped
        """,
        {"succeeded", "partial", "failed", "stopped"},
    ),
    (ROLLOUT, "rolling -> halted aborted done\nhalted -> rolling aborted", {"aborted", "done"}),
    (
        DEVICE_RUN,
        """
        queued -> running skipped_offline stopped failed lost
        running -> waiting succeeded failed stopped lost
        waiting -> running succeeded failed stopped lost
        """,
        {"succeeded", "failed", "stopped", "lost", "skipped_offline"},
    ),
    (
        STEP,
        """
        queued -> running skipped
        running -> succeeded failed timed_out aborted
        """,
        {"succeeded", "failed", "timed_out", "aborted", "skipped"},
    ),
    (
        SCAN,
        """
        queued -> running succeeded failed timed_out
        running -> succeeded failed timed_out
        """,
        {"succeeded", "failed", "timed_out"},
    ),
    (ARTIFACT, "pending -> stored missing", {"stored", "missing"}),
    (
        DEVICE,
        """
        absent -> offline unauthorized booting online unresponsive flapping quarantined
        offline -> absent unauthorized booting online unresponsive flapping quarantined
        unauthorized -> absent offline booting online unresponsive flapping
        booting -> absent offline unauthorized online unresponsive flapping quarantined
        online -> absent offline unauthorized booting unresponsive flapping
        unresponsive -> absent offline unauthorized booting online flapping quarantined
        flapping -> absent offline unauthorized booting online unresponsive
        quarantined -> absent offline unauthorized booting online unresponsive
        """,
        set(),
    ),
]
every_machine = pytest.mark.parametrize(("machine", "drawn", "final"), TABLE, ids=[case[0].name for case in TABLE])


def edges(drawn: str) -> set[tuple[str, str]]:
    lines = (line.split(" -> ") for line in drawn.strip().splitlines())
    return {(old.strip(), new) for old, news in lines for new in news.split()}


@every_machine
def test_every_pair_of_states(machine: Machine[Any], drawn: str, final: set[str]) -> None:
    allowed = edges(drawn)
    for old in machine.moves:
        for new in machine.moves:
            if (old, new) in allowed:
                assert move(machine, old, new) is new
            else:
                with pytest.raises(IllegalMove, match=f"a {machine.name} cannot go from {old} to {new}"):
                    move(machine, old, new)


@every_machine
def test_a_machine_knows_all_its_states_and_which_are_final(machine: Machine[Any], drawn: str, final: set[str]) -> None:
    words: type[StrEnum] = type(machine.initial)
    states = list(words)

    assert set(machine.moves) == set(states)
    assert machine.final == final
    assert machine.open == set(states) - final
    assert all(machine.is_final(state) is (state in final) for state in states)


@every_machine
def test_every_state_can_be_reached_and_can_end(machine: Machine[Any], drawn: str, final: set[str]) -> None:
    reached = {machine.initial}
    for _ in machine.moves:
        reached |= {new for old in reached for new in machine.moves[old]}

    assert reached == set(machine.moves)
    assert not machine.is_final(machine.initial)
    assert all(machine.moves[state] for state in machine.open)


def test_an_unknown_outcome_is_a_failure_and_never_a_success() -> None:
    assert {StepStatus.TIMED_OUT, StepStatus.ABORTED} == UNKNOWN_OUTCOMES
    assert UNKNOWN_OUTCOMES | {StepStatus.FAILED} == FAILED_STEPS
    assert STEP.final - FAILED_STEPS == {StepStatus.SUCCEEDED, StepStatus.SKIPPED}


def test_the_verdicts_are_those_of_the_events_table() -> None:
    assert [verdict.value for verdict in Verdict] == ["accepted", "late", "stale", "invalid"]
