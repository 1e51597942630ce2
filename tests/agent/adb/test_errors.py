"""Every error says what, where and in which phase, in one line."""

import pytest

from rackhand.agent.adb.errors import AdbError, DeviceGoneError, InstallError, RemoteError, ServerDownError, shorten
from rackhand.core.errors import RackhandError


def test_an_error_tells_device_service_and_phase() -> None:
    error = DeviceGoneError("gone", serial="R5", service="shell,v2,raw:echo $$\nls\n-l", phase="stream")
    assert str(error) == "gone (device R5, service shell:ls -l, phase stream)"
    assert isinstance(error, RackhandError)
    assert str(AdbError("plain")) == "plain"


def test_only_what_may_pass_by_itself_is_transient() -> None:
    assert DeviceGoneError.is_transient
    assert ServerDownError.is_transient
    assert not RemoteError.is_transient
    assert not InstallError.is_transient


def test_what_a_device_says_is_shortened_to_one_line() -> None:
    error = RemoteError(3, "first\n" + "x" * 1000, serial="R5", service="shell:x")
    assert "\n" not in str(error)
    assert len(str(error)) < 500


@pytest.mark.parametrize(("text", "short"), [("a\n b\t c", "a b c"), ("x" * 11, "x" * 9 + "…"), ("", "")])
def test_shortening(text: str, short: str) -> None:
    assert shorten(text, 10) == short
