"""The story of `rackhand demo`: everything up, one health sweep over all devices, and the time after it."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rackhand.agent.adb.binary import find_binary
from rackhand.agent.adb.errors import AdbError
from rackhand.cli.client import Client
from rackhand.cli.follow import count_final, describe, follow
from rackhand.cli.outcome import put_json, say
from rackhand.cli.progress import progress
from rackhand.cli.stage import Cast, Stage, expected_counts, first_free_port, matches
from rackhand.core.errors import Conflict
from rackhand.sim.faults import UNREACHABLE
from rackhand.sim.scenario import load_scenario
from rackhand.sim.video_site import KEY

PRESET = "Health sweep"
POLL_S = 0.25
OFFLINE_S = 30.0
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller asked of the run."""

    policy: dict[str, Any]
    seed: int | None
    is_once: bool
    is_json: bool


def choose_front(wanted: str) -> str:
    """The wanted front; none wanted: a real adb server if there is one to be started."""
    if wanted not in ("", "transport", "server"):
        raise ValueError(f"--front must be transport or server, not {wanted!r}; nothing was started")
    if wanted == "server":
        return wanted
    try:
        asyncio.run(find_binary())
    except AdbError as error:
        if wanted:
            raise ValueError(f"--front transport needs an adb binary: {error}") from error
        say(f"{error}. Taking --front server, which needs none.")
        return "server"
    return "transport"


def choose_scenario(wanted: str, devices: int) -> str:
    """Checked before anything starts; a file by its whole path."""
    load_scenario(wanted, devices)
    return wanted if wanted in ("none", "default") else str(Path(wanted).absolute())


def choose_port(wanted: int) -> int:
    """The wanted port, or the next free one, with a note."""
    free = first_free_port(wanted)
    if free != wanted:
        say(f"Port {wanted} is in use; taking {free}.")
    return free


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM and a closed terminal end the demo like Ctrl-C, which does so in the background, too."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    for name in SIGNALS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), interrupt)
    yield


@contextmanager
def kept_or_temporary(wanted: Path | None) -> Iterator[Path]:
    if wanted is not None:
        wanted.mkdir(parents=True, exist_ok=True)
        yield wanted.absolute()
        return
    folder = Path(tempfile.mkdtemp(prefix="rackhand-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def play(cast: Cast, wish: Wish) -> bool:
    """Everything up, the run, and the time after it. True if the run ended as announced."""
    stage = Stage(cast, os.environ)
    is_right: bool | None = None
    try:
        is_right = _tell(stage, cast, wish)
        if not wish.is_once:
            _serve_on(stage)
    except KeyboardInterrupt:
        if is_right is None:
            raise
    finally:
        _ignore_signals()
        say("Ending all processes.")
        stage.close()
    return bool(is_right)


def _ignore_signals() -> None:
    """The end takes less than five seconds; impatience would only leave processes behind."""
    for name in SIGNALS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def _tell(stage: Stage, cast: Cast, wish: Wish) -> bool:
    say(f"Starting a server, {cast.nodes} nodes and {cast.devices} simulated devices (front {cast.front}).")
    stage.open()
    client = Client(stage.url, stage.token)
    for position, node_id in enumerate(stage.node_ids):
        stage.start_agent(position, node_id, _enrol(client, node_id))
    say(f"Server: {stage.url}")
    say(f"Log in: {stage.login}")
    _await_devices(stage, client, cast)
    _start_scenario(stage, client)
    run, duration_s = _run(stage, client, cast, wish)
    if not wish.is_once:
        _offer_videos(stage, client)
    expected = expected_counts(cast.scenario, cast.devices)
    is_right = matches(run["counts"], expected)
    _report(stage, run, duration_s, wish, is_right)
    return is_right


def _offer_videos(stage: Stage, client: Client) -> None:
    """Two simulated channels with videos, for the pages of content."""
    now = time.time_ns() // 1_000_000
    for name, uploads in (("kiosk", 12), ("signage", 60)):
        stage.videos.channel(name, uploads, latest_at=now - 3_600_000, every_ms=32_400_000)
    client.put("/api/content/source", {"api_key": KEY})
    for name in ("kiosk", "signage"):
        with suppress(Conflict):  # a kept data folder knows it
            client.post("/api/channels", {"channel": f"@{name}"})


def _enrol(client: Client, node_id: str) -> str:
    """The token of a node; one that a kept data folder knows gets a new one."""
    try:
        return str(client.post("/api/nodes", {"id": node_id})["token"])
    except Conflict:
        return str(client.post(f"/api/nodes/{node_id}/rotate")["token"])


def _until(condition: Callable[[], bool], timeout_s: float, check: Callable[[], None]) -> bool:
    """Poll until it holds; False when the time is over."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        check()
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def _await_devices(stage: Stage, client: Client, cast: Cast) -> None:
    """Until every device without a fault is registered and online."""
    wanted = sum(not device["faults"] for device in _simulated(stage))
    with progress("Registering devices", wanted) as show:

        def are_all_online() -> bool:
            online: int = sum(node["online_device_count"] for node in client.get("/api/nodes")["items"])
            show(min(online, wanted))
            return online >= wanted

        if not _until(are_all_online, 60 + cast.devices * 0.5, stage.check):
            raise Conflict("not all devices came online; see the logs of the agents, or try --front server")


def _simulated(stage: Stage) -> list[dict[str, Any]]:
    return list(_control(stage).get("/devices"))


def _control(stage: Stage) -> Client:
    """The control port of the simulated devices: JSON over HTTP as well, without a token."""
    return Client(stage.control, "")


def _start_scenario(stage: Stage, client: Client) -> None:
    """Let the scenario begin, and wait until the nodes have seen who is offline by it."""
    _control(stage).post("/scenario/start")
    offline = {device["serial"] for device in _simulated(stage) if set(UNREACHABLE) & set(device["faults"])}

    def are_reported() -> bool:
        seen = {d["serial"] for d in client.items("/api/devices", {"online": "false", "limit": 500})}
        return offline <= seen

    if offline and not _until(are_reported, OFFLINE_S, stage.check):
        say("The nodes did not report all offline devices in time; the run starts all the same.")


def _run(stage: Stage, client: Client, cast: Cast, wish: Wish) -> tuple[dict[str, Any], float]:
    presets = client.post("/api/playbooks/presets")["items"]
    playbook_id = next(preset["id"] for preset in presets if preset["title"] == PRESET)
    body = {"playbook_id": playbook_id, "target": {"scope": "all"}, "policy": wish.policy}
    began_at = time.monotonic()
    created = client.post("/api/runs", body | ({} if wish.seed is None else {"seed": wish.seed}))
    with progress(PRESET, created["counts"]["total"]) as show:
        run = follow(client, created["id"], show, check=stage.check)
        show(count_final(run["counts"]), describe(run["counts"]))
    return run, time.monotonic() - began_at


def _report(stage: Stage, run: dict[str, Any], duration_s: float, wish: Wish, is_right: bool) -> None:
    say(f"Run {run['id']} ended {run['status']} after {duration_s:.1f} s: {describe(run['counts'])}")
    say("That is how this scenario ends." if is_right else "This is NOT how this scenario ends.")
    if wish.is_json:
        ended = {"url": stage.url, "run_id": run["id"], "status": run["status"], "counts": run["counts"]}
        put_json(ended | {"duration_s": round(duration_s, 3)})
    else:
        print(f"{stage.url}", flush=True)


def _serve_on(stage: Stage) -> None:
    say("Serving until Ctrl-C. In a browser (the link logs you in once):")
    say(f"  {stage.login}")
    say("In another terminal:")
    say(f"  export RACKHAND_SERVER={stage.url} RACKHAND_TOKEN={stage.token}")
    say("  rackhand runs list; rackhand devices list; rackhand run 'Health sweep' --target 1-5")
    while True:
        stage.check()
        time.sleep(1)
