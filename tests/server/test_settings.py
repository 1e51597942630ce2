"""Settings: which source wins, and that an error names the culprit."""

from dataclasses import fields
from pathlib import Path

import pytest

from rackhand.core.lease import Periods
from rackhand.server.settings import SETTINGS, SettingError, Settings, load


def test_flags_beat_variables_beat_the_file_beats_the_default(tmp_path: Path) -> None:
    file = tmp_path / "rackhand.toml"
    file.write_text('port = 1\nlease_ms = 2\nhost = "::1"\nallowed_hosts = ["A.lab", "b.lab"]\n', encoding="utf-8")
    loaded = load({"port": 3, "host": None}, {"RACKHAND_PORT": "2", "RACKHAND_LEASE_MS": "5"}, file)

    assert (loaded.port, loaded.lease_ms, loaded.host) == (3, 5, "::1")
    assert loaded.allowed_hosts == ("a.lab", "b.lab")
    assert loaded.beat_ms == Settings().beat_ms


def test_every_period_is_a_setting_with_the_core_s_default() -> None:
    assert Settings().periods == Periods()
    assert {item.name for item in fields(Periods)} <= {setting.name for setting in SETTINGS}
    assert load({}, {"RACKHAND_SWEEP_MS": "7"}).periods == Periods(sweep_ms=7)


def test_every_setting_explains_itself() -> None:
    for setting in SETTINGS:
        assert setting.help, setting.name
        assert setting.variable == f"RACKHAND_{setting.name.upper()}"
        assert setting.read(setting.default) == setting.default


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("RACKHAND_PORT", "many", "whole number"),
        ("RACKHAND_PORT", "65536", "from 0 to 65535"),
        ("RACKHAND_LEASE_MS", "0", "from 1"),
        ("RACKHAND_BEHIND_PROXY", "perhaps", "true or false"),
        ("RACKHAND_BOOTSTRAP_TOKEN", "x" * 31, "at least 32 characters"),
        ("RACKHAND_LOG_FORMAT", "xml", "text or json"),
    ],
)
def test_a_bad_variable_is_named(variable: str, value: str, reason: str) -> None:
    with pytest.raises(SettingError, match=f"{variable}: must .*{reason}|{variable}: must {reason}"):
        load({}, {variable: value})


@pytest.mark.parametrize("content", ["port = [", "prot = 1", "port = true", 'port = "x"', "behind_proxy = 3", "\xff"])
def test_a_bad_file_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "rackhand.toml"
    file.write_text(content, encoding="latin-1")

    with pytest.raises(SettingError, match=r"rackhand\.toml"):
        load({}, {}, file)


def test_a_missing_file_and_a_bad_flag_are_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"none\.toml"):
        load({}, {}, tmp_path / "none.toml")
    with pytest.raises(SettingError, match="--max-body-bytes"):
        load({"max_body_bytes": 1}, {})


def test_words_for_switches() -> None:
    assert [load({}, {"RACKHAND_BEHIND_PROXY": word}).behind_proxy for word in ("1", "Yes", "off")] == [
        True,
        True,
        False,
    ]
