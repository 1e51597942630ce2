"""What changed between two revisions of a playbook, step by step. Pure; how it is said is the pages' business."""

from bisect import bisect_left
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from rackhand.core.playbook import Step

_OWN = ("title", "kind", "effect", "probability", "timeout_ms", "retry_count", "on_failure")


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a step: its name (`probability`, `params.command`), and what it was and is (None = not given)."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class StepChange:
    """One step of either revision; an index from 0 is None where the revision has no such step."""

    step: Step
    before: int | None
    after: int | None
    is_moved: bool = False
    fields: tuple[FieldChange, ...] = ()

    @property
    def what(self) -> str:
        """`added`, `removed`, `changed` (perhaps moved too), `moved` or `same`."""
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        return "changed" if self.fields else "moved" if self.is_moved else "same"


def compare(before: Sequence[Step], after: Sequence[Step]) -> list[StepChange]:
    """Every step in the order of `after`; a removed one stands where it was."""
    partner = _pair(before, after)
    moved = _moved(partner)
    changes = [
        StepChange(step, i, j, j in moved, () if i is None else _fields(before[i], step))
        for j, (i, step) in enumerate(zip(partner, after, strict=True))
    ]
    for i, step in enumerate(before):
        if i not in partner:
            at = next((place for place, change in enumerate(changes) if _stands_after(change, i)), len(changes))
            changes.insert(at, StepChange(step, i, None))
    return changes


def _stands_after(change: StepChange, index: int) -> bool:
    return change.before is not None and change.before > index and not change.is_moved


def _pair(before: Sequence[Step], after: Sequence[Step]) -> list[int | None]:
    """For each step of `after` its index in `before`: the same id, else the same content, else the same asset."""
    partner: list[int | None] = [None] * len(after)
    left = dict(enumerate(before))
    keys: tuple[Callable[[Step], Hashable], ...] = (lambda s: s.id, _content, lambda s: (s.asset_id, s.kind))
    for key in keys:
        waiting: dict[Hashable, list[int]] = {}
        for i, step in left.items():
            waiting.setdefault(key(step), []).append(i)
        for j, step in enumerate(after):
            if partner[j] is None and waiting.get(key(step)):
                found = waiting[key(step)].pop(0)
                partner[j] = found
                del left[found]
    return partner


def _content(step: Step) -> Hashable:
    return step.asset_id, repr(sorted(step.params.items())), *(getattr(step, name) for name in _OWN)


def _moved(partner: Sequence[int | None]) -> set[int]:
    """Steps that left their place: all but a longest run of steps whose old order still holds."""
    places = [(j, i) for j, i in enumerate(partner) if i is not None]
    ends: list[int] = []
    lengths = []
    for _, i in places:
        at = bisect_left(ends, i)
        ends[at : at + 1] = [i]
        lengths.append(at + 1)
    kept, wanted = set(), len(ends)
    for (j, _), length in zip(reversed(places), reversed(lengths), strict=True):
        if length == wanted:
            kept.add(j)
            wanted -= 1
    return {j for j, _ in places if j not in kept}


def _fields(before: Step, after: Step) -> tuple[FieldChange, ...]:
    own = [FieldChange(name, getattr(before, name), getattr(after, name)) for name in _OWN]
    names = [*before.params, *(name for name in after.params if name not in before.params)]
    params = [FieldChange(f"params.{name}", before.params.get(name), after.params.get(name)) for name in names]
    return tuple(change for change in (*own, *params) if change.before != change.after)
