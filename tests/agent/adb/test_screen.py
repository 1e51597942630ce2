"""PNG or an error that says what came instead."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackhand.agent.adb.errors import CaptureError
from rackhand.agent.adb.screen import PNG_END, PNG_SIGNATURE, extract_png

PNG = PNG_SIGNATURE + b"body" + PNG_END


def test_a_clean_png_passes() -> None:
    assert extract_png(PNG, "R5").png == PNG


def test_a_warning_before_and_garbage_after_are_cut() -> None:
    shot = extract_png(b"[Warning] Multiple displays were found\n" + PNG + b"\r\n", "R5")
    assert shot.png == PNG
    assert shot.warning == "[Warning] Multiple displays were found"


@pytest.mark.parametrize(
    ("raw", "said"),
    [(b"", "nothing at all"), (b"sh: screencap: not found", "not found"), (PNG[:-3], "cut short")],
)
def test_anything_else_is_an_error_with_evidence(raw: bytes, said: str) -> None:
    with pytest.raises(CaptureError, match=said):
        extract_png(raw, "R5")


@given(st.binary())
def test_no_bytes_break_it(raw: bytes) -> None:
    with suppress(CaptureError):
        assert extract_png(raw, "R5").png.endswith(PNG_END)
