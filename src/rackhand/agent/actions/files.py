"""Actions that move bytes: push, pull, screenshot, logcat. What they produce lies in the context's folder."""

import asyncio
import re
from pathlib import Path
from typing import Any

from rackhand.agent.actions.command import judge_exit, line
from rackhand.agent.actions.outcome import Context, Outcome, ProducedFile
from rackhand.agent.adb.errors import AdbTimeoutError
from rackhand.agent.adb.protocol import decode_text
from rackhand.core.template import quote

Params = dict[str, Any]
MAX_LOG_BYTES = 32 * 1024 * 1024
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


async def push_file(params: Params, ctx: Context) -> Outcome:
    async with asyncio.timeout(ctx.left_ms() / 1000):
        local = await ctx.file(params["file"])
    sent = await ctx.device.push(local, params["dest"], timeout_ms=ctx.left_ms())
    return Outcome(output=f"{sent} bytes pushed to {params['dest']}\n")


async def pull_file(params: Params, ctx: Context) -> Outcome:
    local = _place(ctx, file_name(params["path"]))
    received = await ctx.device.pull(params["path"], local, timeout_ms=ctx.left_ms())
    produced = ProducedFile("file", "application/octet-stream", local)
    return Outcome(output=f"{received} bytes pulled from {params['path']}\n", files=(produced,))


async def screenshot(params: Params, ctx: Context) -> Outcome:
    shot = await ctx.device.screencap(timeout_ms=ctx.left_ms())
    local = _place(ctx, "screenshot.png")
    await asyncio.to_thread(local.write_bytes, shot.png)
    return Outcome(output=shot.warning, files=(ProducedFile("screenshot", "image/png", local),))


async def logcat(params: Params, ctx: Context) -> Outcome:
    """The last lines, and with `duration_ms` what follows for so long; the whole text is a file."""
    local = _place(ctx, "logcat.txt")
    duration_ms = params.get("duration_ms")
    command = logcat_command(params.get("lines", 500), params.get("filter", ""), is_following=duration_ms is not None)
    sink = LogFile(local, ctx)
    try:
        outcome = await _read_log(ctx, command, duration_ms, sink)
    finally:
        sink.close()
    return Outcome(
        outcome.exit_code,
        outcome.output,
        files=(ProducedFile("logcat", "text/plain; charset=utf-8", local),),
        error_message=outcome.error_message,
    )


async def _read_log(ctx: Context, command: str, duration_ms: int | None, sink: "LogFile") -> Outcome:
    left_ms = ctx.left_ms()
    timeout_ms = left_ms if duration_ms is None else min(duration_ms, left_ms)
    try:
        return judge_exit(await ctx.device.shell(command, timeout_ms=timeout_ms, on_output=sink.add))
    except AdbTimeoutError as error:
        is_wanted = duration_ms is not None and duration_ms <= left_ms and error.phase == "stream"
        if not (is_wanted and error.is_killed):  # a device that does not answer the kill went silent meanwhile
            raise
        return Outcome(output=decode_text(error.output))  # it followed for as long as it was asked to


def logcat_command(lines: int, filters: str, *, is_following: bool) -> str:
    """`logcat -t n` ends by itself, `-T n` goes on; every filter spec is one quoted word."""
    words = " ".join(quote(word) for word in filters.split())
    return f"{line('logcat', '-v', 'threadtime', '-T' if is_following else '-t', lines)} {words}".rstrip()


class LogFile:
    """A sink that writes what it sees to a file, up to a bound, and passes it on."""

    def __init__(self, path: Path, ctx: Context) -> None:
        self._file = path.open("wb")
        self._emit = ctx.emit
        self._masked = ctx.mask.stream()
        self._left = MAX_LOG_BYTES

    def add(self, data: bytes) -> None:
        self._emit(data)
        self._write(self._masked.add(data))

    def close(self) -> None:
        self._write(self._masked.flush())
        self._file.close()

    def _write(self, data: bytes) -> None:
        self._file.write(data[: self._left])
        self._left -= min(self._left, len(data))


def file_name(remote: str) -> str:
    """A safe local name for a path on the device."""
    name = _UNSAFE.sub("_", remote.rstrip("/").rpartition("/")[2]).strip("._")
    return f"pulled-{name[:100] or 'file'}"


def _place(ctx: Context, name: str) -> Path:
    ctx.folder.mkdir(parents=True, exist_ok=True)
    return ctx.folder / name
