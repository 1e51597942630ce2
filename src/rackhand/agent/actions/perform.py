"""The dispatch: kind -> action, by table; templates are rendered, the deadline is set, refusals become outcomes."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from rackhand.agent.actions import apps, conditions, files, power
from rackhand.agent.actions.command import judge_exit, run
from rackhand.agent.actions.outcome import Context, Outcome
from rackhand.agent.adb.errors import (
    AdbTimeoutError,
    CaptureError,
    InstallError,
    OutputTooLargeError,
    RefusedError,
    RemoteError,
)
from rackhand.core.assets import KINDS, check_params
from rackhand.core.errors import FieldError
from rackhand.core.template import render, render_shell

Action = Callable[[dict[str, Any], Context], Awaitable[Outcome]]
_STEP_FAILURES = (RemoteError, InstallError, RefusedError, CaptureError, OutputTooLargeError)
_CLEANUP_S = 6.0
_TURN_S = 600.0  # for kinds of which a node does few at once: the wait for a turn is not the device's fault
_QUEUED = frozenset({"push_file", "pull_file", "install_apk", "screenshot"})


async def shell(params: dict[str, Any], ctx: Context) -> Outcome:
    return judge_exit(await run(ctx, params["command"]))


ACTIONS: dict[str, Action] = {
    "shell": shell,
    "screenshot": files.screenshot,
    "reboot": power.reboot,
    "reconnect": power.reconnect,
    "open_url": apps.open_url,
    "start_app": apps.start_app,
    "stop_app": apps.stop_app,
    "uninstall": apps.uninstall,
    "install_apk": apps.install_apk,
    "push_file": files.push_file,
    "pull_file": files.pull_file,
    "input": apps.send_input,
    "wait": conditions.wait,
    "wait_for": conditions.wait_for,
    "assert": conditions.assert_now,
    "logcat": files.logcat,
    "set_setting": apps.set_setting,
}


async def perform(kind: str, params: Mapping[str, Any], ctx: Context) -> Outcome:
    """Do one attempt of one step.

    Gives an Outcome when the device answered. Raises AdbTimeoutError when `ctx.timeout_ms` passed (outcome
    unknown) and DeviceGoneError, ServerDownError, UnauthorizedError or ProtocolError for trouble on the way.
    Cancelling it ends what runs on the device.
    """
    errors: list[FieldError] = []
    if kind not in KINDS or kind not in ACTIONS:
        return Outcome(error_message=f"this agent does not know the command kind {kind!r}; update it")
    given = check_params(kind, dict(params), "/params", errors)
    if errors:
        return Outcome(error_message="; ".join(f"{error.path}: {error.message}" for error in errors))
    try:
        rendered = render_params(given, ctx.facts)
    except KeyError as error:
        return Outcome(error_message=f"no value for the placeholder {error.args[0]}; nothing was sent to the device")
    loop = asyncio.get_running_loop()
    timed = replace(ctx, deadline=loop.time() + ctx.timeout_ms / 1000)
    return await _bounded(ACTIONS[kind], rendered, timed, _CLEANUP_S + (_TURN_S if kind in _QUEUED else 0))


async def _bounded(action: Action, params: dict[str, Any], ctx: Context, spare_s: float) -> Outcome:
    """Each call keeps the deadline by itself, from its turn on; this is the last resort, after their clean-up time."""
    try:
        async with asyncio.timeout_at(ctx.deadline + spare_s):
            return await action(params, ctx)
    except _STEP_FAILURES as error:
        exit_code = error.exit_code if isinstance(error, RemoteError) else None
        is_worth_it = error.may_retry if isinstance(error, InstallError) else True
        return Outcome(exit_code, error_message=error.message, is_worth_retrying=is_worth_it)
    except TimeoutError:
        raise AdbTimeoutError(
            f"not done within {ctx.timeout_ms} ms", serial=ctx.device.serial, phase="finish"
        ) from None
    except OSError as error:
        return Outcome(error_message=f"on the node, not on the device: {error}")


def render_params(params: Mapping[str, Any], facts: Mapping[str, str]) -> dict[str, Any]:
    """Every text with its placeholders filled in; `command` (always a shell script) by exported variables."""
    return {
        name: render_shell(value, facts)
        if name == "command"
        else render(value, facts)
        if isinstance(value, str)
        else value
        for name, value in params.items()
    }
