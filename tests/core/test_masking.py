"""Masking: no cut of the output, no form of the value and no neighbour lets a secret through."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rackhand.core import masking
from rackhand.core.masking import MASK, Mask, mask_of

WORDS = st.text("ab'x\n", min_size=4, max_size=6)
PIECES = st.lists(st.text("ab'x\n-", max_size=7), max_size=12)


def streamed(mask: Mask, pieces: list[str]) -> str:
    stream = mask.stream()
    return b"".join([*(stream.add(piece.encode()) for piece in pieces), stream.flush()]).decode()


@settings(max_examples=150)
@given(st.lists(WORDS, min_size=1, max_size=3), PIECES)
@example(["abab"], ["abababab", "ab"])
@example(["aaab", "abax"], ["aaabax", "--"])
@example(["abca" * 1, "axxx"], ["ab", "ca", "b"])
def test_output_in_pieces_is_masked_like_the_whole(secrets: list[str], pieces: list[str]) -> None:
    mask = Mask(secrets)
    shown = streamed(mask, pieces)

    assert all(secret not in shown for secret in secrets)
    whole = mask.stream()
    assert shown == (whole.add("".join(pieces).encode()) + whole.flush()).decode()


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("hunter22", "the password hunter22 is wrong"),
        ("it's me", "export RH_secrets_x='it'\\''s me'"),
        ("a b&c/d", "GET /?q=a%20b%26c%2Fd"),
        ('say "hi"', '{"text": "say \\"hi\\""}'),
        ("비밀번호", '{"text": "\\ube44\\ubc00\\ubc88\\ud638"}'),
        ("first line\nsecond line", "second line, first line"),
        ("tab\there", '{"a": "tab\\there"}'),
    ],
)
def test_a_value_is_masked_in_every_usual_form(secret: str, said: str) -> None:
    shown = mask_of({"x": secret}).text(said)

    assert MASK in shown
    assert not any(part in shown for part in secret.splitlines())


def test_without_secrets_everything_passes_as_it_is() -> None:
    assert Mask().text("hunter22…") == "hunter22…"
    assert streamed(Mask(), ["hun", "ter22"]) == "hunter22"
    assert Mask(["abc", "a\nb"]).text("abc a\nb") == "abc a\nb", "too short to be masked"


def test_what_was_cut_within_a_secret_loses_the_rest_of_it() -> None:
    mask = Mask(["correct horse battery"])

    assert mask.text("exit code 1: correct horse…") == f"exit code 1: {MASK}…"
    assert mask.text("exit code 1: cor") == "exit code 1: cor", "three characters are nothing"


def test_nothing_is_held_back_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "MAX_HELD", 10)
    stream = Mask(["abab"]).stream()

    assert stream.add(b"ab" * 20) == MASK.encode()
    assert stream.add(b"nothing") == b"abnothing"
