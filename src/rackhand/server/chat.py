"""Chats and mails: asks the child process, and ends it when it takes too long. The server itself loads no provider."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rackhand.core import reasons
from rackhand.engine.postal import Outcome
from rackhand.server.chat_child import ONLY_HERE, is_local

MODULE = "rackhand.server.chat_child"
TIMEOUT_S = 30.0
_NOT_PASSED_ON = ("RACKHAND_", "AWS_")


@dataclass(frozen=True, slots=True)
class Chat:
    """`allow` is the setting outbound_allow; `module` is replaced by tests."""

    allow: Sequence[str] = ()
    timeout_s: float = TIMEOUT_S
    module: str = MODULE

    async def check(self, address: str) -> str | None:
        """Why an address cannot be used; None if it can. Nothing is sent."""
        if is_local(address):
            return ONLY_HERE
        return (await self._ask({"do": "check", "address": address, "title": "", "body": ""})).error

    async def send(self, address: str, title: str, body: str) -> Outcome:
        """Send a message."""
        return await self._ask({"do": "send", "address": address, "title": title, "body": body})

    async def _ask(self, request: dict[str, Any]) -> Outcome:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", self.module),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment(),
        )
        try:
            async with asyncio.timeout(self.timeout_s):
                said, _ = await child.communicate(json.dumps(request | {"allow": list(self.allow)}).encode())
        except TimeoutError:
            return Outcome(reasons.SENT_UNANSWERED.format(n=f"{self.timeout_s:g}"))
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        return _outcome(said, child.returncode)


def environment() -> dict[str, str]:
    """What the child may know: neither secrets of the server nor its proxies."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_NOT_PASSED_ON) and not name.lower().endswith("_proxy")
    }


def _outcome(said: bytes, code: int | None) -> Outcome:
    try:
        answer = json.loads(said)
    except ValueError:
        return Outcome(reasons.SENT_DIED.format(n=code))
    return Outcome(answer["error"], is_final=bool(answer.get("is_final")))
