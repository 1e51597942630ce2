"""What is remembered of every device's health, on disk too: a restart of the agent ends no quarantine and no cooldown.

The file has ages in it, not times: the monotonic clock of one boot says nothing to the next. Time off does not count.
"""

import logging
from pathlib import Path

import msgspec

from rackhand.agent.servertime import monotonic_ms
from rackhand.core.health import Chart, shifted

log = logging.getLogger(__name__)
_decode = msgspec.json.Decoder(dict[str, Chart]).decode


class Ward:
    """Charts by serial. `save` writes them whole or not at all; a file that cannot be read is begun anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.charts: dict[str, Chart] = {}

    def load(self) -> None:
        if not self._path.exists():
            return
        try:
            stored = _decode(self._path.read_bytes())
        except (OSError, msgspec.DecodeError) as error:
            log.error("%s cannot be read and is begun anew; quarantines of before are over: %s", self._path, error)
            return
        now = monotonic_ms()
        self.charts = {serial: shifted(chart, now) for serial, chart in stored.items()}

    def save(self) -> None:
        now = monotonic_ms()
        aged = {serial: shifted(chart, -now) for serial, chart in self.charts.items()}
        fresh = self._path.with_name(self._path.name + ".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(msgspec.json.encode(aged))
            fresh.replace(self._path)
        except OSError as error:
            log.error("the health of devices is not stored, a restart will not know of it: %s", error)
