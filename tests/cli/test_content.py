"""Content at the command line: a source, a channel, a video that simulated phones play, and the proof that they do."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from rackhand.cli.fake import BOOTSTRAP, Rig
from rackhand.cli.main import app
from rackhand.sim.video_site import KEY, VideoSite
from rackhand.store.fake import MORNING

Ask = Callable[..., Result]
PLAY = """rackhand: 1
title: Play and check
steps:
  - {title: Open, kind: open_url, params: {url: "{{ params.content.url }}"}}
  - {title: It plays, kind: wait_for, params: {media_playing: true}}
"""


def data(ended: Result) -> Any:
    assert ended.exit_code == 0, ended.output
    return json.loads(ended.stdout)


def test_a_registered_video_is_played_and_the_playback_is_proved(
    ask: Ask, rig: Rig, site: VideoSite, tmp_path: Path
) -> None:
    lab = site.channel("lab", 2, latest_at=MORNING)
    video = site.upload(lab, "Lobby loop", MORNING)
    assert ask("channels", "add", "@lab").exit_code == 1, "there is no key yet"
    words = ("content", "source", "--key-stdin", "--budget", "9000", "--json")
    environment = {"RACKHAND_SERVER": rig.url, "RACKHAND_TOKEN": BOOTSTRAP}
    given = CliRunner().invoke(app, list(words), input=f"{KEY}\n", env=environment)
    assert data(given)["daily_units"] == 9000
    assert KEY not in given.output
    assert "ready" in ask("content", "source").stdout

    assert "Lobby loop" in ask("content", "preview", video.id).stdout
    saved = ask("content", "add", f"https://youtu.be/{video.id}", "--tag", "lobby").stdout.strip()
    assert ask("content", "add", "https://www.youtube.com/playlist?list=PL0123456789").exit_code == 2
    (tmp_path / "play.yaml").write_text(PLAY, encoding="utf-8")
    ended = data(ask("run", str(tmp_path / "play.yaml"), "--target", "all", "--content", saved, "--json"))
    assert (ended["status"], ended["counts"]["succeeded"]) == ("succeeded", 3)

    ask("content", "tag", saved, "door", "wall")
    ask("content", "archive", saved)
    assert "Lobby loop" in ask("content", "list", "--archived").stdout
    ask("content", "restore", saved)
    assert [item["tags"] for item in data(ask("content", "list", "--tag", "wall", "--json"))] == [["door", "wall"]]
    ask("content", "seen")
    assert data(ask("content", "list", "--new", "--json")) == []

    channel = data(ask("channels", "add", "@lab", "--json"))["id"]
    ask("channels", "off", channel)
    assert "off" in ask("channels", "list").stdout
    ask("channels", "on", channel)
    assert ask("channels", "sync", channel).exit_code == 0
    assert [each["handle"] for each in data(ask("channels", "list", "--json"))] == ["@lab"]
    assert ask("channels", "remove", channel).exit_code == 0
