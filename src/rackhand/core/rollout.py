"""Rollouts: a run in waves. Which device is in which wave, and what follows from how the open waves went.

A wave says how many devices are reached once it is done: `[1, "10%", "100%"]` of 50 devices is 1, then 4, then 45. The
first waves are spread over nodes, hubs and models, by lots that follow from the run's seed. Nothing is changed here.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from re import sub
from typing import Any

from rackhand.core import reasons
from rackhand.core.errors import FieldError
from rackhand.core.plan import Candidate, PlannedDevice
from rackhand.core.schema import AnyOf, Boolean, Field, Integer, ListOf, Number, Record, Text
from rackhand.core.states import DEVICE_RUN, ROLLOUT, DeviceRunStatus, RolloutState, move

MAX_WAVES = 20
_SIZE = AnyOf((Integer(1, 1_000_000), Text(2, 4, r"^([1-9][0-9]?|100)%$")))


@dataclass(frozen=True, slots=True)
class WaveSize:
    """How far a wave reaches: a number of devices, or a share of them."""

    def check(self, value: Any, path: str, errors: list[FieldError]) -> Any:
        found: list[FieldError] = []
        checked = _SIZE.check(value, path, found)
        if found:
            errors.append(FieldError(path, "must be a number of devices from 1, or a share of them such as 10%"))
        return checked

    def json_schema(self) -> dict[str, Any]:
        return _SIZE.json_schema()


ROLLOUT_REQUEST = Record(
    {
        "waves": Field(ListOf(WaveSize(), 1, MAX_WAVES), [1, "10%", "100%"]),
        "max_failed_ratio": Field(Number(0, 1), 0.2),
        "auto": Field(Boolean(), True),
    }
)
_FAILED = (DeviceRunStatus.FAILED, DeviceRunStatus.LOST)
_SLACK = 1e-9
"""For ratios that binary fractions miss: 29 of 100 is not more than 0.29."""

Counts = Mapping[str, int]
"""Device runs by status."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """A resolved rollout: what was asked, `sizes` of the waves that have devices, and what a resume has accepted."""

    waves: tuple[int | str, ...]
    max_failed_ratio: float
    auto: bool
    sizes: tuple[int, ...] = ()
    accepted_failed: int = 0
    accepted_finished: int = 0

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Rollout":
        """From a value that `ROLLOUT_REQUEST` has checked, or from `as_json`."""
        values = {name: value for name, value in stored.items() if name in cls.__slots__}
        return cls(**values | {name: tuple(values[name]) for name in ("waves", "sizes") if name in values})

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def is_last(self, wave: int) -> bool:
        return wave >= len(self.sizes)


def sizes_of(waves: Sequence[int | str], count: int) -> tuple[int, ...]:
    """How many devices each wave adds; one that adds none is left out, and what is left over is a last wave."""
    reached, sizes = 0, []
    for wave in (*waves, "100%"):
        wanted = -(-count * int(wave[:-1]) // 100) if isinstance(wave, str) else wave
        added = min(wanted, count) - reached
        if added > 0:
            sizes.append(added)
            reached += added
    return tuple(sizes)


def in_waves(
    planned: Sequence[PlannedDevice], asked: Mapping[str, Any], seed: int
) -> tuple[Rollout, list[PlannedDevice]]:
    """The rollout as it will be, and the planned devices with their waves; those that are left out are in none."""
    queued = [p.device for p in planned if p.status is DeviceRunStatus.QUEUED]
    sizes = sizes_of(asked["waves"], len(queued))
    first = iter(_spread(queued, seed))
    waves = {next(first).id: wave for wave, size in enumerate(sizes[:-1], start=1) for _ in range(size)}
    last = {device.id: len(sizes) for device in queued}
    found = last | waves
    return Rollout.of({**asked, "sizes": sizes}), [replace(p, wave=found.get(p.device.id, 0)) for p in planned]


def _spread(devices: Sequence[Candidate], seed: int) -> list[Candidate]:
    """By lot, then dealt out: nodes take turns, on a node its hubs, and as far as that leaves a choice, models."""
    order = sorted(devices, key=lambda device: _lot(seed, device))
    for place in (_model, _hub, _node):
        order = _deal(order, place)
    return order


def _deal(devices: Iterable[Candidate], place: Callable[[Candidate], str]) -> list[Candidate]:
    """The first device of each place, then the second of each; otherwise the order stays."""
    rounds = defaultdict[int, list[Candidate]](list)
    taken = Counter[str]()
    for device in devices:
        rounds[taken[place(device)]].append(device)
        taken[place(device)] += 1
    return [device for turn in sorted(rounds) for device in rounds[turn]]


def _node(device: Candidate) -> str:
    return str(device.node_id)


def _hub(device: Candidate) -> str:
    """The path of a USB socket without its last port: `1-4.2` is on `1-4`."""
    return f"{device.node_id} {sub(r'[.-][^.-]*$', '', device.usb_path or '')}"


def _model(device: Candidate) -> str:
    return str(device.model)


def _lot(seed: int, device: Candidate) -> int:
    drawn = blake2b(f"{seed}:rollout:{device.index_no}".encode(), digest_size=8).digest()
    return int.from_bytes(drawn, "big")


@dataclass(frozen=True, slots=True)
class Tally:
    """The device runs of the open waves that count: those that were left out or stopped do not."""

    failed: int
    finished: int
    unfinished: int
    queued: int


def tally(waves: Mapping[int, Counts], open_wave: int) -> Tally:
    """Over the waves 1..open_wave."""
    total = Counter[str]()
    for wave, counts in waves.items():
        if 1 <= wave <= open_wave:
            total.update(counts)
    failed = sum(total[status] for status in _FAILED)
    unfinished = sum(total[status] for status in DEVICE_RUN.open)
    queued = total[DeviceRunStatus.QUEUED]
    return Tally(failed, failed + total[DeviceRunStatus.SUCCEEDED], unfinished, queued)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at the open waves comes to: the next one opens, the rollout halts for a reason, or it waits."""

    opens: bool = False
    halts: str | None = None


WAIT = Verdict()


def judge(rollout: Rollout, open_wave: int, waves: Mapping[int, Counts]) -> Verdict:
    """Halt as soon as the limit cannot be kept any more, whatever the device runs under way will do; else, when all
    of the wave are final, open the next one, unless nothing of it ran or every wave has to be confirmed."""
    whole, is_last = tally(waves, open_wave), rollout.is_last(open_wave)
    if is_last and not whole.queued:
        return WAIT  # nothing is left to hold back: the run ends by itself
    failed = whole.failed - rollout.accepted_failed
    weighed = whole.finished + whole.unfinished - rollout.accepted_finished
    if failed - rollout.max_failed_ratio * weighed > _SLACK:
        limit = f"{rollout.max_failed_ratio * 100:g}"
        return Verdict(halts=reasons.TOO_MANY_FAILED.format(failed=failed, n=weighed, limit=limit))
    if whole.unfinished:
        return WAIT
    if not tally({1: waves.get(open_wave, {})}, 1).finished:
        return Verdict(halts=reasons.WAVE_UNTESTED.format(wave=open_wave))
    if not rollout.auto:
        return Verdict(halts=reasons.WAVE_DONE.format(wave=open_wave, n=len(rollout.sizes)))
    return Verdict(opens=True)


def accept(rollout: Rollout, open_wave: int, waves: Mapping[int, Counts]) -> tuple[Rollout, int]:
    """What a resume makes of it: what finished so far is weighed no more, and a wave that is final gives way to the
    next one. Returns the rollout and the wave that is open then."""
    whole = tally(waves, open_wave)
    accepted = replace(rollout, accepted_failed=whole.failed, accepted_finished=whole.finished)
    moves_on = not whole.unfinished and not rollout.is_last(open_wave)
    return accepted, open_wave + moves_on


def end_of(rollout: Rollout, state: RolloutState, open_wave: int) -> RolloutState:
    """How a rollout ends when its run does: done if it rolled to its last wave, else aborted."""
    is_done = state is RolloutState.ROLLING and rollout.is_last(open_wave)
    return move(ROLLOUT, state, RolloutState.DONE if is_done else RolloutState.ABORTED)
