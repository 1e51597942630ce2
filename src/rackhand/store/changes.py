"""What one group commit of callbacks loads and saves; the shapes under both ingest dialects. No SQL here."""

from dataclasses import dataclass, field

from rackhand.core.clock import Millis
from rackhand.core.events import ArtifactFacts, DeviceRunFacts, StepFacts
from rackhand.core.states import Verdict

EventKey = tuple[str, str]
"""(node_id, event_id)"""
StepKey = tuple[str, int, int, int]
"""(run_id, device_index, step_index, attempt)"""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is known before the fold: first verdicts of repeated events, and the device runs by lease token."""

    verdicts: dict[EventKey, Verdict]
    device_runs: dict[str, DeviceRunFacts]


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A row of events."""

    node_id: str
    event_id: str
    type: str
    run_id: str | None
    lease_token: str | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class StepRow:
    """A row of run_steps, whole."""

    facts: StepFacts
    step_id: str | None
    step_type: str | None
    is_draw_flagged: bool


@dataclass(slots=True)
class Changes:
    """What a fold leaves to write. `run_revs` gives the rev that rows of each run are stamped with."""

    received_at: Millis
    events: list[NewEvent] = field(default_factory=list)
    device_runs: dict[str, DeviceRunFacts] = field(default_factory=dict)
    steps: dict[StepKey, StepRow] = field(default_factory=dict)
    artifacts: dict[str, ArtifactFacts] = field(default_factory=dict)
    run_revs: dict[str, int] = field(default_factory=dict)
    upload_deadline_at: Millis = 0
