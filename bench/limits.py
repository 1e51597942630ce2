"""What the machine gives without the product: the physical limits that figures are put beside, in the same run."""

import asyncio
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rackhand.core.events import StepFacts
from rackhand.core.states import Decision, StepStatus, Verdict
from rackhand.store import ingest
from rackhand.store.changes import Changes, NewEvent, StepRow
from rackhand.store.connect import make_database
from rackhand.store.db import Tx

BATCH = 1_000
_FAR = 1_000_000


def fsyncs_per_s(seconds: float = 0.5) -> float:
    """How often 4 KiB more of a file get to the disk one after the other, where databases of bench/ lie."""
    count, block = 0, os.urandom(4096)
    with tempfile.TemporaryFile(prefix="rh-bench-", buffering=0) as file:
        began_at = time.perf_counter()
        while time.perf_counter() - began_at < seconds:
            file.write(block)
            os.fsync(file.fileno())
            count += 1
        return count / (time.perf_counter() - began_at)


def batches_per_s(url: str, tokens: Sequence[str], seconds: float = 1.0) -> float:
    """Events a second that the store's own statements write in batches of 1,000, without HTTP, decoding and folding:
    an event, a step and a device run each, committed. `tokens` are leases of device runs."""

    async def story() -> float:
        database = make_database(url, Path())
        await database.start()
        try:
            count, began_at = 0, time.perf_counter()
            while time.perf_counter() - began_at < seconds:
                await database.write(_write, count, tokens)
                count += 1
            return count * BATCH / (time.perf_counter() - began_at)
        finally:
            await database.close()

    return asyncio.run(story())


def _write(tx: Tx, number: int, tokens: Sequence[str]) -> None:
    held = list(ingest.load(tx, [], tokens).device_runs.values())
    unique = tx.mint()
    changes = Changes(tx.now, upload_deadline_at=tx.now)
    for count in range(BATCH):
        run, attempt = held[count % len(held)], _FAR + number * BATCH + count
        facts = StepFacts(
            run_id=run.run_id,
            device_index=run.device_index,
            step_index=0,
            attempt=attempt,
            status=StepStatus.SUCCEEDED,
            probability=1.0,
            draw=0.5,
            decision=Decision.EXECUTED,
            exit_code=0,
            output_tail="ok\n",
            output_lines=1,
            started_at=tx.now,
            finished_at=tx.now,
            error_message=None,
            last_seq=attempt,
        )
        name = f"{unique}-{count}"
        changes.steps[run.run_id, run.device_index, 0, attempt] = StepRow(facts, None, "shell", False)
        changes.device_runs[run.id] = run
        event = NewEvent("limit", name, "run_step_update", run.run_id, run.lease_token, Verdict.ACCEPTED)
        changes.events.append(event)
    ingest.save(tx, changes)
