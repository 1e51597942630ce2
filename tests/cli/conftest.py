"""Commands in this process; the server, the node and the devices that they ask are real processes."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from rackhand.cli.fake import BOOTSTRAP, Rig
from rackhand.cli.main import app
from rackhand.sim.video_site import VideoSite

OWN = ("RACKHAND_SERVER", "RACKHAND_TOKEN", "RACKHAND_BOOTSTRAP_TOKEN", "RACKHAND_DATA", "RACKHAND_NODE_ID")
Command = Callable[..., Result]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """`command("runs", "list", RACKHAND_TOKEN=...)`, in an empty folder and without the caller's own settings."""
    for name in OWN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def call(*words: str, **environment: str) -> Result:
        return CliRunner().invoke(app, list(words), env=environment)

    return call


@pytest.fixture(scope="package")
def site() -> Iterator[VideoSite]:
    """The video source of the rig's server."""
    with VideoSite() as running:
        yield running


@pytest.fixture(scope="package")
def rig(tmp_path_factory: pytest.TempPathFactory, site: VideoSite) -> Iterator[Rig]:
    """A server, and node PC-01 with three simulated devices, for all stories of commands."""
    settings = {"RACKHAND_CONTENT_API_URL": site.api, "RACKHAND_OUTBOUND_ALLOW": "127.0.0.1"}
    place = Rig(tmp_path_factory.mktemp("commands"), settings)
    try:
        place.start_server()
        sim = place.start_sim(3)
        place.start_agent("PC-01", sim.ports[0])
        place.until_online(sim.groups[0])
        yield place
    finally:
        place.close()


@pytest.fixture
def ask(command: Command, rig: Rig) -> Command:
    """`command` for an admin of the rig's server."""

    def call(*words: str, **environment: str) -> Result:
        settings: Mapping[str, str] = {"RACKHAND_SERVER": rig.url, "RACKHAND_TOKEN": BOOTSTRAP}
        return command(*words, **{**settings, **environment})

    return call
