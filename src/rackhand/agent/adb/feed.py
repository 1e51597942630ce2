"""Sending a file while listening for an answer that may come first: a device refuses in mid-file.

Shared by push and install; waiting only for the send would hang where the device has stopped reading.
"""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from rackhand.agent.adb.stream import Stream

_BLOCK = 1024 * 1024
Answer = TypeVar("Answer")


async def send_file(stream: Stream, local: Path, chunk: int, frame: Callable[[bytes], bytes], tail: bytes) -> None:
    """The file in framed chunks, then `tail`. Disk reads happen off the event loop."""
    with local.open("rb") as file:
        while block := await asyncio.to_thread(file.read, _BLOCK):
            for at in range(0, len(block), chunk):
                stream.write(frame(block[at : at + chunk]))
            await stream.drain()
    if tail:
        stream.write(tail)
        await stream.drain()


async def send_until_answered(sending: Coroutine[Any, Any, None], answering: Coroutine[Any, Any, Answer]) -> Answer:
    """Run both; the answer wins. A broken connection while sending leaves the word to the answer."""
    sender, answer = asyncio.create_task(sending), asyncio.create_task(answering)
    try:
        await asyncio.wait((sender, answer), return_when=asyncio.FIRST_COMPLETED)
        if sender.done() and not answer.done():
            error = sender.exception()
            if error is not None and not isinstance(error, ConnectionError):
                raise error
        return await answer
    finally:
        sender.cancel()
        answer.cancel()
        await asyncio.gather(sender, answer, return_exceptions=True)
