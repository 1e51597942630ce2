"""Ids: UUIDv7 sorts by time and looks like RFC 9562; names have one shape."""

from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackhand.core.ids import RESERVED_NODE_IDS, is_id, is_node_id, uuid7

MOMENTS = st.integers(0, 2**48 - 1)
ENTROPY = st.binary(min_size=10, max_size=10)


def test_the_example_of_rfc_9562() -> None:
    """Appendix A.6: unix_ts_ms 017F22E279B0, rand_a CC3, rand_b 18C4DC0C0C07398F."""
    entropy = bytes.fromhex("7cc3" + "98c4dc0c0c07398f")

    assert uuid7(0x017F22E279B0, entropy) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@given(MOMENTS, ENTROPY)
def test_every_uuid7_has_its_version_variant_and_time(now: int, entropy: bytes) -> None:
    made = UUID(uuid7(now, entropy))

    assert (made.version, made.variant, made.int >> 80) == (7, RFC_4122, now)
    assert is_id(str(made))


@given(MOMENTS, MOMENTS, ENTROPY, ENTROPY)
def test_later_ids_sort_after_earlier_ones(a: int, b: int, entropy_a: bytes, entropy_b: bytes) -> None:
    if a != b:
        assert (uuid7(a, entropy_a) < uuid7(b, entropy_b)) == (a < b)


@given(MOMENTS, ENTROPY)
def test_74_of_the_80_random_bits_count(now: int, entropy: bytes) -> None:
    other = bytes(byte ^ 0xFF for byte in entropy)

    assert (UUID(uuid7(now, entropy)).int ^ UUID(uuid7(now, other)).int).bit_count() == 74


@pytest.mark.parametrize("size", [0, 9, 11, 16])
def test_the_wrong_amount_of_randomness_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"10 random bytes, got {size}"):
        uuid7(0, bytes(size))


@pytest.mark.parametrize("text", ["a", "A-1_b", "0" * 64, "-"])
def test_ids(text: str) -> None:
    assert is_id(text)


@pytest.mark.parametrize("text", ["", "0" * 65, "a b", "a\n", "a.b", "é", "../x", "a\x00"])
def test_no_ids(text: str) -> None:
    assert not is_id(text)


@pytest.mark.parametrize("text", ["PC-01", "a", "9", "lab.east_2", "n" * 63])
def test_node_ids(text: str) -> None:
    assert is_node_id(text)


@pytest.mark.parametrize("text", ["", "-a", ".a", "_a", "n" * 64, "PC 01", "PC-01\n", "a/b", "노드"])
def test_no_node_ids(text: str) -> None:
    assert not is_node_id(text)


@pytest.mark.parametrize("word", sorted(RESERVED_NODE_IDS))
def test_words_of_the_routes_name_no_node(word: str) -> None:
    assert not is_node_id(word)
    assert not is_node_id(word.upper())
