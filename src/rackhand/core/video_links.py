"""What people paste to name a video or a channel: addresses and ids to what they stand for. Nothing is fetched here.

Forms of a video: `watch?v=`, `youtu.be/`, `shorts/`, `live/`, `embed/`, `v/`, or the id alone. Of a channel:
`channel/UC...`, `@handle`, `user/name`, the id or the handle alone. A playlist is neither, and is refused by name.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from rackhand.core.errors import FieldError

_VIDEO_ID = re.compile(r"[A-Za-z0-9_-]{11}", re.ASCII)
_CHANNEL_ID = re.compile(r"UC[A-Za-z0-9_-]{22}", re.ASCII)
_HANDLE = re.compile(r"@[\w.·-]{3,60}")
_USER_NAME = re.compile(r"[\w.-]{1,60}")
_PLAYLIST_ID = re.compile(r"(PL|UU|LL|FL|OL|RD)[A-Za-z0-9_-]{10,60}", re.ASCII)
_HOSTS = frozenset({"youtube.com", "youtube-nocookie.com", "youtu.be"})
_SHORT_HOST = "youtu.be"
_PATHS = frozenset({"shorts", "live", "embed", "v", "e"})


@dataclass(frozen=True, slots=True)
class ChannelRef:
    """How a channel is looked up: the parameter of `channels.list`, and its value."""

    by: Literal["id", "forHandle", "forUsername"]
    value: str


def watch_url(video_id: str) -> str:
    """The one address that a video is opened at."""
    return f"https://www.youtube.com/watch?v={video_id}"


def video_id(text: str, path: str, errors: list[FieldError]) -> str:
    """The id of the video that was pasted; appends why there is none, and returns ''."""
    given = text.strip()
    if _VIDEO_ID.fullmatch(given):
        return given
    address = _address(given)
    if address is None:
        is_channel = _CHANNEL_ID.fullmatch(given) or _HANDLE.fullmatch(given)
        wrong = _a_playlist if _PLAYLIST_ID.fullmatch(given) else _a_channel if is_channel else _not_a_video
        errors.append(wrong(path))
        return ""
    found = _video_in(address)
    if not found:
        errors.append(_why_no_video(address)(path))
    return found


def channel_ref(text: str, path: str, errors: list[FieldError]) -> ChannelRef | None:
    """How to look up the channel that was pasted; appends why it cannot be, and returns None."""
    given = text.strip()
    if _CHANNEL_ID.fullmatch(given):
        return ChannelRef("id", given)
    if _HANDLE.fullmatch(given):
        return ChannelRef("forHandle", given)
    address = _address(given)
    if address is None:
        is_video = _VIDEO_ID.fullmatch(given)
        wrong = _a_playlist if _PLAYLIST_ID.fullmatch(given) else _a_video if is_video else _not_a_channel
        errors.append(wrong(path))
        return None
    found = _channel_in(address)
    if found is None:
        errors.append(_why_no_channel(address)(path))
    return found


def _address(text: str) -> SplitResult | None:
    """An address of the site, with or without its scheme; None for anything else."""
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host = (parts.hostname or "").removeprefix("www.").removeprefix("m.").removeprefix("music.")
    except ValueError:
        return None
    is_known = host in _HOSTS and parts.scheme in ("http", "https") and not re.search(r"\s", text)
    return parts if is_known else None


def _words(address: SplitResult) -> list[str]:
    return [unquote(word) for word in address.path.split("/") if word]


def _video_in(address: SplitResult) -> str:
    words = _words(address)
    if (address.hostname or "").endswith(_SHORT_HOST):
        found = words[0] if words else ""
    elif words[:1] == ["watch"] and len(words) == 1:
        found = parse_qs(address.query).get("v", [""])[0]
    elif len(words) >= 2 and words[0] in _PATHS:
        found = words[1]
    else:
        found = ""
    return found if _VIDEO_ID.fullmatch(found) and found != "videoseries" else ""


def _why_no_video(address: SplitResult) -> Callable[[str], FieldError]:
    if _is_playlist(address):
        return _a_playlist
    return _a_channel if _channel_in(address) is not None else _not_a_video


def _channel_in(address: SplitResult) -> ChannelRef | None:
    words = _words(address)
    if not words or (address.hostname or "").endswith(_SHORT_HOST):
        return None
    if _HANDLE.fullmatch(words[0]):
        return ChannelRef("forHandle", words[0])
    if len(words) >= 2 and words[0] == "channel" and _CHANNEL_ID.fullmatch(words[1]):
        return ChannelRef("id", words[1])
    if len(words) >= 2 and words[0] == "user" and _USER_NAME.fullmatch(words[1]):
        return ChannelRef("forUsername", words[1])
    return None


def _why_no_channel(address: SplitResult) -> Callable[[str], FieldError]:
    if _video_in(address):
        return _a_video
    if _is_playlist(address):
        return _a_playlist
    return _custom_name if _words(address)[:1] == ["c"] else _not_a_channel


def _is_playlist(address: SplitResult) -> bool:
    return _words(address)[:1] == ["playlist"] or "list" in parse_qs(address.query)


def _not_a_video(path: str) -> FieldError:
    return FieldError(
        path,
        "is no address or id of a video: paste such as https://youtu.be/dQw4w9WgXcQ, or its 11-character id",
    )


def _not_a_channel(path: str) -> FieldError:
    return FieldError(
        path,
        "is no address, handle or id of a channel: paste such as https://www.youtube.com/@handle, or @handle",
    )


def _a_playlist(path: str) -> FieldError:
    return FieldError(
        path, "is a playlist, and playlists are not registered: open one of its videos and paste that address"
    )


def _a_channel(path: str) -> FieldError:
    return FieldError(path, "is a channel and no video: register it under Channels")


def _a_video(path: str) -> FieldError:
    return FieldError(path, "is a video and no channel: register it under Videos")


def _custom_name(path: str) -> FieldError:
    return FieldError(
        path, "is an address by a custom name, which cannot be looked up: open the channel and paste its @handle"
    )
