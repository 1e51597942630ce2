"""One device run, from its acknowledged start to its end: a pipe over one frozen Attempt.

start -> act -> close -> settle, then `Attempt.next` decides. Every stage hands an attempt that is over on as it is.
The device is touched only in `act`, after the attempt's beginning is on disk.
"""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

from rackhand.agent.actions.outcome import Context, Outcome, ProducedFile
from rackhand.agent.actions.perform import perform
from rackhand.agent.adb.errors import DeviceGoneError
from rackhand.agent.attempt import Attempt
from rackhand.agent.device import DeviceActor
from rackhand.agent.files import FileCache
from rackhand.agent.inventory import Inventory
from rackhand.agent.leases import Leases, Standing
from rackhand.agent.output import Output
from rackhand.agent.plan import facts_of, read_policy, read_steps
from rackhand.agent.reports import Reporter, digest_file
from rackhand.agent.servertime import ServerTime, monotonic_ms
from rackhand.agent.settings import AgentSettings
from rackhand.agent.spool import Change, Spool
from rackhand.agent.vigil import Vigil
from rackhand.core import dice, step_reasons, traces
from rackhand.core.masking import mask_of
from rackhand.core.policy import Next, step_deadline_ms
from rackhand.core.states import Decision, DeviceState, StepStatus
from rackhand.core.traces import Tracer, untraced
from rackhand.wire.messages import Job

_AWAY_BY_DESIGN = frozenset({"reboot", "reconnect"})
log = logging.getLogger(__name__)
End = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Kit:
    """What every device run of this node shares. `leftovers` are cancelled steps whose clean-up still runs; once
    `draining` is set, no further attempt begins: what is left is the agent's next life's."""

    settings: AgentSettings
    spool: Spool
    time: ServerTime
    leases: Leases
    inventory: Inventory
    files: FileCache
    leftovers: set[asyncio.Task[Outcome]] = field(default_factory=set)
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    trace: Tracer = untraced


class Drained(Exception):
    """The agent is ending and this device run stands between two attempts; the journal knows where."""


class DeviceRun:
    """Executes one job. `run` ends when the device run is over (reported) or is no longer ours (dropped)."""

    def __init__(self, kit: Kit, job: Job) -> None:
        self._kit = kit
        self._job = job
        self._token = job.lease.token
        self._periods = kit.settings.periods
        self._policy = read_policy(job)
        self._steps = read_steps(job, self._policy)
        self._report = Reporter(kit.spool, kit.time, kit.settings.node_id, job, self._periods.upload_window_ms)
        grace_ms = self._policy.grace_wait_ms
        self._boot_id = ""
        self._mask = mask_of(job.secrets)
        self._vigil = Vigil(self._find, kit.inventory.wake, self._report, self._periods, grace_ms)

    def _find(self) -> DeviceActor | None:
        return self._kit.inventory.find(self._job.device.serial, self._job.device.runtime_handle)

    async def run(self) -> None:
        is_resumed = self._report.progress.is_started
        if not await self._until_started():
            return
        if is_resumed and not await self._kit.leases.admit(self._token):
            await self._abandon()
            return
        began_at = self._kit.time.now()
        log.info("device run goes on" if is_resumed else "device run begins")
        status, message = await self._execute()
        await self._report.finished(status, message)
        told = self._mask.text(message or "")
        log.info("device run %s%s", status, told and f": {told}")
        self._kit.trace(traces.device_run_span(*self._about, status, (began_at, self._kit.time.now()), told))

    @property
    def _about(self) -> tuple[str, int, str]:
        return self._job.run_id, self._job.device.index, self._kit.settings.node_id

    async def _abandon(self) -> None:
        """The lease ended while the agent was away: the attempt in flight is closed, the rest is dropped."""
        log.info("lease %s ended while the agent was away; its device run is dropped", self._token)
        progress = self._report.progress
        if progress.is_in_flight:
            attempt = self._recall(self._roll(progress.step_index))
            await self._report.ended(replace(attempt, finished_at=self._kit.time.now()), ())
        await self._kit.spool.persist(Change(dropped=self._token))

    async def _until_started(self) -> bool:
        """Waits until the server has answered `task_started`; False if it refused."""
        spool = self._kit.spool
        while self._token in spool.jobs and not spool.progress[self._token].is_started:
            await spool.wake.wait()
        return self._token in spool.jobs

    async def _execute(self) -> End:
        progress = self._report.progress
        for index in range(progress.step_index, len(self._steps)):
            self._go_on()
            end = self._end_of(await self._step(index))
            if end is not None:
                return end
        return "succeeded", None

    def _go_on(self) -> None:
        """Drained if the agent is ending: asked before each attempt."""
        if self._kit.draining.is_set():
            raise Drained

    def _end_of(self, attempt: Attempt) -> End | None:
        """What the last attempt of a step means for the device run; None: the next step follows."""
        if attempt.is_cancelled:
            return "stopped", step_reasons.STOPPED_AT.format(**attempt.place)
        if attempt.next in (Next.ADVANCE, Next.WARN):
            return None
        if not attempt.is_device_back:
            trouble = attempt.trouble
            if attempt.where not in trouble:
                trouble = step_reasons.AT_STEP.format(reason=trouble, **attempt.place)
            return "failed", step_reasons.WAITED.format(reason=trouble, s=f"{self._policy.grace_wait_ms / 1000:g}")
        ended = {"word": attempt.status.value.replace("_", " "), "reason": attempt.error_message}
        return "failed", step_reasons.ENDED_AT.format(**attempt.place, **ended)

    async def _step(self, index: int) -> Attempt:
        """All attempts of one step; the last one."""
        attempt = self._roll(index)
        if attempt.decision is Decision.SKIPPED:
            return await self._skip(attempt)
        gives_up_at = monotonic_ms() + self._deadline_ms(attempt)
        attempt = self._recall(attempt)
        while True:
            for stage in (self._start, self._act, self._close, self._settle):
                attempt = await stage(attempt)
            is_late = monotonic_ms() >= gives_up_at and not attempt.is_cut
            if attempt.is_cancelled or is_late or attempt.next is not Next.RETRY:
                return self._without_budget(attempt) if is_late else attempt
            await self._pause(0 if attempt.is_cut else self._periods.backoff_ms(attempt.number))
            self._go_on()
            attempt = self._again(attempt)

    async def _pause(self, pause_ms: int) -> None:
        """The back-off; a lease that the server ends is not waited for, nor is it by an agent that is ending."""
        ended = asyncio.create_task(self._kit.leases.until_cancelled(self._token))
        drained = asyncio.create_task(self._kit.draining.wait())
        try:
            await asyncio.wait({ended, drained}, timeout=pause_ms / 1000, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end(ended, drained)

    def _deadline_ms(self, attempt: Attempt) -> int:
        step = attempt.step
        return step_deadline_ms(step.timeout_ms or 0, step.retry_count or 0, self._policy.grace_wait_ms)

    def _without_budget(self, attempt: Attempt) -> Attempt:
        return replace(attempt, step=replace(attempt.step, retry_count=0))

    def _roll(self, index: int) -> Attempt:
        """The dice, once per step: retries and restarts share the draw."""
        step = self._steps[index]
        drawn = dice.draw(self._job.seed, self._job.dice_index, index)
        return Attempt(step, index, drawn, dice.decide(drawn, step.probability))

    async def _skip(self, attempt: Attempt) -> Attempt:
        skipped = replace(attempt, status=StepStatus.SKIPPED)
        progress = self._report.progress
        if (progress.step_index, progress.ended) != (attempt.step_index, StepStatus.SKIPPED.value):
            await self._report.ended(skipped, ())
        return skipped

    def _recall(self, attempt: Attempt) -> Attempt:
        """Where an earlier life of the agent left this step."""
        progress = self._report.progress
        if progress.step_index != attempt.step_index or not progress.attempt:
            return attempt
        attempt = replace(
            attempt,
            number=progress.attempt,
            charged=progress.charged,
            started_at=progress.attempt_started_at,
        )
        if progress.is_in_flight:
            return replace(attempt.abort("the agent was interrupted during this attempt"), is_cut=True)
        return replace(
            attempt,
            status=StepStatus(progress.ended or StepStatus.ABORTED),
            error_message=progress.error_message,
            finished_at=attempt.started_at,
            is_cut=progress.is_cut,
        )

    def _again(self, attempt: Attempt) -> Attempt:
        """The next attempt; one that the agent itself cut short is not charged."""
        charged = attempt.charged + (not attempt.is_cut)
        return replace(self._roll(attempt.step_index), number=attempt.number + 1, charged=charged)

    # -- the stages

    async def _start(self, attempt: Attempt) -> Attempt:
        """Lease live and device there: store that the attempt begins."""
        if attempt.status is not StepStatus.RUNNING:
            return attempt
        if not await self._kit.leases.admit(self._token):
            return replace(attempt, status=StepStatus.ABORTED, is_cancelled=True)
        actor = self._find()
        if actor is None or not (actor.is_online or await actor.probe()):
            trouble = (
                step_reasons.DISCONNECTED if actor is None else step_reasons.DEVICE_IS.format(word=actor.health.value)
            )
            waiting = await self._wait_for_device(replace(attempt, trouble=trouble))
            if waiting.is_cancelled or not waiting.is_device_back:
                return replace(waiting, status=StepStatus.ABORTED, error_message=trouble)
        actor = self._find()
        self._boot_id = actor.boot_id if actor else ""
        attempt = replace(attempt, started_at=self._kit.time.now())
        await self._report.begun(attempt)
        return attempt

    async def _act(self, attempt: Attempt) -> Attempt:
        """Do it, beside a guard over the device, the lease, and a ticker that reports output."""
        if attempt.status is not StepStatus.RUNNING:
            return attempt
        folder = self._kit.settings.work_dir / f"{self._token}-{attempt.step_index}-{attempt.number}"
        output = Output(folder / "output.log", mask=self._mask)
        action = asyncio.create_task(self._perform(attempt, output))
        lease = asyncio.create_task(self._kit.leases.until_not_live(self._token))
        guard = asyncio.create_task(self._guard(attempt))
        ticker = asyncio.create_task(self._tick(attempt, output))
        try:
            await asyncio.wait({action, lease, guard}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end(ticker, *(task for task in (lease, guard) if not task.done()))
            await self._end_action(action, is_deaf=guard.done() and not guard.cancelled())
        return self._with_output(self._classify(attempt, action, lease, guard), action, output)

    async def _perform(self, attempt: Attempt, output: Output) -> Outcome:
        actor = self._find()
        if actor is None:
            raise DeviceGoneError(step_reasons.NOT_THERE, serial=self._job.device.serial)
        assert attempt.step.timeout_ms is not None
        context = Context(
            device=actor.adb,
            file=self._kit.files.path_of,
            folder=output.path.parent,
            emit=output.add,
            timeout_ms=attempt.step.timeout_ms,
            facts=facts_of(self._job),
            mask=self._mask,
            poll_ms=self._periods.poll_action_ms,
        )
        if attempt.step.kind not in _AWAY_BY_DESIGN:
            return await perform(attempt.step.kind, attempt.step.params, context)
        with self._kit.inventory.excuses.hold(self._job.device.serial):
            return await perform(attempt.step.kind, attempt.step.params, context)

    async def _guard(self, attempt: Attempt) -> str:
        """A step that takes the device away on purpose has only its own deadline."""
        if attempt.step.kind in _AWAY_BY_DESIGN:
            await asyncio.Event().wait()
        return await self._vigil.guard(attempt)

    async def _tick(self, attempt: Attempt, output: Output) -> None:
        seen = 0
        while True:
            await asyncio.sleep(self._periods.progress_ms / 1000)
            if output.size != seen:
                seen = output.size
                tail = replace(attempt, output_tail=output.tail(), output_lines=output.line_count)
                await self._report.running(tail)

    async def _end_action(self, action: "asyncio.Task[Outcome]", *, is_deaf: bool) -> None:
        """End what still runs; a device that does not answer is not waited for a second time."""
        if action.done():
            return
        action.cancel()
        if is_deaf:
            self._kit.leftovers.add(action)
            action.add_done_callback(self._kit.leftovers.discard)
            return
        await asyncio.wait({action}, timeout=self._periods.cleanup_ms / 1000)

    def _classify(
        self,
        attempt: Attempt,
        action: "asyncio.Task[Outcome]",
        lease: "asyncio.Task[Standing]",
        guard: "asyncio.Task[str]",
    ) -> Attempt:
        """The action's own word counts first; then why it was ended."""
        attempt = replace(attempt, finished_at=self._kit.time.now())
        if action.done() and not action.cancelled():
            error = action.exception()
            return attempt.after_outcome(action.result()) if error is None else attempt.after_error(error)
        if lease.done() and not lease.cancelled():
            if lease.result() is Standing.CANCELLED:
                return replace(attempt.abort(step_reasons.CUT_BY_SERVER), is_cancelled=True)
            return replace(attempt.abort(step_reasons.CUT_BY_AGENT), is_cut=True)
        trouble = guard.result()
        return replace(attempt.abort(step_reasons.NOT_BACK.format(reason=trouble), trouble), is_device_back=False)

    def _with_output(self, attempt: Attempt, action: "asyncio.Task[Outcome]", output: Output) -> Attempt:
        """What it said: the tail in the event, the whole as a log."""
        if not output.size and action.done() and not action.cancelled() and action.exception() is None:
            output.add(action.result().output.encode("utf-8", "replace"))
        output.finish()
        if not output.size:
            return attempt
        is_kept = any(produced.kind == "logcat" for produced in attempt.files)
        whole = () if is_kept else (ProducedFile("log", "text/plain; charset=utf-8", output.path),)
        return replace(
            attempt,
            output_tail=output.tail(),
            output_lines=output.line_count,
            files=(*attempt.files, *whole),
        )

    async def _close(self, attempt: Attempt) -> Attempt:
        """Store the end and the files in one record; an attempt that never began has none."""
        progress = self._report.progress
        is_open = (progress.step_index, progress.attempt) == (attempt.step_index, attempt.number)
        if not is_open or not progress.is_in_flight:
            return attempt
        files = []
        for produced in attempt.files:
            try:
                files.append((produced, *await asyncio.to_thread(digest_file, produced.path)))
            except OSError as error:
                log.error("a file of %s cannot be read and is left out: %s", attempt.where, error)
        attempt = replace(attempt, finished_at=attempt.finished_at or self._kit.time.now())
        await self._report.ended(attempt, files)
        self._tell(attempt)
        return attempt

    def _tell(self, attempt: Attempt) -> None:
        """The attempt's end, as a log line and as a span."""
        status, error = attempt.status.value, self._mask.text(attempt.error_message or "")
        log.info("%s %s%s", attempt.where, status, error and f": {error}")
        end = attempt.finished_at or 0
        step = (attempt.step_index, attempt.number, attempt.step.kind)
        times = (attempt.started_at or end, end)
        self._kit.trace(traces.attempt_span(*self._about, step, status, times, error))

    async def _settle(self, attempt: Attempt) -> Attempt:
        """After a bad end: is the device there? A good probe ends the wait at once."""
        if attempt.is_cancelled or not attempt.is_device_back:
            return attempt
        if attempt.status is StepStatus.SUCCEEDED:
            await self._vigil.resume(attempt)
            return attempt
        if not attempt.trouble and await self._vigil.probe():
            await self._vigil.resume(attempt)
            return attempt
        return await self._wait_for_device(replace(attempt, trouble=attempt.trouble or step_reasons.STOPPED_ANSWERING))

    async def _wait_for_device(self, attempt: Attempt) -> Attempt:
        is_back = await self._unless_cancelled(self._vigil.recover(attempt, attempt.trouble))
        actor = self._find()
        if is_back and actor is not None and self._boot_id not in ("", actor.boot_id):
            attempt = replace(attempt, error_message=step_reasons.RESTARTED.format(reason=attempt.error_message))
        if is_back is False and actor is not None and actor.health is DeviceState.UNAUTHORIZED:
            # the cut connection alone looked like a pulled cable
            attempt = replace(attempt, trouble=step_reasons.UNAUTHORIZED)
        return replace(attempt, is_cancelled=is_back is None, is_device_back=is_back is not False)

    async def _unless_cancelled(self, waiting: Coroutine[Any, Any, bool]) -> bool | None:
        """The answer of `waiting`; None if the server ended the lease first."""
        wait = asyncio.create_task(waiting)
        cancelled = asyncio.create_task(self._kit.leases.until_cancelled(self._token))
        try:
            await asyncio.wait({wait, cancelled}, return_when=asyncio.FIRST_COMPLETED)
            return wait.result() if wait.done() else None
        finally:
            await _end(wait, cancelled)


async def _end(*tasks: "asyncio.Task[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
