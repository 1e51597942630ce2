"""Actions after which the device must come back: reboot, reconnect."""

import asyncio
from typing import Any

from rackhand.agent.actions.outcome import Context, Outcome
from rackhand.agent.adb.errors import AdbError, AdbTimeoutError

_PROBE = "getprop sys.boot_completed; cat /proc/sys/kernel/random/boot_id"
_PROBE_MS = 5_000


async def reboot(params: dict[str, Any], ctx: Context) -> Outcome:
    """Done when the device runs a new boot and says that it is complete."""
    before = await _boot_id(ctx)
    await ctx.device.reboot(timeout_ms=ctx.left_ms())
    while True:
        boot_id = await _boot_id_or_none(ctx)
        if boot_id is not None and boot_id != before:
            return Outcome(output=f"boot id {before} -> {boot_id}\n")
        await _pause(ctx, "the device has not come back from its reboot")


async def reconnect(params: dict[str, Any], ctx: Context) -> Outcome:
    """Done when the device answers again."""
    try:
        answer = await ctx.device.reconnect(timeout_ms=ctx.left_ms())
    except AdbError as error:
        if not error.is_transient:
            raise
        answer = str(error)
    while await _boot_id_or_none(ctx) is None:
        await _pause(ctx, f"the device does not answer after its reconnect ({answer})")
    return Outcome(output=answer + "\n")


async def _boot_id(ctx: Context) -> str | None:
    """The boot id of a completely booted device, None while it boots."""
    result = await ctx.device.shell(_PROBE, timeout_ms=min(_PROBE_MS, ctx.left_ms()))
    completed, _, boot_id = result.text.partition("\n")
    return boot_id.strip() if completed.strip() == "1" and boot_id.strip() else None


async def _boot_id_or_none(ctx: Context) -> str | None:
    try:
        return await _boot_id(ctx)
    except AdbError:
        return None  # it is expected to be away


async def _pause(ctx: Context, what: str) -> None:
    if ctx.left_ms() <= 1:
        raise AdbTimeoutError(f"{what} after {ctx.timeout_ms} ms", serial=ctx.device.serial, phase="finish")
    await asyncio.sleep(min(ctx.poll_ms, ctx.left_ms()) / 1000)
