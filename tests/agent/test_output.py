"""What a step said: the whole in a file, the tail within its bound, lines counted whatever the pieces."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackhand.agent.output import Output, clip
from rackhand.wire.messages import MAX_TAIL_BYTES


@given(pieces=st.lists(st.binary(max_size=30), max_size=10))
def test_pieces_make_no_difference(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]) -> None:
    output = Output(tmp_path_factory.mktemp("out") / "step" / "output.log")
    for piece in pieces:
        output.add(piece)
    whole = b"".join(pieces)

    assert output.size == len(whole)
    assert output.line_count == len(whole.split(b"\n")) - (whole.endswith(b"\n") or not whole)
    assert output.tail() == whole.decode("utf-8", "replace").replace("\0", "\ufffd")
    assert output.path.exists() is bool(whole)
    assert not whole or output.path.read_bytes() == whole


@given(text=st.text(max_size=50), limit=st.integers(1, 60))
def test_a_clipped_text_is_a_whole_end_within_the_limit(text: str, limit: int) -> None:
    clipped = clip(text, limit)

    assert text.endswith(clipped)
    assert len(clipped.encode()) <= limit


def test_ten_megabytes_keep_their_tail_and_the_bounded_file(tmp_path: Path) -> None:
    output = Output(tmp_path / "output.log", max_bytes=1_000_000)
    for number in range(100):
        output.add(b"%06d\n" % number * 15_000)

    assert output.line_count == 1_500_000
    assert output.path.stat().st_size == 1_000_000
    assert output.tail().endswith("000099\n")
    assert len(output.tail()) <= MAX_TAIL_BYTES


def test_bytes_that_are_no_text_are_replaced_within_the_bound(tmp_path: Path) -> None:
    output = Output(tmp_path / "output.log")
    output.add(b"\xff\x00" * MAX_TAIL_BYTES)

    assert set(output.tail()) == {"\ufffd"}
    assert len(output.tail().encode()) <= MAX_TAIL_BYTES


def test_a_full_disk_costs_the_log_and_not_the_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    output = Output(tmp_path / "output.log")
    output.add(b"one\n")
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.open", full)
        output.add(b"two\n")
    output.add(b"three\n")

    assert output.path.read_bytes() == b"one\n"
    assert (output.tail(), output.line_count) == ("one\ntwo\nthree\n", 3)
