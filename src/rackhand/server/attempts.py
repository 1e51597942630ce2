"""Wrong passwords are counted: ten per name and ten per address in 15 minutes, then a pause; so are answers of a
login provider that do not hold, which have an address alone.

The counters live in this process and end with it: several replicas multiply the number of tries by their own number,
which argon2 bears. A try counts when it begins, so that many at once are not more than ten; the right password takes
it back. Whoever locks a name out locks no session and no one-time link out.
"""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from rackhand.core.errors import TooMany

WINDOW_S = 900.0
LIMIT = 10
MOST_KEYS = 10_000


@dataclass(slots=True)
class Attempts:
    """Tries by name and by address; `clock` gives monotonic seconds."""

    clock: Callable[[], float] = time.monotonic
    _tries: OrderedDict[str, list[float]] = field(default_factory=OrderedDict)

    def begin(self, name_key: str | None, address: str | None) -> None:
        """Count a try; TooMany, and nothing counted, if there were ten in the last 15 minutes."""
        now = self.clock()
        keys = _keys(name_key, address)
        for key in keys:
            recent = [at for at in self._tries.get(key, ()) if now - at < WINDOW_S]
            if len(recent) >= LIMIT:
                wait_s = math.ceil(recent[0] + WINDOW_S - now)
                raise TooMany(
                    "too many failed logins; nobody was logged in: try again in {n} minutes",
                    n=math.ceil(wait_s / 60),
                    retry_after_s=wait_s,
                )
        for key in keys:
            kept = [at for at in self._tries.pop(key, ()) if now - at < WINDOW_S]
            self._tries[key] = [*kept, now]
        while len(self._tries) > MOST_KEYS:
            self._tries.popitem(last=False)

    def succeed(self, name_key: str | None, address: str | None) -> None:
        """It was right: the name's tries are forgotten, and this one of the address."""
        for key in _keys(name_key, None):
            self._tries.pop(key, None)
        for key in _keys(None, address):
            if self._tries.get(key):
                self._tries[key].pop()


def _keys(name_key: str | None, address: str | None) -> tuple[str, ...]:
    names = () if name_key is None else (f"name {name_key[:80]}",)
    return names if address is None else (*names, f"from {_network(address)}")


def _network(address: str) -> str:
    """The address; of IPv6 the /64, which is one household or machine."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(parsed) if parsed.version == 4 else str(ipaddress.ip_network((parsed, 64), strict=False))
