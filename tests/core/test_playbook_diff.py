"""What changed between two revisions: every step is told once, and a playbook differs from itself in nothing."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rackhand.core.assets import Effect
from rackhand.core.playbook import Step
from rackhand.core.playbook_diff import FieldChange, StepChange, compare
from rackhand.core.policy import OnFailure


def step(name: str, **values: Any) -> Step:
    shape: dict[str, Any] = {
        "id": f"id-{name}",
        "asset_id": name,
        "asset_revision": 1,
        "title": name.upper(),
        "kind": "shell",
        "params": {"command": name},
        "effect": Effect.ONCE,
        "probability": 1.0,
        "timeout_ms": None,
        "retry_count": None,
        "on_failure": OnFailure.STOP_DEVICE,
    }
    return Step(**shape | values)


A, B, C, D = (step(name) for name in "abcd")


def told(changes: list[StepChange]) -> list[tuple[str, str]]:
    return [(change.step.asset_id, change.what) for change in changes]


def test_a_revision_differs_from_itself_in_nothing() -> None:
    assert told(compare([A, B, C], [A, B, C])) == [("a", "same"), ("b", "same"), ("c", "same")]


def test_ids_do_not_matter_where_steps_are_alike() -> None:
    fresh = [replace(each, id=f"new-{each.id}") for each in (A, B)]
    assert told(compare([A, B], fresh)) == [("a", "same"), ("b", "same")]


def test_an_added_step() -> None:
    assert told(compare([A, C], [A, B, C])) == [("a", "same"), ("b", "added"), ("c", "same")]


def test_a_removed_step_stands_where_it_was() -> None:
    assert told(compare([A, B, C], [A, C])) == [("a", "same"), ("b", "removed"), ("c", "same")]
    assert told(compare([A, B], [A])) == [("a", "same"), ("b", "removed")]


def test_one_step_that_moved_does_not_move_the_others() -> None:
    changes = compare([A, B, C, D], [D, A, B, C])
    assert told(changes) == [("d", "moved"), ("a", "same"), ("b", "same"), ("c", "same")]
    assert (changes[0].before, changes[0].after) == (3, 0)


def test_changed_fields_are_named_with_both_values() -> None:
    edited = replace(B, id="new", probability=0.5, params={"command": "x", "more": 1})
    changes = compare([A, B], [A, edited])
    assert told(changes) == [("a", "same"), ("b", "changed")]
    assert changes[1].fields == (
        FieldChange("probability", 1.0, 0.5),
        FieldChange("params.command", "b", "x"),
        FieldChange("params.more", None, 1),
    )


def test_a_step_may_be_changed_and_moved() -> None:
    changes = compare([A, B, C], [replace(C, retry_count=2), A, B])
    assert (changes[0].what, changes[0].is_moved) == ("changed", True)


def test_the_same_asset_twice_is_paired_by_content_first() -> None:
    half = replace(A, id="half", probability=0.5)
    changes = compare([A, half], [replace(half, id="n1"), replace(A, id="n2")])
    assert [(change.before, change.after, change.fields) for change in changes] == [(1, 0, ()), (0, 1, ())]


STEPS = st.lists(
    st.builds(
        lambda name, p: step(name, id=f"{name}{p}", probability=p), st.sampled_from("abc"), st.sampled_from([0.5, 1.0])
    ),
    max_size=6,
)


@given(STEPS, STEPS)
def test_every_step_of_both_is_told_once(before: list[Step], after: list[Step]) -> None:
    changes = compare(before, after)
    assert [change.after for change in changes if change.after is not None] == list(range(len(after)))
    assert sorted(change.before for change in changes if change.before is not None) == list(range(len(before)))


@given(STEPS, STEPS)
def test_what_is_the_same_is_the_same(before: list[Step], after: list[Step]) -> None:
    for change in compare(before, after):
        if change.what in ("same", "moved"):
            assert change.before is not None
            assert change.after is not None
            mine, theirs = before[change.before], after[change.after]
            assert replace(mine, id="") == replace(theirs, id="")
