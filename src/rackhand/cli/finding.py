"""What a check of `rackhand doctor` says, and what it looks at. Values only."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from rackhand.server.settings import Settings


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check saw, and what to do about it (empty if nothing)."""

    name: str
    level: Level
    detail: str
    advice: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)

    def as_text(self) -> str:
        return f"{self.level:<4}  {self.name}: {self.detail}" + (f"\n      {self.advice}" if self.advice else "")


@dataclass(frozen=True, slots=True)
class Place:
    """What is looked at. `is_server_wanted`: an address was given, so that no answer is a failure."""

    settings: Settings
    adb_port: int
    adb: Path | None
    server: str
    token: str
    is_server_wanted: bool = False
