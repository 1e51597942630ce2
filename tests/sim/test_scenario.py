"""Scenario files are checked whole, and every error names its path."""

from pathlib import Path

import pytest

from rackhand.core.errors import Invalid
from rackhand.sim.scenario import NONE, Rule, default_scenario, load_scenario, parse_scenario

GOOD = """
name = "tired rack"
[[state]]
devices = "1,3-4"
battery = 12
temperature = 412
packages = ["com.example.kiosk"]
props = { "persist.sys.locale" = "ko-KR" }
settings = { "global/airplane_mode_on" = "1" }
[[rule]]
devices = "2"
fault = "slow"
params = { ms = 500 }
when = "command"
match = "screencap"
nth = 2
for_ms = 100
[[rule]]
fault = "flap"
when = "time"
after_ms = 1000
"""


def test_a_file_is_read() -> None:
    scenario = parse_scenario(GOOD, 5)
    assert scenario.name == "tired rack"
    assert scenario.states[0].devices == (1, 3, 4)
    assert scenario.rules[0] == Rule("slow", (2,), {"ms": 500}, "command", "screencap", 2, 0, 100)
    assert scenario.rules[1].params == {"period_ms": 2000}
    assert scenario.rules[1].devices == ()


@pytest.mark.parametrize(
    ("text", "path", "reason"),
    [
        ("name = ", "", "is not TOML"),
        ("name = 3", "/name", "must be a text"),
        ("surprise = 1", "/surprise", "unknown key; known: name, rule, state"),
        ("rule = 3", "/rule", "must be written as [[rule]] tables"),
        ("[[rule]]\nfault = 'mutee'", "/rule/0/fault", "unknown fault 'mutee'; known: refuse"),
        ("[[rule]]\nfault = 'mute'\nparams = {ms = 1}", "/rule/0/fault", "has no parameter 'ms'"),
        ("[[rule]]\nfault = 'slow'\nparams = {ms = 'x'}", "/rule/0/fault", "ms must be int"),
        ("[[rule]]\nfault = 'slow'\nparams = {ms = -1}", "/rule/0/fault", "must not be negative"),
        ("[[rule]]\nfault = 'slow'\nparams = 3", "/rule/0/params", "must be a table"),
        ("[[rule]]\nfault = 'mute'\ndevices = '2-9'", "/rule/0/devices", "within 1-5"),
        ("[[rule]]\nfault = 'mute'\ndevices = 'x'", "/rule/0/devices", "'x' is no number"),
        ("[[rule]]\nfault = 'mute'\ndevices = 3", "/rule/0/devices", "must be a text"),
        ("[[rule]]\nfault = 'mute'\nwhen = 'later'", "/rule/0/when", "must be one of at_once, start"),
        ("[[rule]]\nfault = 'mute'\nmatch = '('", "/rule/0/match", "no regular expression"),
        ("[[rule]]\nfault = 'mute'\nnth = 0", "/rule/0/nth", "at least 1"),
        ("[[rule]]\nfault = 'mute'\nnth = true", "/rule/0/nth", "at least 1"),
        ("[[state]]\nbattery = 'full'", "/state/0/battery", "whole number"),
        ("[[state]]\npackages = 'x'", "/state/0/packages", "list of names"),
        ("[[state]]\nprops = {a = 1}", "/state/0/props", "table of texts"),
        ("[[state]]\nsettings = {'airplane' = '1'}", "/state/0/settings/airplane", "system/KEY"),
    ],
)
def test_an_error_names_path_and_reason(text: str, path: str, reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_scenario(text, 5)
    assert [error.path for error in caught.value.errors] == [path]
    assert reason in caught.value.errors[0].message


def test_all_errors_come_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        parse_scenario("x = 1\n[[rule]]\nfault='no'\nnth=0\n[[state]]\nbattery=-1", 5)
    assert [error.path for error in caught.value.errors] == ["/x", "/rule/0/fault", "/rule/0/nth", "/state/0/battery"]


def test_loading_by_name_or_path(tmp_path: Path) -> None:
    assert load_scenario("none", 5) is NONE
    assert load_scenario("default", 20).name == "default"
    (tmp_path / "s.toml").write_text(GOOD, encoding="utf-8")
    assert load_scenario(str(tmp_path / "s.toml"), 5).name == "tired rack"
    with pytest.raises(Invalid, match="cannot read scenario"):
        load_scenario(str(tmp_path / "none.toml"), 5)


@pytest.mark.parametrize("count", [2, 3, 4, 20, 200])
def test_the_default_has_one_offline_and_one_silent_device(count: int) -> None:
    offline, silent = default_scenario(count).rules
    assert (offline.fault, offline.when) == ("refuse", "start")
    assert (silent.fault, silent.when, silent.nth) == ("mute", "command", 2)
    assert offline.devices != silent.devices
    assert 1 <= offline.devices[0] <= count
    assert 1 <= silent.devices[0] <= count


@pytest.mark.parametrize(
    ("script", "counts"),
    [
        ("echo $$\necho rh-probe", False),
        ("echo ok", False),
        ("getprop ro.serialno; getprop ro.product.model; getprop ro.build.version.release", False),
        ("echo $$\ngetprop sys.boot_completed", False),
        ("cat /proc/sys/kernel/random/boot_id", False),
        ("kill -9 -2001", False),
        ("echo $$\nscreencap -p", True),
        ("echo $$\nexport RH_params_x='a'\necho \"${RH_params_x}\" | wc -c", True),
        ("am force-stop com.android.chrome", True),
    ],
)
def test_probes_are_no_commands_of_the_run(script: str, counts: bool) -> None:
    assert Rule("mute", when="command").strikes_at(script) is counts
