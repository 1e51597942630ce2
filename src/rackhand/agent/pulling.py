"""Getting work: one long poll is always open. A job is stored before it counts; one that comes twice is recognised."""

import asyncio
import logging
from collections.abc import Callable

import msgspec

from rackhand.agent.client import ServerClient, ServerRefused, ServerUnreachable
from rackhand.agent.crew import failure_of
from rackhand.agent.executor import DeviceRun, Drained, Kit
from rackhand.agent.journal import JournalError
from rackhand.agent.leases import Standing
from rackhand.agent.logs import about
from rackhand.agent.plan import read_policy, read_steps
from rackhand.agent.reports import Reporter
from rackhand.agent.trouble import Trouble
from rackhand.agent.waking import Backoff, Wake
from rackhand.core.errors import RackhandError
from rackhand.wire.messages import Job, PullAnswer, PullRequest

PULL = "/api/nodes/pull"
MAX_CRASHES = 20  # of one device run, in about 7 minutes: then nothing but a new agent would help
log = logging.getLogger(__name__)
_decode = msgspec.json.Decoder(PullAnswer).decode
_encode = msgspec.json.Encoder().encode


class Work:
    """The device runs of this node: begun by pulls, resumed after a restart or a crash of their task."""

    def __init__(self, kit: Kit, client: ServerClient, on_scan: Callable[[str], bool]) -> None:
        self._kit = kit
        self._client = client
        self._on_scan = on_scan
        self._periods = kit.settings.periods
        self._running: dict[str, asyncio.Task[None]] = {}
        self._is_closing = False
        self._freed = Wake()
        self.trouble = Trouble()

    def resume(self) -> None:
        """Go on with what the journal holds; nothing is done before the first heartbeat renewed its lease."""
        for token, job in list(self._kit.spool.jobs.items()):
            self._kit.leases.restore(token, read_policy(job).grace_wait_ms)
            self._begin(job)

    @property
    def free(self) -> int:
        return 0 if self._is_ending else max(0, self._kit.settings.capacity - len(self._running))

    @property
    def _is_ending(self) -> bool:
        return self._is_closing or self._kit.draining.is_set()

    async def run(self) -> None:
        """Ask for ever; an answer without news is not asked for again at once."""
        backoff = Backoff(self._periods)
        while True:
            try:
                is_news = await self._pull_or_freed()
                backoff.reset()
                await asyncio.sleep(0 if is_news else 0.05)
            except (ServerUnreachable, ServerRefused, JournalError) as error:
                log.info("no work: %s", error)
                await asyncio.sleep(backoff.next_ms(getattr(error, "retry_after_ms", 0)) / 1000)

    async def _pull_or_freed(self) -> bool:
        """A poll without room for jobs ends when room comes."""
        if self.free:
            return await self.pull()
        poll = asyncio.create_task(self.pull())
        freed = asyncio.create_task(self._freed.wait())
        try:
            await asyncio.wait({poll, freed}, return_when=asyncio.FIRST_COMPLETED)
            return poll.result() if poll.done() else True
        finally:
            poll.cancel()
            freed.cancel()
            await asyncio.gather(poll, freed, return_exceptions=True)

    async def pull(self) -> bool:
        """One poll; True if it brought anything."""
        kit, wait_ms = self._kit, self._periods.pull_wait_ms
        # cancelled ones are left out: the server would answer at once, again and again, that they are cancelled
        held = [t for t in kit.spool.tokens if kit.leases.standing(t) is not Standing.CANCELLED]
        request = PullRequest(node_id=kit.settings.node_id, max_jobs=self.free, wait_ms=wait_ms, held=held)
        raw = await self._client.post(PULL, _encode(request), wait_ms + self._periods.request_ms)
        try:
            answer = _decode(raw)
        except msgspec.DecodeError as error:
            raise ServerUnreachable(f"the answer to a pull makes no sense: {error}") from None
        kit.time.observe(answer.server_time)
        kit.leases.cancel(answer.cancelled)
        took = [await self._take(job) for job in answer.jobs]
        scans = [self._on_scan(scan.scan_job_id) for scan in answer.scans]
        return any(took) or any(scans)

    async def _take(self, job: Job) -> bool:
        """Store and begin a job; False if it is known, or if an agent that is ending leaves it to its next life."""
        token = job.lease.token
        if self._is_ending or token in self._kit.spool.tokens:
            return False
        try:
            read_steps(job, policy := read_policy(job))
        except (RackhandError, TypeError) as error:
            await self._refuse(job, error)
            return True
        # the wait of the long poll is not the lease's: it began when the answer was made
        self._kit.leases.hold(token, job.lease.ttl_ms, policy.grace_wait_ms)
        await self._reporter(job).accept()
        self._begin(job)
        return True

    async def _refuse(self, job: Job, error: Exception) -> None:
        """A job that this agent cannot read ends at once, in words."""
        with about(run_id=job.run_id, device=job.device.index):
            log.error("job %s cannot be executed: %s", job.lease.token, error)
        report = self._reporter(job)
        await report.accept()
        await report.finished("failed", f"this agent cannot execute the job (update it?): {error}")

    def _reporter(self, job: Job) -> Reporter:
        kit = self._kit
        return Reporter(kit.spool, kit.time, kit.settings.node_id, job, self._periods.upload_window_ms)

    def _begin(self, job: Job) -> None:
        token = job.lease.token
        name = f"run {job.run_id} device {job.device.index}"
        with about(run_id=job.run_id, device=job.device.index):
            self._running[token] = asyncio.create_task(self._keep_running(job), name=name)

    async def _keep_running(self, job: Job) -> None:
        """A device run whose task fails is taken up again from the disk, as after a restart of the agent. One that
        fails again and again ends in words: its lease would be renewed for as long as the agent lives."""
        token, backoff = job.lease.token, Backoff(self._periods)
        try:
            while token in self._kit.spool.jobs:
                error = await failure_of(self._run(job))
                if isinstance(error, Drained):
                    return
                if error is not None and backoff.failures + 1 >= MAX_CRASHES:
                    reason = f"the agent failed {MAX_CRASHES} times on it (update it?): {type(error).__name__}: {error}"
                    await self._reporter(job).finished("failed", reason)
                elif error is not None:
                    self.trouble.say(f"run {job.run_id}, device {job.device.index}: {error}")
                    log.error("%s; taking it up again", self.trouble.text, exc_info=error)
                    await asyncio.sleep(backoff.next_ms() / 1000)
        finally:
            self._running.pop(token, None)
            self._kit.leases.forget(token)
            self._freed.notify()

    async def _run(self, job: Job) -> None:
        await DeviceRun(self._kit, job).run()

    async def drain(self) -> None:
        """Take nothing more, and let every attempt that is under way come to its end."""
        self._kit.draining.set()
        self._freed.notify()
        while self._running:
            await asyncio.wait(self._running.values())

    async def close(self) -> None:
        """Take nothing more. End what runs, on the devices too; the journal knows where each stood."""
        self._is_closing = True
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
