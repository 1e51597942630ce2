"""The server as a process: it says where it is, ends in time, and refuses what would be unsafe."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import uvicorn

from rackhand.core.errors import Conflict
from rackhand.server.logs import Console
from rackhand.server.main import Server, address, bind, check_binding, serve
from rackhand.server.settings import SettingError, Settings

SCRIPT = """
import sys
from pathlib import Path
from rackhand.server.logs import set_up_logging
from rackhand.server.main import run
from rackhand.server.settings import Settings
settings = Settings(data=Path(sys.argv[1]), port=0, bootstrap_token="b" * 40, log_format="json")
set_up_logging(settings.log_format)
run(settings, lambda url, _: print(url, flush=True))
print("closed", flush=True)
"""


def ask(url: str, body: object = None, token: str = "b" * 40) -> tuple[int, dict[str, object]]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60) as answer:
        return answer.status, json.loads(answer.read())


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM there")
def test_a_signal_ends_it_in_time_even_with_an_open_long_poll(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "data")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        try:
            assert ask(f"{url}/readyz") == (200, dict.fromkeys(("database", "schema", "sweep", "disk"), "ok"))
            token = str(ask(f"{url}/api/nodes", {"id": "PC-01"})[1]["token"])

            async def story() -> tuple[int, dict[str, object]]:
                poll = asyncio.to_thread(ask, f"{url}/api/nodes/pull", {"node_id": "PC-01", "wait_ms": 30_000}, token)
                task = asyncio.create_task(poll)
                await wait_until_polled(url)
                os.kill(process.pid, signal.SIGTERM)
                return await asyncio.wait_for(task, 20)

            assert asyncio.run(story())[0] == 200
            out, err = process.communicate(timeout=20)
            assert (out.strip(), process.returncode) == ("closed", 0)
            assert "Traceback" not in err
            assert all(json.loads(line)["request_id"] for line in err.splitlines() if '"request"' in line)
        finally:
            process.kill()


async def wait_until_polled(url: str) -> None:
    """Ask until the server counts an open poll."""

    def text() -> str:
        with urllib.request.urlopen(f"{url}/metrics", timeout=60) as answer:
            return str(answer.read(), "utf-8")

    for _ in range(1000):
        if "rackhand_long_polls 1.0" in await asyncio.to_thread(text):
            return
    raise AssertionError("the poll never arrived")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "rack.lab"])
def test_clear_text_beyond_this_machine_is_refused(host: str) -> None:
    with pytest.raises(SettingError, match="RACKHAND_HOST"):
        check_binding(Settings(host=host))
    check_binding(Settings(host=host, behind_proxy=True))
    check_binding(Settings(host=host, tls_cert="a", tls_key="b"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_needs_nothing(host: str) -> None:
    check_binding(Settings(host=host))


def test_half_a_certificate_is_refused() -> None:
    with pytest.raises(SettingError, match="RACKHAND_TLS_KEY"):
        check_binding(Settings(tls_cert="a"))


def test_the_second_signal_waits_for_nothing(tmp_path: Path) -> None:
    server = Server(uvicorn.Config(app=""), lambda: None, lambda: None)
    server.handle_exit(signal.SIGTERM, None)
    assert (server.should_exit, server.force_exit) == (True, False)
    server.handle_exit(signal.SIGTERM, None)
    assert server.force_exit


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Conflict, match=f"127.0.0.1:{port}.*--port"):
            asyncio.run(serve(Settings(data=tmp_path, port=port), print))


def test_port_0_is_known_before_anything_starts() -> None:
    with bind(Settings(port=0)) as sock:
        assert address(Settings(port=0), sock) == f"http://127.0.0.1:{sock.getsockname()[1]}"


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvicorn.Config("", log_config=None).get_loop_factory()])
def test_no_part_of_an_answer_is_held_back(factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Nagle's algorithm is off: else the body, written after the head, waits for the client's delayed ACK."""

    async def story() -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            found.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with bind(Settings(port=0)) as sock:
            async with await asyncio.start_server(greet, sock=sock):
                _, writer = await asyncio.open_connection(*sock.getsockname())
                is_at_once = await asyncio.wait_for(found, 20)
                writer.close()
                await writer.wait_closed()
        return is_at_once

    with asyncio.Runner(loop_factory=factory) as runner:
        assert runner.run(story()) != 0


def test_a_console_that_went_away_stops_no_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gone = (tmp_path / "console").open("w", encoding="utf-8")
    gone.close()
    monkeypatch.setattr(sys, "stderr", gone)
    assert Console().write("sweep failed\n") == len("sweep failed\n")
    Console().flush()


def test_lines_go_to_the_console_of_this_moment(capsys: pytest.CaptureFixture[str]) -> None:
    Console().write("sweep failed\n")
    assert capsys.readouterr().err == "sweep failed\n"
