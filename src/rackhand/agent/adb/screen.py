"""What `screencap -p` gives, as a whole PNG or an error that says what came instead."""

from dataclasses import dataclass

from rackhand.agent.adb.errors import CaptureError, shorten
from rackhand.agent.adb.protocol import decode_text

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"


@dataclass(frozen=True, slots=True)
class Screenshot:
    """`png` is complete; `warning` is what the device printed before it (several displays, mostly)."""

    png: bytes
    warning: str = ""


def extract_png(raw: bytes, serial: str) -> Screenshot:
    """Cut the PNG out of what the device sent: garbage before its signature and after its end is dropped."""
    start = raw.find(PNG_SIGNATURE)
    if start < 0:
        said = shorten(decode_text(raw[:200])) or "nothing at all"
        raise CaptureError(f"the screen capture is no PNG; the device said: {said}", serial=serial, service="screencap")
    end = raw.find(PNG_END, start)
    if end < 0:
        raise CaptureError(
            f"the screen capture is cut short after {len(raw) - start} bytes", serial=serial, service="screencap"
        )
    return Screenshot(raw[start : end + len(PNG_END)], shorten(decode_text(raw[:start]), 300))
