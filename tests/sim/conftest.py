"""A real adb server on its own port with its own key, and a few words of the adb server protocol."""

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import adbutils
import pytest

from rackhand.sim.ports import free_port

AdbResult = tuple[int, str, str]
ADB = Path(adbutils.__file__).parent / "binaries" / ("adb.exe" if os.name == "nt" else "adb")


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
            client.sendall(b"000chost:version")
            return client.recv(4) == b"OKAY"
    except OSError:
        return False


@pytest.fixture(scope="session")
def adb_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a real adb server, started once (it takes about 3 s) and ended by its pid."""
    port = free_port()
    home = tmp_path_factory.mktemp("adb-home")
    settings = {"ADB_MDNS": "0", "ADB_EMU": "0", "ADB_REJECT_KILL_SERVER": "1", "ANDROID_ADB_SERVER_PORT": str(port)}
    env = {**os.environ, **settings, "HOME": str(home)}
    with (home / "adb.log").open("wb") as log:
        server = subprocess.Popen(
            [ADB, "nodaemon", "server"], env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
    try:
        deadline = time.monotonic() + 20
        while not answers(port):
            assert server.poll() is None, "the adb server ended"
            assert time.monotonic() < deadline, "the adb server does not answer"
            time.sleep(0.02)
        yield env
    finally:
        server.kill()
        server.wait(10)


@pytest.fixture
def adb(adb_settings: dict[str, str]) -> Iterator[Callable[..., Awaitable[AdbResult]]]:
    """`await adb("devices", "-l", stdin=b"")` -> (rc, stdout, stderr); knows no device at first."""
    env = adb_settings

    async def run(*args: str, stdin: bytes = b"") -> AdbResult:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(ADB, *args, env=env, stdin=pipe, stdout=pipe, stderr=pipe)
        try:
            async with asyncio.timeout(20):
                out, err = await process.communicate(stdin)
        except TimeoutError:
            process.kill()
            out, err = await process.communicate()
            raise AssertionError(f"adb {args} hung; {out!r} {err!r}") from None
        return process.returncode or 0, out.decode("latin-1"), err.decode("latin-1")

    yield run
    subprocess.run([ADB, "disconnect"], env=env, timeout=20, check=True, capture_output=True)


@pytest.fixture
def ask() -> Callable[..., Awaitable[bytes]]:
    """`await ask(port, "host:transport:SIM00001", "shell:id")` -> the answer after the last OKAY, or the FAIL."""

    async def talk(port: int, *requests: str) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            async with asyncio.timeout(10):
                for request in requests:
                    data = request.encode()
                    writer.write(b"%04x" % len(data) + data)
                    status = await reader.readexactly(4)
                    if status != b"OKAY":
                        return status + await reader.read()
                    if request.startswith("host:tport:"):
                        await reader.readexactly(8)
                return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()

    return talk
