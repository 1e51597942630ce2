"""Dice: whether a step is executed on a device is a pure function of the run's seed (DESIGN section 4)."""

from hashlib import blake2b

from rackhand.core.states import Decision

MAX_SEED = 2**53 - 1


def draw(seed: int, dice_index: int, step_index: int) -> float:
    """A number in [0, 1) with 53 bits, the same on every machine; retries of a step share it."""
    digest = blake2b(f"{seed}:{dice_index}:{step_index}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def decide(drawn: float, probability: float) -> Decision:
    """Executed iff the draw is below the probability: 0 never, 1 always."""
    return Decision.EXECUTED if drawn < probability else Decision.SKIPPED
