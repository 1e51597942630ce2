"""Masking: secret values never leave a node in the clear, whatever piece of output or message they turn up in.

Masked are a value as it is, as one quoted word of a shell, percent-encoded, escaped in JSON, and each of its lines.
What a program makes of a value otherwise (base64, a hash, one character a line) is not recognised.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar
from urllib.parse import quote as percent

from rackhand.core.template import quote

MASK = "****"
MIN_SECRET = 4
"""A shorter value would mask half of every output, and give itself away by it."""
MAX_HELD = 262_144
T = TypeVar("T", str, bytes)


class Mask:
    """Replaces the values of some secrets."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._forms = tuple(sorted({form for value in values for form in _forms(value)}, key=lambda f: (-len(f), f)))
        self._bytes = tuple(form.encode("utf-8", "surrogatepass") for form in self._forms)

    def text(self, text: str) -> str:
        """A whole text. Where it was cut within a secret (`... hunt…`), the rest of that goes, too."""
        masked = _replaced(text, self._forms, MASK)
        kept = masked.rstrip("….")
        size = max((len(kept) - at for at in _openings(kept, self._forms)), default=0)
        return masked if size < MIN_SECRET else kept[:-size] + MASK + masked[len(kept) :]

    def stream(self) -> "MaskedStream":
        """For output that comes in pieces."""
        return MaskedStream(self._bytes)


class MaskedStream:
    """Bytes in, masked bytes out; what may be the beginning of a secret is held until more comes, or `flush`."""

    def __init__(self, forms: tuple[bytes, ...]) -> None:
        self._forms, self._held = forms, b""

    def add(self, data: bytes) -> bytes:
        if not self._forms:
            return data
        self._held += data
        cut = min(_openings(self._held, self._forms), default=len(self._held))
        for start, end in _spans(self._held, self._forms):
            if start < cut < end and len(self._held) <= MAX_HELD:
                cut = start
        ready, self._held = self._held[:cut], self._held[cut:]
        return _replaced(ready, self._forms, MASK.encode())

    def flush(self) -> bytes:
        """What is left at the end."""
        held, self._held = self._held, b""
        return _replaced(held, self._forms, MASK.encode())


def mask_of(secrets: Mapping[str, str]) -> Mask:
    """The mask of a job's secrets by name."""
    return Mask(secrets.values())


def _forms(value: str) -> Iterator[str]:
    for part in (value, *value.splitlines()):
        if len(part) >= MIN_SECRET:
            yield from (part, quote(part)[1:-1], percent(part, safe=""), json.dumps(part)[1:-1])
            yield json.dumps(part, ensure_ascii=False)[1:-1]


def _spans(text: T, forms: tuple[T, ...]) -> list[tuple[int, int]]:
    """Where secrets are, in order; those that overlap are one."""
    found = sorted((at, at + len(form)) for form in forms for at in _places(text, form))
    merged: list[tuple[int, int]] = []
    for start, end in found:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _places(text: T, form: T) -> Iterator[int]:
    at = text.find(form)
    while at >= 0:
        yield at
        at = text.find(form, at + 1)


def _openings(text: T, forms: tuple[T, ...]) -> Iterator[int]:
    """Where the end of `text` is the beginning of a secret that is not whole yet."""
    for form in forms:
        first = max(len(text) - len(form) + 1, 0)
        places = (first + at for at in _places(text[first:], form[:1]))
        yield from (at for at in places if form.startswith(text[at:]))


def _replaced(text: T, forms: tuple[T, ...], mask: T) -> T:
    for start, end in reversed(_spans(text, forms)):
        text = text[:start] + mask + text[end:]
    return text
