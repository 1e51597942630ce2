"""Actions on apps, input and settings: start, stop, install, uninstall, open a URL, touch, type, set."""

import asyncio
from typing import Any

from rackhand.agent.actions.command import run_tool
from rackhand.agent.actions.outcome import Context, Outcome

Params = dict[str, Any]


async def open_url(params: Params, ctx: Context) -> Outcome:
    arguments = ["am", "start", "-a", "android.intent.action.VIEW", "-d", params["url"]]
    if params.get("package"):
        arguments += ["-p", params["package"]]
    return await run_tool(ctx, *arguments)


async def start_app(params: Params, ctx: Context) -> Outcome:
    """By its activity, or whatever the launcher would start."""
    package, activity = params["package"], params.get("activity")
    if activity:
        return await run_tool(ctx, "am", "start", "-n", f"{package}/{activity}")
    return await run_tool(ctx, "monkey", "-p", package, "-c", "android.intent.category.LAUNCHER", 1)


async def stop_app(params: Params, ctx: Context) -> Outcome:
    return await run_tool(ctx, "am", "force-stop", params["package"])


async def uninstall(params: Params, ctx: Context) -> Outcome:
    return await run_tool(ctx, "pm", "uninstall", params["package"])


async def install_apk(params: Params, ctx: Context) -> Outcome:
    async with asyncio.timeout(ctx.left_ms() / 1000):
        apk = await ctx.file(params["file"])
    answer = await ctx.device.install(
        apk, replace=params.get("replace", True), grant=params.get("grant", True), timeout_ms=ctx.left_ms()
    )
    return Outcome(output=answer)


async def send_input(params: Params, ctx: Context) -> Outcome:
    return await run_tool(ctx, "input", *_input_arguments(params))


def _input_arguments(params: Params) -> list[object]:
    match params["action"]:
        case "tap":
            return ["tap", params["x"], params["y"]]
        case "swipe":
            ends = [params[name] for name in ("x", "y", "x2", "y2")]
            return ["swipe", *ends, *([params["duration_ms"]] if params.get("duration_ms") is not None else [])]
        case "text":
            return ["text", params["text"].replace(" ", "%s")]  # how `input text` takes a space
        case _:
            return ["keyevent", params["key"]]


async def set_setting(params: Params, ctx: Context) -> Outcome:
    return await run_tool(ctx, "settings", "put", params["namespace"], params["key"], params["value"])
