"""Waiting and checking: wait, wait_for (polls until all is so), assert (checks once).

A condition that does not hold is a known outcome, so `wait_for` gives up a moment before the step's deadline.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from rackhand.agent.actions.command import line
from rackhand.agent.actions.matching import MAX_SEARCH_MS, mismatch
from rackhand.agent.actions.outcome import Context, Outcome
from rackhand.agent.adb.errors import AdbTimeoutError, shorten
from rackhand.agent.adb.shell import ShellResult
from rackhand.agent.parse import is_media_playing, parse_focused_app
from rackhand.core import step_reasons
from rackhand.core.template import quote

Params = dict[str, Any]
Check = Callable[[Params, Context], Awaitable[str | None]]
_MAX_DUMP = 8 * 1024 * 1024
_MAX_MATCHED = 256 * 1024


async def wait(params: Params, ctx: Context) -> Outcome:
    """The step's limit is its duration and more: see `plan.read_steps`."""
    duration_ms = params["duration_ms"]
    await asyncio.sleep(duration_ms / 1000)
    return Outcome(output=f"waited {duration_ms} ms\n")


async def assert_now(params: Params, ctx: Context) -> Outcome:
    unmet = await first_unmet(params, ctx)
    return Outcome(error_message=unmet) if unmet else Outcome(output="as expected\n")


async def wait_for(params: Params, ctx: Context) -> Outcome:
    margin_ms = min(1_000, ctx.timeout_ms // 10)
    unmet: str | None = "not checked yet"
    while ctx.left_ms() > margin_ms + 1:
        try:
            unmet = await first_unmet(params, ctx)
        except AdbTimeoutError:
            if ctx.left_ms() > margin_ms + 1:
                raise
            break
        if unmet is None:
            return Outcome(output="as expected\n")
        await asyncio.sleep(max(0, min(ctx.poll_ms, ctx.left_ms() - margin_ms)) / 1000)
    return Outcome(error_message=step_reasons.STILL_NOT.format(n=ctx.timeout_ms, reason=unmet))


async def first_unmet(params: Params, ctx: Context) -> str | None:
    """What is not as asked, in words; None if every condition holds."""
    for name, check in CHECKS.items():
        if params.get(name) is None:
            continue
        unmet = await check(params, ctx)
        if unmet:
            return unmet
    return None


async def _ask(ctx: Context, command: str, max_output: int = 1024 * 1024) -> ShellResult:
    return await ctx.device.shell(command, timeout_ms=ctx.left_ms(), max_output=max_output)


async def _property(params: Params, ctx: Context) -> str | None:
    value = (await _ask(ctx, line("getprop", params["property"]))).text.removesuffix("\n").removesuffix("\r")
    wanted = params.get("equals", "")
    return None if value == wanted else f"property {params['property']} is {value[:200]!r}, not {wanted!r}"


async def _focused_app(params: Params, ctx: Context) -> str | None:
    package = parse_focused_app((await _ask(ctx, "dumpsys window", _MAX_DUMP)).text)
    return None if package == params["focused_app"] else f"in front is {package}, not {params['focused_app']}"


async def _dumpsys(params: Params, ctx: Context) -> str | None:
    command = "dumpsys " + " ".join(quote(word) for word in params["dumpsys"].split())
    wanted = params.get("contains", "")
    is_there = wanted in (await _ask(ctx, command, _MAX_DUMP)).text
    return None if is_there else f"dumpsys {params['dumpsys']} does not contain {wanted!r}"


async def _command(params: Params, ctx: Context) -> str | None:
    result = await _ask(ctx, params["command"])
    wanted, pattern = params.get("exit_code"), params.get("matches")
    if wanted is None and pattern is None:
        wanted = 0
    if wanted is not None and result.exit_code != wanted:
        return f"the command ended with exit code {result.exit_code}, not {wanted}: {shorten(result.error_text, 200)}"
    if pattern is None:
        return None
    unmet = await mismatch(pattern, result.text[:_MAX_MATCHED], min(ctx.left_ms(), MAX_SEARCH_MS))
    return None if unmet is None else f"{unmet}: {shorten(result.text, 200)}"


async def _media_playing(params: Params, ctx: Context) -> str | None:
    is_playing = is_media_playing((await _ask(ctx, "dumpsys media_session", _MAX_DUMP)).text)
    is_wanted = bool(params["media_playing"])
    return None if is_playing is is_wanted else f"media is {'' if is_playing else 'not '}playing"


CHECKS: dict[str, Check] = {
    "property": _property,
    "focused_app": _focused_app,
    "dumpsys": _dumpsys,
    "command": _command,
    "media_playing": _media_playing,
}
