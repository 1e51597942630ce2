"""Whatever form an address is pasted in, it is the same video or channel; everything else is refused by what it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackhand.core.errors import FieldError
from rackhand.core.video_links import ChannelRef, channel_ref, video_id, watch_url

ID, CHANNEL = "dQw4w9WgXcQ", "UC1234567890123456789012"


def read_video(text: str) -> tuple[str, list[str]]:
    errors: list[FieldError] = []
    return video_id(text, "/url", errors), [str(error.message) for error in errors]


def read_channel(text: str) -> tuple[ChannelRef | None, list[str]]:
    errors: list[FieldError] = []
    return channel_ref(text, "/url", errors), [str(error.message) for error in errors]


@pytest.mark.parametrize(
    "text",
    [
        ID,
        f"  {ID}\n",
        f"https://www.youtube.com/watch?v={ID}",
        f"http://m.youtube.com/watch?app=desktop&v={ID}&t=42s",
        f"https://music.youtube.com/watch?v={ID}&list=RDAMVM{ID}",
        f"youtube.com/watch?v={ID}&list=PL0123456789abcdef&index=3",
        f"https://youtu.be/{ID}?si=abc",
        f"https://www.youtube.com/shorts/{ID}",
        f"https://www.youtube.com/live/{ID}?feature=share",
        f"https://www.youtube.com/embed/{ID}",
        f"https://www.youtube-nocookie.com/embed/{ID}?rel=0",
        f"https://www.youtube.com/v/{ID}",
        watch_url(ID),
    ],
)
def test_every_form_of_an_address_is_the_same_video(text: str) -> None:
    assert read_video(text) == (ID, [])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("https://www.youtube.com/playlist?list=PL0123456789abcdef", "is a playlist"),
        ("https://www.youtube.com/embed/videoseries?list=PL0123456789abcdef", "is a playlist"),
        ("PL0123456789abcdef", "is a playlist"),
        ("https://www.youtube.com/@rackhand", "is a channel and no video"),
        (f"https://www.youtube.com/channel/{CHANNEL}", "is a channel and no video"),
        (CHANNEL, "is a channel and no video"),
        ("@rackhand", "is a channel and no video"),
        ("", "is no address or id"),
        ("short", "is no address or id"),
        ("https://example.org/watch?v=dQw4w9WgXcQ", "is no address or id"),
        ("ftp://youtube.com/watch?v=dQw4w9WgXcQ", "is no address or id"),
        ("https://youtube.com.evil.example/watch?v=dQw4w9WgXcQ", "is no address or id"),
        ("https://www.youtube.com/watch?v=tooshort", "is no address or id"),
        ("https://youtu.be/", "is no address or id"),
        ("https://[youtu.be/x", "is no address or id"),
        ("https://www.youtube.com/", "is no address or id"),
        ("https://youtu.be/dQw4w9WgXcQ and more", "is no address or id"),
    ],
)
def test_what_is_no_video_is_refused_by_what_it_is(text: str, why: str) -> None:
    found, errors = read_video(text)
    assert found == ""
    assert len(errors) == 1
    assert errors[0].startswith(why)


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        (CHANNEL, ChannelRef("id", CHANNEL)),
        (f"https://www.youtube.com/channel/{CHANNEL}/videos", ChannelRef("id", CHANNEL)),
        ("@rackhand", ChannelRef("forHandle", "@rackhand")),
        ("https://www.youtube.com/@rackhand/shorts", ChannelRef("forHandle", "@rackhand")),
        ("youtube.com/@%EB%9E%99%ED%95%B8%EB%93%9C", ChannelRef("forHandle", "@랙핸드")),
        ("https://www.youtube.com/user/rackhand", ChannelRef("forUsername", "rackhand")),
    ],
)
def test_a_channel_by_address_handle_or_id(text: str, ref: ChannelRef) -> None:
    assert read_channel(text) == (ref, [])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"https://youtu.be/{ID}", "is a video and no channel"),
        (ID, "is a video and no channel"),
        ("PL0123456789abcdef", "is a playlist"),
        ("https://www.youtube.com/playlist?list=PL0123456789abcdef", "is a playlist"),
        ("https://www.youtube.com/c/Rackhand", "is an address by a custom name"),
        ("https://www.youtube.com/feed", "is no address, handle or id"),
        ("what?", "is no address, handle or id"),
    ],
)
def test_what_is_no_channel_is_refused_by_what_it_is(text: str, why: str) -> None:
    found, errors = read_channel(text)
    assert found is None
    assert [error[: len(why)] for error in errors] == [why]


@given(st.text(max_size=80) | st.text("youtube.com/@:?&=list[]%", max_size=60))
def test_nothing_that_people_paste_breaks_it(text: str) -> None:
    assert bool(read_video(text)[0]) != bool(read_video(text)[1])
    assert (read_channel(text)[0] is None) == bool(read_channel(text)[1])
