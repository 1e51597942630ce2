"""Messages between node agent and server (DESIGN sections 5 and 11). Shapes only; unknown fields are ignored.

The agent builds and encodes these, the server decodes them; times are RFC 3339 texts, durations carry their unit.
"""

from enum import StrEnum
from typing import Any, Literal

from msgspec import UNSET, Raw, Struct, UnsetType

PROTOCOL = 1
SPOKEN = tuple(range(max(PROTOCOL - 1, 1), PROTOCOL + 1))
"""What a server takes from agents: its own version and the one before, so that nodes are upgraded one after the other.
tests/wire/protocol holds recorded messages of each; a change that they do not survive needs a new PROTOCOL."""
MAX_BATCH = 1000
MAX_TAIL_BYTES = 16 * 1024


class EventType(StrEnum):
    DEVICE_HEARTBEAT = "device_heartbeat"
    TASK_STARTED = "task_started"
    TASK_PROGRESS = "task_progress"
    RUN_STEP_UPDATE = "run_step_update"
    ARTIFACT_CREATED = "artifact_created"
    TASK_FINISHED = "task_finished"
    SCAN_PROGRESS = "scan_progress"
    DEVICE_EVENT = "device_event"


class Event(Struct, kw_only=True, omit_defaults=True):
    """The envelope of everything that a node reports; `payload` is decoded by its type."""

    event_id: str
    type: str
    node_id: str
    payload: Raw
    occurred_at: str | None = None
    lease_token: str | None = None
    seq: int | None = None


class ReportedCare(Struct, kw_only=True, omit_defaults=True, frozen=True):
    """What the agent makes of a device's health and does about it: core.health and core.repair say what words mean."""

    since_ms: int
    reason: str | None = None
    rung: str | None = None
    rung_age_ms: int | None = None
    next_rung: str | None = None
    next_in_ms: int | None = None
    hold: str | None = None
    good_probes: int | None = None
    probation_probes: int | None = None


class ReportedDevice(Struct, kw_only=True, omit_defaults=True):
    runtime_handle: str
    adb_state: str
    online: bool
    serial: str | None = None
    transport: str | None = None
    usb_path: str | None = None
    probe_age_ms: int | None = None
    health: str | None = None
    simulated: bool = False
    model: str | None = None
    os_version: str | None = None
    battery: int | None = None
    temperature_c: float | None = None
    storage_free_mb: int | None = None
    storage_total_mb: int | None = None
    last_error_message: str | None = None
    care: ReportedCare | None = None


class ReportedIncident(Struct, kw_only=True, frozen=True):
    """A hub whose devices went at once."""

    hub: str
    age_ms: int
    serials: list[str]
    total: int


class ReportedNode(Struct, kw_only=True, omit_defaults=True, frozen=True):
    agent_version: str | None = None
    adb_version: str | None = None
    concurrency: int | None = None
    last_error_message: str | None = None


class Heartbeat(Struct, kw_only=True, omit_defaults=True):
    """`devices` absent: unchanged; present: the whole list, others are offline, and `incidents` are all there are."""

    node: ReportedNode = ReportedNode()
    leases: list[str] = []
    devices: list[ReportedDevice] | UnsetType = UNSET
    incidents: list[ReportedIncident] = []


class TaskStartedPayload(Struct, kw_only=True):
    run_id: str
    device_index: int


class TaskProgressPayload(Struct, kw_only=True, omit_defaults=True):
    run_id: str
    device_index: int
    status: Literal["running", "waiting"]
    step_index: int
    grace_left_ms: int | None = None
    reason: str | None = None


class StepUpdatePayload(Struct, kw_only=True, omit_defaults=True):
    run_id: str
    device_index: int
    step_index: int
    attempt: int
    status: Literal["running", "succeeded", "failed", "timed_out", "aborted", "skipped"]
    probability: float
    draw: float
    decision: Literal["executed", "skipped"]
    exit_code: int | None = None
    output_tail: str | None = None
    output_lines: int | None = None
    started_at: str | None = None
    finished_at: str | None = None
    error_message: str | None = None


class ArtifactCreatedPayload(Struct, kw_only=True):
    artifact_id: str
    run_id: str
    device_index: int
    step_index: int
    kind: str
    content_type: str
    size: int
    sha256: str


class TaskFinishedPayload(Struct, kw_only=True, omit_defaults=True):
    run_id: str
    device_index: int
    status: Literal["succeeded", "failed", "stopped"]
    error_message: str | None = None


class ScanProgressPayload(Struct, kw_only=True, omit_defaults=True):
    scan_job_id: str
    status: Literal["running", "succeeded", "failed"]
    total: int | None = None
    error_message: str | None = None


class DeviceEventPayload(Struct, kw_only=True, omit_defaults=True):
    """Something for a device's history; `kind` is a core.health.Happening."""

    serial: str
    kind: str
    text: str | None = None


class LeaseGrant(Struct, kw_only=True):
    token: str
    epoch: int
    ttl_ms: int
    expires_at: str


class JobDevice(Struct, kw_only=True):
    index: int
    serial: str
    runtime_handle: str
    label: str | None = None


class Job(Struct, kw_only=True):
    """One device run to execute. Steps are resolved: every one carries timeout_ms, retry_count and on_failure.
    Values of `secrets` are in the clear, and the node masks them in all that it reports."""

    lease: LeaseGrant
    run_id: str
    device: JobDevice
    steps: list[dict[str, Any]]
    first_step_index: int
    dice_index: int
    seed: int
    policy: dict[str, Any]
    params: dict[str, Any]
    secrets: dict[str, str] = {}


class ScanRequest(Struct, kw_only=True):
    scan_job_id: str


class PullRequest(Struct, kw_only=True):
    node_id: str
    max_jobs: int = 1
    wait_ms: int = 0
    held: list[str] = []


class PullAnswer(Struct, kw_only=True):
    jobs: list[Job] = []
    scans: list[ScanRequest] = []
    cancelled: list[str] = []
    server_time: str = ""


class Renewal(Struct, kw_only=True):
    token: str
    ttl_ms: int


class SingleAnswer(Struct, kw_only=True):
    """The answer to one event; the lists belong to heartbeats: `pardoned` are serials whose quarantine people ended."""

    ok: bool
    duplicate: bool = False
    renewed: list[Renewal] | UnsetType = UNSET
    cancelled: list[str] | UnsetType = UNSET
    pardoned: list[str] | UnsetType = UNSET
    server_time: str | UnsetType = UNSET


class BatchResult(Struct, kw_only=True, omit_defaults=True):
    event_id: str
    status: Literal["accepted", "duplicate", "stale", "invalid"]
    error: str | None = None
    renewed: list[Renewal] | UnsetType = UNSET
    cancelled: list[str] | UnsetType = UNSET


class BatchAnswer(Struct, kw_only=True):
    results: list[BatchResult]
    server_time: str = ""
