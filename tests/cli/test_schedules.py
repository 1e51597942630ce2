"""Schedules and notifications at the command line, against a real server."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.testing import Result

Ask = Callable[..., Result]

LOGIN = """rackhand: 1
title: Log in
steps:
  - {title: Type, kind: shell, params: {command: "login {{ secrets.pin }} {{ params.user }}"}}
"""


def data(ended: Result) -> Any:
    assert ended.exit_code == 0, ended.output
    return json.loads(ended.stdout)


def test_a_schedule_is_made_shown_paused_and_forgotten(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "login.yaml").write_text(LOGIN, encoding="utf-8")
    words = ("schedules", "create", str(tmp_path / "login.yaml"), "--target", "1-2", "--cron", "0 0 1 1 *")
    refused = ask(*words, "--param", "user=kim")
    made = data(
        ask(
            *(*words, "--param", "user=kim", "--secret", "pin", "--time-zone", "Asia/Seoul", "--json"),
            RACKHAND_SECRET_PIN="12345",
        )
    )

    assert refused.exit_code == 2
    assert "/secrets/pin" in refused.stderr
    assert (made["title"], made["secrets"], made["target"]["indexes"]) == ("Log in", ["pin"], "1-2")
    assert made["id"] in ask("schedules", "list").stdout
    assert ask("schedules", "show", made["id"]).stdout.count("next: ") == 5
    assert ask("schedules", "pause", made["id"]).exit_code == 0
    assert "paused" in ask("schedules", "list").stdout
    assert "goes on at" in ask("schedules", "resume", made["id"]).stderr
    assert data(ask("schedules", "history", made["id"], "--json")) == []
    assert "TIME" in ask("schedules", "history", made["id"]).stdout
    assert ask("schedules", "delete", made["id"], "--yes").exit_code == 0
    assert data(ask("schedules", "list", "--json")) == []


def test_times_of_an_expression_are_told_or_refused(ask: Ask) -> None:
    told = ask("schedules", "times", "0 9 * * *", "--time-zone", "Asia/Seoul")

    assert told.stdout.count("09:00 KST") == 5
    assert len(data(ask("schedules", "times", "@daily", "--json"))["times"]) == 5
    assert ask("schedules", "times", "61 * * * *").exit_code == 2


def test_a_channel_and_its_rule(ask: Ask) -> None:
    made = ask("notifications", "add-channel", "https://hooks.invalid/x", "--title", "Hook", "--digest", "0")
    channel, secret = made.stdout.split()

    assert secret.startswith("whsec_")
    assert channel in ask("notifications", "channels").stdout
    rule = ask("notifications", "add-rule", channel, "--kinds", "run_failed, node_silent").stdout.strip()
    assert [each["kinds"] for each in data(ask("notifications", "rules", "--json"))] == [["run_failed", "node_silent"]]
    assert "run_failed,node_silent" in ask("notifications", "rules").stdout
    tried = ask("notifications", "test", channel)
    assert (tried.exit_code, "not delivered" in tried.stderr) == (1, True)
    (sent,) = data(ask("notifications", "log", "--channel", channel, "--json"))
    assert sent["state"] == "given_up"
    assert ask("notifications", "remove-rule", rule).exit_code == 0
    assert ask("notifications", "add-rule", channel, "--kinds", "weather").exit_code == 2
    assert ask("notifications", "redeliver", sent["id"]).exit_code == 0
    assert ask("notifications", "remove-channel", channel, "--yes").exit_code == 0
    assert data(ask("notifications", "channels", "--json")) == []
