"""How the pid line is taken off a command's output, however it is cut into packets."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rackhand.agent.adb.protocol import STDERR, STDOUT
from rackhand.agent.adb.shell import Output, ShellResult


def feed(pieces: list[bytes], limit: int = 1000) -> tuple[Output, bytes]:
    seen = bytearray()
    output = Output(limit, seen.extend)
    for piece in pieces:
        output.add(STDOUT, piece)
    output.finish()
    return output, bytes(seen)


@given(st.integers(2, 10**9), st.binary(max_size=200), st.lists(st.integers(0, 250), max_size=5))
def test_the_pid_line_is_taken_off_at_any_cut(pid: int, said: bytes, cuts: list[int]) -> None:
    whole = b"%d\n" % pid + said
    edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    output, seen = feed([whole[a:b] for a, b in pairwise(edges)])
    assert output.pid == pid
    assert seen == bytes(output.kept[STDOUT]) == said


def test_a_first_line_that_is_no_pid_is_output() -> None:
    for said in (b"sh: syntax error\n", b"12345678901234\n", b"42", b"-5\nx", b"1\nx", b"\xff\xfe", b"0\n"):
        output, seen = feed([said])
        assert output.pid is None
        assert seen == said


def test_output_is_bounded_but_the_sink_sees_all() -> None:
    output, seen = feed([b"7\n", b"a" * 15, b"b" * 15], limit=20)
    assert output.is_truncated
    assert bytes(output.kept[STDOUT]) == b"a" * 15 + b"b" * 5
    assert len(seen) == 30


def test_exactly_the_bound_is_not_truncated() -> None:
    output, _ = feed([b"7\n", b"a" * 20], limit=20)
    assert not output.is_truncated


def test_standard_error_is_kept_apart() -> None:
    output = Output(100, None)
    output.add(STDERR, b"no pid here\n")
    output.add(STDOUT, b"9\nout")
    assert output.pid == 9
    assert bytes(output.kept[STDERR]) == b"no pid here\n"


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert ShellResult(0, b"a\xff\0b", b"").text == "a��b"
