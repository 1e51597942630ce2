"""Free space of a folder against what is wanted there: the one rule of what `low` means. Looking is done elsewhere."""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Space:
    """A folder's name for people, its path, and bytes; `free` None: it could not be looked at."""

    name: str
    path: str
    free: int | None
    wanted: int

    @property
    def is_low(self) -> bool:
        """A folder that cannot be looked at is not called full: other errors will say what is wrong with it."""
        return self.free is not None and self.free < self.wanted

    @property
    def free_mb(self) -> int:
        return (self.free or 0) // MIB

    @property
    def wanted_mb(self) -> int:
        return self.wanted // MIB
