"""The checklist of a new installation: it ticks itself, point by point, and says what to do about the next one."""

from dataclasses import replace

from rackhand.core.checklist import Facts, NodeFacts, Point, PointState, judge

ENROLLED = NodeFacts("PC-01", is_online=False, was_seen=False, adb_version=None)
ONLINE = replace(ENROLLED, is_online=True, was_seen=True, adb_version="35.0.2")
READY = Facts((ONLINE,), 3, 2, (), has_scanned=True, runs=1, has_finished_run=True)


def point(name: str, facts: Facts) -> Point:
    return next(each for each in judge(facts) if each.name == name)


def states(facts: Facts) -> str:
    """One letter a point."""
    return "".join(each.state.value[0] for each in judge(facts))


def test_a_newcomer_s_way() -> None:
    facts = Facts()
    assert [each.name for each in judge(facts)] == ["node", "adb", "devices", "authorised", "scan", "run"]
    assert states(facts) == "oooooo"
    facts = replace(facts, nodes=(ENROLLED,))
    assert point("node", facts).detail == "enrolled: PC-01; run the command on that PC"
    facts = replace(facts, nodes=(ONLINE,))
    assert states(facts) == "ddoooo"
    assert point("adb", facts).detail == "version 35.0.2"
    facts = replace(facts, unauthorised=("1-4",))
    assert states(facts) == "ddopoo"
    assert point("devices", facts).detail == "a phone is plugged in and not authorised yet: 1-4"
    assert point("authorised", facts).detail == "allow USB debugging on the screens of 1-4"
    facts = replace(facts, unauthorised=(), devices=1, online_devices=1)
    assert states(facts) == "ddddoo"
    facts = replace(facts, has_scanned=True, runs=1)
    assert states(facts) == "dddddo"
    assert point("run", facts).detail == "the first run is under way"
    assert states(replace(facts, has_finished_run=True)) == "dddddd"


def test_what_does_not_go_away_by_waiting_is_a_problem() -> None:
    silent = replace(READY, nodes=(replace(ONLINE, is_online=False),))
    assert point("node", silent).state is PointState.PROBLEM
    assert states(silent) == "podddd"
    no_adb = replace(READY, nodes=(replace(ONLINE, adb_version=None),))
    assert point("adb", no_adb).detail == "no adb that works on PC-01"
    told = replace(READY, nodes=(replace(ONLINE, adb_version=None, error="adb was not found"),))
    assert point("adb", told).detail == "no adb that works on PC-01: adb was not found"
    assert states(told) == "dpdddd"
    foreign = replace(READY, nodes=(replace(ONLINE, adb_version=None, online_devices=2),))
    assert point("adb", foreign).detail == "it answers; another program's server, release unknown"
    assert states(foreign) == "dddddd"
    dark = replace(READY, online_devices=0)
    assert point("authorised", dark).state is PointState.PROBLEM


def test_long_lists_are_cut() -> None:
    handles = tuple(f"1-{n}" for n in range(9))
    assert point("authorised", replace(READY, unauthorised=handles)).detail.endswith("1-0, 1-1, 1-2, 1-3, 1-4 …")
