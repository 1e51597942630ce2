"""Periods of the agent from the environment."""

import pytest

from rackhand.agent.settings import AgentPeriods


def test_variables_beat_the_defaults() -> None:
    periods = AgentPeriods.read({"RACKHAND_AGENT_BEAT_MS": "200", "RACKHAND_BEAT_MS": "7"})

    assert (periods.beat_ms, periods.probe_ms) == (200, AgentPeriods().probe_ms)


@pytest.mark.parametrize("text", ["x", "-5", "1.5", "0", " 5"])
def test_what_is_no_number_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="RACKHAND_AGENT_PROBE_MS"):
        AgentPeriods.read({"RACKHAND_AGENT_PROBE_MS": text})
