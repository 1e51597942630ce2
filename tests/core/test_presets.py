"""Presets: every one is a playbook that the product itself accepts, and asks for what its steps use."""

import pytest

from rackhand.core import template
from rackhand.core.errors import FieldError, NotFound
from rackhand.core.playbook import check_document
from rackhand.core.presets import PRESETS, Preset, find

APK = "a" * 64


def wrong(key: str, **given: str) -> list[tuple[str, str]]:
    """What `values` complains of."""
    errors: list[FieldError] = []
    find(key).values(given, errors)
    return [(error.path, error.message) for error in errors]


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.key)
def test_a_preset_is_a_playbook_whose_placeholders_are_asked_for(preset: Preset) -> None:
    errors: list[FieldError] = []
    document = check_document(preset.document(APK), errors)

    assert errors == []
    assert {step["effect"] for step in document["steps"]} == {"repeatable"}
    assert document["steps"][-1]["kind"] == "screenshot"
    assert template.names_of(document, "params") == tuple(sorted(each.name for each in preset.inputs))


def test_only_the_one_that_installs_needs_a_file() -> None:
    assert [preset.key for preset in PRESETS if preset.needs_file] == ["install-app"]
    assert find("install-app").document(APK)["steps"][0]["params"] == {"file": APK}


def test_they_are_known_by_keys_and_titles() -> None:
    assert [(preset.key, preset.title) for preset in PRESETS] == [
        ("health-sweep", "Health sweep"),
        ("install-app", "Install and launch an app"),
        ("check-playback", "Open a URL and check playback"),
        ("kiosk-reset", "Kiosk reset"),
    ]
    with pytest.raises(NotFound, match="there is no preset coffee"):
        find("coffee")


def test_what_is_left_empty_has_its_default() -> None:
    errors: list[FieldError] = []

    assert find("kiosk-reset").values({"volume": " 0 ", "brightness": ""}, errors) == {
        "brightness": "128",
        "volume": "0",
    }
    assert errors == []


def test_values_are_checked_by_name() -> None:
    assert wrong("health-sweep", url="x") == [("/values/url", "is no value of this preset")]
    assert [path for path, _ in wrong("check-playback")] == ["/values/url"]
    assert wrong("check-playback", url="youtube") == [("/values/url", "must be an address such as https://example.com")]
    assert wrong("check-playback", url="https://youtu.be/x y")[0][0] == "/values/url"
    assert wrong("install-app", package="../x; reboot")[0][0] == "/values/package"
    assert wrong("install-app", package="com.example.player") == []
    for brightness in ("0", "7", "99", "199", "255"):
        assert wrong("kiosk-reset", brightness=brightness) == []
    for brightness in ("256", "300", "-1", "1.5", "bright"):
        assert wrong("kiosk-reset", brightness=brightness)[0][0] == "/values/brightness"
    assert wrong("kiosk-reset", volume="26")[0][0] == "/values/volume"
