"""The courier: sends deliveries that are due, each channel's one after the other, no channel waiting for another.

A pass takes what is due and does not wait for it: a receiver that hangs holds up nobody but itself. Also used for the
test button, which waits for its answer.
"""

import asyncio
import time

import structlog

from rackhand.core import reasons
from rackhand.core.delivery import signed_headers
from rackhand.core.errors import RackhandError
from rackhand.engine import postal
from rackhand.engine.postal import Outcome, Parcel
from rackhand.server.chat import Chat
from rackhand.server.letters import body_of, letter_of
from rackhand.server.outbound import Allowed, Outbound
from rackhand.server.settings import Settings
from rackhand.server.vault import Vault
from rackhand.store.db import Database

_log = structlog.get_logger("rackhand.courier")
MOST_AT_ONCE = 16
MOST_IN_A_ROW = 50
_GONE = 410


class Courier:
    """One per process. `busy` are the channels that something is sent to now. (No dataclass: Litestar would look for
    JSON shapes in its parts.)"""

    def __init__(self, db: Database, vault: Vault, outbound: Outbound, chat: Chat, public_url: str = "") -> None:
        self.db, self.vault, self.outbound, self.chat, self.public_url = db, vault, outbound, chat, public_url
        self.busy: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    def of(cls, db: Database, settings: Settings, vault: Vault) -> "Courier":
        outbound = Outbound(Allowed.of(settings.outbound_allow))
        return cls(db, vault, outbound, Chat(settings.outbound_allow), settings.public_url)

    async def pass_once(self) -> int:
        """Take what is due and send it in the background; returns how much."""
        room = MOST_AT_ONCE - len(self.busy)
        parcels = await self.db.write(postal.take, tuple(self.busy), room) if room > 0 else []
        for parcel in parcels:
            self.busy.add(parcel.channel.id)
            task = asyncio.create_task(self._serve(parcel), name=f"delivery {parcel.delivery.id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(parcels)

    async def deliver_now(self, delivery_id: str) -> None:
        """Send one delivery and wait for its end; nothing if it is under way."""
        parcel = await self.db.write(postal.take_one, delivery_id)
        if parcel is not None:
            await self._send(parcel)

    async def close(self) -> None:
        """Wait for what is under way; every try has its time limit."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def cancel(self) -> None:
        """Give up what is under way: its claims run out, and others send it."""
        for task in self._tasks:
            task.cancel()
        await self.close()

    async def _serve(self, parcel: Parcel) -> None:
        """This delivery and, while all goes well, those that follow for its channel."""
        following: Parcel | None = parcel
        try:
            for left in reversed(range(MOST_IN_A_ROW)):
                if following is None or not await self._send(following) or not left:
                    break
                following = await self.db.write(postal.take_next, parcel.channel.id)
        finally:
            self.busy.discard(parcel.channel.id)

    async def _send(self, parcel: Parcel) -> bool:
        outcome = await self._try(parcel)
        await self.db.write(postal.finish, parcel, outcome)
        about = {"delivery": parcel.delivery.id, "channel": parcel.channel.title, "attempt": parcel.delivery.attempt}
        if outcome.error is None:
            _log.info("delivered a message", **about)
        else:
            _log.warning("a message was not delivered", error=outcome.error, **about)
        return outcome.error is None

    async def _try(self, parcel: Parcel) -> Outcome:
        address = self.vault.open_text(parcel.channel.address)
        if address is None:
            return Outcome(reasons.SENT_OTHER_KEY)
        if parcel.channel.kind == "apprise":
            title, text = letter_of(parcel, self.public_url)
            return await self.chat.send(address, title, text)
        secret = self.vault.open_text(parcel.channel.secret or "")
        return Outcome(reasons.SENT_OTHER_KEY) if secret is None else await self._post(parcel, address, secret)

    async def _post(self, parcel: Parcel, address: str, secret: str) -> Outcome:
        body = body_of(parcel, self.public_url)
        signed = signed_headers(secret, parcel.delivery.id, int(time.time()), body)
        try:
            answer = await self.outbound.fetch(
                address,
                method="POST",
                body=body,
                headers={"Content-Type": "application/json", **signed},
                redirects=0,
            )
        except RackhandError as error:
            return Outcome(str(error.detail))
        text = answer.body[:1000].decode("utf-8", "replace")
        if 200 <= answer.status < 300:
            return Outcome(None, answer.status, text)
        asked = answer.headers.get("Retry-After", "")
        wait_s = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 9 else None
        return Outcome(
            reasons.SENT_ANSWERED.format(n=answer.status), answer.status, text, wait_s, answer.status == _GONE
        )
