"""What the source says is read as documented; what it should not say breaks nothing but its own answer."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackhand.core.clock import from_rfc3339
from rackhand.core.video_answers import (
    Unreadable,
    Verdict,
    duration_ms,
    read_channel,
    read_uploads,
    read_videos,
    reason_of,
    verdict,
)

VIDEO: dict[str, Any] = {
    "id": "dQw4w9WgXcQ",
    "snippet": {
        "title": "랙 점검 <영상>",
        "channelId": "UC1",
        "channelTitle": "Rackhand",
        "publishedAt": "2026-11-01T09:00:00Z",
        "liveBroadcastContent": "none",
        "thumbnails": {"default": {"url": "https://i/d.jpg"}, "medium": {"url": "https://i/m.jpg"}},
    },
    "contentDetails": {"duration": "PT1H2M3S", "regionRestriction": {"blocked": ["KR", "DE", 7, "LONG"]}},
    "status": {"privacyStatus": "unlisted", "embeddable": False},
}


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


def refusal(reason: str, message: str = "no") -> bytes:
    return body({"error": {"code": 403, "message": message, "errors": [{"reason": reason}]}})


def test_a_video_is_read_with_its_flags() -> None:
    (video,) = read_videos(body({"items": [VIDEO]})).values()
    assert (video.title, video.channel_title, video.duration_ms) == ("랙 점검 <영상>", "Rackhand", 3_723_000)
    assert (video.is_embeddable, video.privacy, video.blocked, video.allowed) == (False, "unlisted", ("DE", "KR"), None)
    assert video.thumbnail_url == "https://i/m.jpg"
    assert video.published_at == from_rfc3339("2026-11-01T09:00:00Z")


def test_a_video_with_nothing_is_a_video() -> None:
    (video,) = read_videos(body({"items": [{"id": "x", "snippet": 3, "status": {"embeddable": "yes"}}]})).values()
    assert (video.title, video.duration_ms, video.published_at, video.thumbnail_url) == ("", None, None, None)
    assert (video.is_embeddable, video.privacy, video.live) == (None, "public", "none")
    assert read_videos(body({})) == {}


def test_a_channel_is_read_and_its_uploads_page_by_page() -> None:
    item = {
        "id": "UC1",
        "snippet": {"title": "Rackhand", "customUrl": "@rackhand"},
        "contentDetails": {"relatedPlaylists": {"uploads": "UU1"}},
        "statistics": {"videoCount": "20000"},
    }
    channel = read_channel(body({"items": [item]}))
    assert channel is not None
    assert (channel.id, channel.handle, channel.uploads_id, channel.upload_count) == ("UC1", "@rackhand", "UU1", 20_000)
    assert read_channel(body({"items": []})) is None
    entry = {
        "snippet": VIDEO["snippet"],
        "contentDetails": {"videoId": "v1", "videoPublishedAt": "2026-10-01T00:00:00Z"},
    }
    older = {"snippet": VIDEO["snippet"] | {"resourceId": {"videoId": "v2"}}}
    page = read_uploads(
        body({"items": [entry, older, {}], "nextPageToken": "T", "etag": "E", "pageInfo": {"totalResults": 9}})
    )
    assert [upload.video_id for upload in page.uploads] == ["v1", "v2"]
    assert page.uploads[0].published_at == from_rfc3339("2026-10-01T00:00:00Z")
    assert (page.next_token, page.total, page.etag) == ("T", 9, "E")
    assert read_uploads(body({"items": []})).next_token is None


@pytest.mark.parametrize(
    ("status", "answer", "meaning"),
    [
        (200, b"{}", Verdict.FINE),
        (304, b"", Verdict.UNCHANGED),
        (403, refusal("quotaExceeded"), Verdict.QUOTA_SPENT),
        (403, refusal("rateLimitExceeded"), Verdict.TOO_FAST),
        (429, b"<html>", Verdict.TOO_FAST),
        (404, refusal("playlistNotFound"), Verdict.NOT_THERE),
        (404, b"", Verdict.NOT_THERE),
        (403, refusal("playlistItemsNotAccessible"), Verdict.NOT_THERE),
        (400, refusal("badRequest"), Verdict.KEY_REFUSED),
        (403, body({"error": {"errors": "odd"}}), Verdict.KEY_REFUSED),
        (401, body({"error": {"errors": [1, None]}}), Verdict.KEY_REFUSED),
        (500, b"[]", Verdict.FAILING),
        (302, b"", Verdict.FAILING),
    ],
)
def test_an_answer_means_one_thing(status: int, answer: bytes, meaning: Verdict) -> None:
    assert verdict(status, answer) is meaning


def test_a_refusal_is_said_in_one_line_without_markup() -> None:
    assert reason_of(refusal("x", 'exceeded your <a href="/quota">quota</a>\n now')) == "exceeded your quota now"
    assert reason_of(b"no json") == reason_of(body({"error": {"message": 3}})) == ""


@pytest.mark.parametrize(
    ("text", "ms"),
    [("PT15S", 15_000), ("P1DT1M", 86_460_000), ("P2W", 1_209_600_000), ("P0D", None), ("", None), ("15 s", None)],
)
def test_durations(text: str, ms: int | None) -> None:
    assert duration_ms(text) == ms


@pytest.mark.parametrize("answer", [b"", b"\xff", b"[]", b'{"items": {}}', b'{"items": [1]}'])
def test_an_answer_of_another_shape_is_unreadable(answer: bytes) -> None:
    with pytest.raises(Unreadable):
        read_videos(answer)


_JSON = st.sampled_from(
    [None, 0, -1, 1.5, True, "", "x\x00", [], [None], {}, {"duration": 3, "publishedAt": "x", "uploads": []}]
)


@given(st.dictionaries(st.sampled_from(["id", "snippet", "contentDetails", "status", "statistics"]), _JSON))
def test_odd_items_break_nothing(item: dict[str, Any]) -> None:
    answer = body({"items": [item], "pageInfo": item.get("id")})
    read_videos(answer)
    read_channel(answer)
    read_uploads(answer)
