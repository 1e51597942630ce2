"""The simulated adbd: what a service name such as `shell,v2:ls` or `sync:` does, whatever front it came through.

Belongs here: shells on streams, the SIGHUP-only rule, faults that a stream shows. Must not: transport framing.
"""

import asyncio
import struct

from rackhand.sim.call import decode
from rackhand.sim.device import SimDevice
from rackhand.sim.faults import SILENT
from rackhand.sim.process import SIGNALS, Process
from rackhand.sim.shell import Shell
from rackhand.sim.streams import EXIT, STDERR, STDOUT, ChannelSink, Pipe, Reader, Sink, Stream
from rackhand.sim.sync import serve_sync

FEATURES = "shell_v2,cmd,stat_v2,ls_v2,fixed_push_mkdir,sendrecv_v2"
NO_ROOT = b"adbd cannot run as root in production builds\n"
_STDIN, _CLOSE_STDIN = 0, 4


class GuardedStream:
    """A stream as the faults let it be seen; counts bytes for the journal."""

    def __init__(self, device: SimDevice, stream: Stream, number: int) -> None:
        self._device = device
        self._stream = stream
        self.number = number
        self.bytes_in = 0
        self.bytes_out = 0
        self.is_gone = False

    async def read(self) -> bytes:
        if self.is_gone:
            return b""
        data = await self._stream.read()
        await self._device.faults.until_off("freeze", "black_hole", "stall_read")
        self.bytes_in += len(data)
        self.is_gone = self.is_gone or not data
        return data

    async def write(self, data: bytes) -> None:
        faults = self._device.faults
        await faults.until_off(*SILENT, "no_output")
        if self.is_gone:
            raise BrokenPipeError("the caller is gone")
        if faults.is_on("truncate_mid_stream"):
            left = faults.number("truncate_mid_stream", "bytes") - self.bytes_out
            if len(data) > left:
                await self._stream.write(data[: max(0, left)])
                self.bytes_out += max(0, left)
                self.is_gone = True
                await self._stream.close()
                raise ConnectionAbortedError("cut by the fault truncate_mid_stream")
        await self._stream.write(data)
        self.bytes_out += len(data)

    async def close(self) -> None:
        if not self.is_gone:
            await self._device.faults.until_off(*SILENT, "no_output")
        await self._stream.close()


class Daemon:
    """adbd of one device."""

    def __init__(self, device: SimDevice) -> None:
        self.device = device
        self._streams = 0

    def knows(self, service: str) -> bool:
        """Whether this service can be opened at all; journals what is not simulated."""
        name = service.partition(":")[0].partition(",")[0]
        if ":" in service and name in ("shell", "exec", "sync", "reboot", "root", "unroot", "remount"):
            return True
        self.device.journal.add("not_simulated", name=service[:200])
        return False

    async def serve(self, service: str, stream: Stream) -> None:
        """Run one opened service to its end, then close the stream."""
        self._streams += 1
        guarded = GuardedStream(self.device, stream, self._streams)
        self.device.journal.add("opened", service=service[:200], stream=guarded.number)
        try:
            await self._dispatch(service, guarded)
        except (ConnectionError, EOFError):
            guarded.is_gone = True
        finally:
            kind = "aborted" if guarded.is_gone else "closed"
            counts = {"bytes_in": guarded.bytes_in, "bytes_out": guarded.bytes_out}
            self.device.journal.add(kind, stream=guarded.number, **counts)
        await guarded.close()

    async def _dispatch(self, service: str, stream: GuardedStream) -> None:
        name, _, argument = service.partition(":")
        kind, *options = name.split(",")
        if kind == "sync":
            await serve_sync(self.device, stream)
        elif kind == "shell":
            await self._shell(argument, stream, is_framed="v2" in options, is_merged="pty" in options)
        elif kind == "exec":
            await self._shell(argument, stream, is_framed=False, is_merged=True)
        elif kind == "reboot":
            self.device.reboot()
        else:
            await stream.write(NO_ROOT)

    async def _shell(self, script: str, stream: GuardedStream, *, is_framed: bool, is_merged: bool) -> None:
        stdin = Pipe(limit=1024 * 1024)
        stdout: Sink = ChannelSink(stream, STDOUT if is_framed else None)
        stderr: Sink = ChannelSink(stream, STDERR) if is_framed and not is_merged else stdout
        device = self.device

        async def body(process: Process) -> int:
            device.journal.add("command", text=script, pid=process.pid, stream=stream.number)
            for listener in device.on_command:
                listener(script)
            await device.faults.until_off(*SILENT)
            await device.delay()
            shell = Shell(device, process, Reader(stdin), stdout, stderr)
            return await (shell.run_main(script) if script else run_interactive(shell))

        process = device.processes.spawn(f"sh -c {script}" if script else "sh -", body, terminal=stream)
        feeder = asyncio.create_task(feed(stream, stdin, is_framed=is_framed))
        feeder.add_done_callback(lambda task: self._hang_up(process, task))
        try:
            status = await process.wait()
            device.journal.add("exit", rc=status, pid=process.pid, stream=stream.number)
            await self._wait_for_holders(stream)
            if is_framed and not stream.is_gone:
                await stream.write(struct.pack("<BIB", EXIT, 1, status & 255))
        finally:
            feeder.cancel()
            await asyncio.gather(feeder, return_exceptions=True)

    def _hang_up(self, process: Process, task: asyncio.Task[bool]) -> None:
        """The caller is gone: tell the shell, and only the shell."""
        if not task.cancelled() and not process.exited.done():
            self.device.processes.deliver(process, SIGNALS["HUP"])

    async def _wait_for_holders(self, stream: GuardedStream) -> None:
        """adbd keeps a stream open while any process still has it as its output."""
        while not stream.is_gone:
            holders = [p for p in self.device.processes.live.values() if p.terminal is stream]
            if not holders:
                return
            waits = [asyncio.ensure_future(p.wait()) for p in holders]
            await asyncio.wait(waits, timeout=0.05)
            for each in waits:
                each.cancel()


async def run_interactive(shell: Shell) -> int:
    """`adb shell` without a command: one line at a time, with a prompt."""
    while True:
        await shell.stdout.write(b"sim:/ $ ")
        line = await shell.stdin.line()
        if not line:
            return shell.status
        await shell.run_text(decode(line))
        if shell.should_exit:
            return shell.status


async def feed(stream: GuardedStream, stdin: Pipe, *, is_framed: bool) -> bool:
    """Move what the caller sends to the shell's stdin until the caller is gone."""
    try:
        if is_framed:
            reader = Reader(stream)
            while True:
                channel, size = struct.unpack("<BI", await reader.exactly(5))
                data = await reader.exactly(size)
                if channel == _STDIN and data:
                    await stdin.write(data)
                elif channel == _CLOSE_STDIN:
                    await stdin.end()
        while data := await stream.read():
            await stdin.write(data)
    except (EOFError, ConnectionError):
        stream.is_gone = True
    await stdin.end()
    return True
