"""What one agent is told at its start: names, places, and every period. Values only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from rackhand.core import policy
from rackhand.core.health import Rules
from rackhand.core.hubs import HubRules

DEFAULT_CAPACITY = 32


@dataclass(frozen=True, slots=True)
class AgentPeriods:
    """Every period of the agent in milliseconds; tests run the same code with short ones."""

    beat_ms: int = 10_000
    full_beat_ms: int = 60_000
    coalesce_ms: int = 200
    pull_wait_ms: int = 30_000
    request_ms: int = 20_000
    upload_ms: int = 30_000
    upload_window_ms: int = 86_400_000
    retry_min_ms: int = 500
    retry_max_ms: int = 30_000
    poll_ms: int = 10_000
    probe_ms: int = 10_000
    probe_deadline_ms: int = 5_000
    wait_probe_ms: int = 1_000
    facts_ms: int = 300_000
    look_ms: int = 1_000
    progress_ms: int = 1_000
    poll_action_ms: int = 1_000
    cleanup_ms: int = 6_000
    flush_ms: int = 1_000
    drain_ms: int = 30_000
    restart_min_ms: int = 1_000
    restart_max_ms: int = 60_000
    backoff_ms: Callable[[int], int] = policy.backoff_ms

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "AgentPeriods":
        """Defaults beaten by variables such as RACKHAND_AGENT_BEAT_MS; ValueError names one that is no number."""
        return cls(**read_numbers(cls, environment))


def read_numbers(shape: type[Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """The whole numbers of a dataclass that variables give: `beat_ms` is RACKHAND_AGENT_BEAT_MS."""
    given: dict[str, int] = {}
    for name in (item.name for item in fields(shape) if item.type is int):
        variable = f"RACKHAND_AGENT_{name.upper()}"
        text = environment.get(variable, "")
        if text and not (text.isascii() and text.isdigit() and int(text) > 0):
            raise ValueError(f"{variable}: must be a whole number from 1, not {text!r}")
        given |= {name: int(text)} if text else {}
    return given


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """`endpoints` are TCP devices (`host:port`) to keep attached; `adb_path` beats the search for a binary; less free
    space than `min_free_mb` in `data_dir` is reported as the node's trouble.
    `ca_file`: who may vouch for an https server, and nobody else may; None: who the system trusts. `server_name`: the
    name in its certificate, where that is not the host of `server`. There is no way not to verify."""

    server: str
    node_id: str
    token: str = field(repr=False)  # in no log and no traceback
    data_dir: Path
    adb_port: int = 5037
    adb_path: Path | None = None
    capacity: int = DEFAULT_CAPACITY
    endpoints: tuple[str, ...] = ()
    min_free_mb: int = 512
    cache_bytes: int = 4 * 1024**3
    ca_file: Path | None = None
    server_name: str = ""
    periods: AgentPeriods = field(default_factory=AgentPeriods)
    rules: Rules = field(default_factory=Rules)
    hub_rules: HubRules = field(default_factory=HubRules)

    @property
    def journal_path(self) -> Path:
        return self.data_dir / "journal"

    @property
    def work_dir(self) -> Path:
        """Where steps put what they produce, one folder per attempt."""
        return self.data_dir / "work"

    @property
    def health_path(self) -> Path:
        """What is remembered of the health of devices over a restart."""
        return self.data_dir / "health.json"

    @property
    def files_dir(self) -> Path:
        return self.data_dir / "files"

    @property
    def dead_letter_path(self) -> Path:
        return self.data_dir / "dead-letters.jsonl"
