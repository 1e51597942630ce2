"""Keys and signatures are read and checked as adbd does."""

import base64

import pytest

from rackhand.sim.auth import is_signed_by, parse_public_key


def test_a_signature_is_checked_against_its_key() -> None:
    """With exponent 1 a signature is the padded text itself: the padding rule is what is tested here."""
    modulus = (1 << 2048) - 1
    token = bytes(range(20))
    padded = b"\x00\x01" + b"\xff" * 218 + b"\x00" + bytes.fromhex("3021300906052b0e03021a05000414") + token
    assert is_signed_by((modulus, 1), token, padded)
    assert not is_signed_by((modulus, 1), bytes(20), padded)
    assert not is_signed_by((modulus, 1), token, padded[:-1])


@pytest.mark.parametrize("text", [b"", b"not base64!", base64.b64encode(b"short"), base64.b64encode(bytes(524))])
def test_an_unreadable_key_is_none(text: bytes) -> None:
    assert parse_public_key(text + b" someone@somewhere\0") is None
