"""Work: what a node gets when it pulls. Claims take runs by age and devices by index, and wait for nobody."""

from collections.abc import Sequence

from rackhand.core import reasons
from rackhand.core.clock import to_rfc3339
from rackhand.core.errors import NotFound
from rackhand.core.lease import Periods
from rackhand.core.policy import Policy
from rackhand.core.states import DeviceRunStatus
from rackhand.engine import playbooks, renewal, scans
from rackhand.engine.closing import close
from rackhand.store import leases, nodes, run_secrets, runs
from rackhand.store.db import Tx
from rackhand.store.leases import Granted
from rackhand.store.nodes import NodeRow
from rackhand.store.runs import RunRow
from rackhand.wire.messages import Job, JobDevice, LeaseGrant, PullAnswer, ScanRequest

_PAGE = 100


def pull(tx: Tx, node_id: str, max_jobs: int, held: Sequence[str], periods: Periods) -> PullAnswer:
    """Jobs, scans and cancellations for a node. Live unstarted leases that it does not hold are delivered again."""
    node = nodes.get(tx, node_id, for_update=True)
    if node is None:
        raise NotFound("there is no node {node}; enrol it again", node=node_id)
    granted: list[Granted] = []
    if max_jobs > 0:
        if node.state == "active":
            _claim(tx, node, max_jobs, periods)
        granted = [lease for lease in leases.unstarted(tx, node_id) if lease.token not in held][:max_jobs]
    return PullAnswer(
        jobs=_jobs(tx, granted),
        scans=[ScanRequest(scan_job_id=scan_job_id) for scan_job_id in scans.hand_out(tx, node_id)],
        cancelled=list(renewal.cancelled(tx, node_id, held)),
        server_time=to_rfc3339(tx.now),
    )


def _claim(tx: Tx, node: NodeRow, max_jobs: int, periods: Periods) -> None:
    """Set leases, oldest run first, within the node's capacity and each run's concurrency on this node."""
    open_runs = runs.open_on_node(tx, node.id)
    if not open_runs:
        return
    live = leases.live_counts(tx, node.id)
    free = min(node.capacity - sum(live.values()), max_jobs)
    for run in open_runs:
        if free <= 0:
            return
        slots = min(free, run.policy.concurrency - live.get(run.id, 0))
        if slots > 0:
            free -= _claim_of_run(tx, node, run, slots, periods)


def _claim_of_run(tx: Tx, node: NodeRow, run: RunRow, slots: int, periods: Periods) -> int:
    """Claim up to `slots` device runs; those whose turn has come while their device is offline are passed over."""
    taken, after, passed = 0, -1, list[tuple[str, str]]()
    while taken < slots:
        rows = leases.queued(tx, run.id, node.id, wave=run.open_wave, after_index=after, limit=_PAGE)
        for row in rows:
            after = row.device_index
            reason = row.blocked_by or (None if row.is_online else reasons.OFFLINE)
            if reason is not None:
                passed.append((row.id, reason))
            elif leases.claim(tx, row, node.id, tx.mint(), tx.now + periods.lease_ms):
                taken += 1
            if taken == slots:
                break
        if len(rows) < _PAGE:
            break
    _pass_over(tx, passed, run.policy)
    return taken


def _pass_over(tx: Tx, passed: Sequence[tuple[str, str]], policy: Policy) -> None:
    """`(device run, reason)`: skipped, or left in the queue for as long as the policy waits for offline devices.

    A node that asks for work has reported now: after an outage of the servers its pull may well come before its beat.
    """
    wait_ms = policy.offline_wait_ms
    for reason in sorted({reason for _, reason in passed}):
        ids = [row_id for row_id, why in passed if why == reason]
        if wait_ms is not None and reason == reasons.OFFLINE:
            leases.wait_for_devices(tx, ids, tx.now + wait_ms)
        else:
            skipped = leases.unclaimed(tx, ids)
            close(tx, skipped, DeviceRunStatus.SKIPPED_OFFLINE, reasons.AT_ITS_TURN.format(reason=reason))


def _jobs(tx: Tx, granted: Sequence[Granted]) -> list[Job]:
    known = runs.get_many(tx, {lease.run_id for lease in granted}) if granted else {}
    steps = {run.id: _steps(tx, run) for run in known.values()}
    secrets = run_secrets.get_many(tx, known) if granted else {}
    return [
        _job(tx, lease, known[lease.run_id], steps[lease.run_id], dict(secrets.get(lease.run_id, {})))
        for lease in granted
    ]


def _steps(tx: Tx, run: RunRow) -> list[dict[str, object]]:
    found = playbooks.load_revision(tx, run.playbook_id, run.playbook_revision)
    return [step.with_policy(run.policy).as_json() for step in found.steps]


def _job(tx: Tx, lease: Granted, run: RunRow, steps: list[dict[str, object]], sealed: dict[str, str]) -> Job:
    """`secrets` are still sealed: who has the key opens them on the way out."""
    return Job(
        lease=LeaseGrant(
            token=lease.token,
            epoch=lease.epoch,
            ttl_ms=max(lease.expires_at - tx.now, 0),
            expires_at=to_rfc3339(lease.expires_at),
        ),
        run_id=lease.run_id,
        device=JobDevice(
            index=lease.device_index, serial=lease.serial, runtime_handle=lease.runtime_handle, label=lease.label
        ),
        steps=steps,
        first_step_index=lease.first_step_index,
        dice_index=lease.dice_index,
        seed=run.seed,
        policy=run.policy.as_json(),
        params=run.params,
        secrets=sealed,
    )
