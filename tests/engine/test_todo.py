"""The to-do list from plain facts: which entry, how urgent, and its one action."""

from dataclasses import replace
from typing import Any

import pytest

from rackhand.core.vitals import Limits
from rackhand.engine.todo import Severity, Todo, is_adb_old, of_notifications, todos
from rackhand.store.devices import ConflictRow
from rackhand.store.nodes import NodeRow, Transport
from rackhand.store.notification_channels import ChannelRow
from rackhand.store.stats import Trouble

PC_01 = NodeRow("PC-01", "Rack 1", "1.0", "36.0.0", 32, "active", True, 1_000, None, 1, 0)
KIM = Trouble("id-7", 7, "S7", "Kim", "PC-01", True, 0, None, "ok", 80, 30.0, None, None, 9_000, None)


def found(
    nodes: tuple[NodeRow, ...] = (PC_01,),
    *devices: Trouble,
    transports: Any = (),
    conflicts: Any = (),
    titles: Any = None,
) -> tuple[Todo, ...]:
    return todos(nodes, devices, transports, conflicts, titles or {}, Limits())


def test_a_healthy_fleet_has_nothing_to_do() -> None:
    assert found((PC_01,), KIM) == ()
    assert found(()) == ()


@pytest.mark.parametrize(
    ("change", "kind", "severity"),
    [
        ({"last_seen_at": None, "is_online": False}, "node_never_seen", Severity.INFO),
        ({"is_online": False}, "node_silent", Severity.CRITICAL),
        ({"last_error_message": "disk is full"}, "node_error", Severity.WARNING),
        ({"adb_version": "33.0.3"}, "adb_too_old", Severity.WARNING),
        ({"state": "draining"}, "node_draining", Severity.INFO),
    ],
)
def test_nodes(change: dict[str, Any], kind: str, severity: Severity) -> None:
    (todo,) = found((replace(PC_01, **change),))
    assert (todo.kind, todo.severity, todo.subject) == (kind, severity, "node:PC-01")
    assert "PC-01" in todo.message


@pytest.mark.parametrize(
    ("change", "kind", "method"),
    [
        ({"temperature_c": 46.5}, "device_hot", "GET"),
        ({"battery": 9}, "battery_low", "GET"),
        ({"storage_free_mb": 12}, "storage_low", "GET"),
        ({"health": "no_screen", "last_error_message": "black picture"}, "device_unhealthy", "GET"),
        ({"quarantined_at": 5, "quarantine_reason": "swollen"}, "quarantined", "DELETE"),
        ({"index_no": None}, "no_index", "PATCH"),
        ({"node_id": None}, "no_node", "GET"),
        ({"activity": 3}, "device_error", "GET"),
        ({"is_online": False}, "devices_offline", "POST"),
    ],
)
def test_devices(change: dict[str, Any], kind: str, method: str) -> None:
    (todo,) = found((PC_01,), replace(KIM, **change))
    assert (todo.kind, todo.action.method) == (kind, method)
    assert "Kim" in todo.message


def test_a_silent_nodes_devices_are_not_listed_one_by_one() -> None:
    kinds = [todo.kind for todo in found((replace(PC_01, is_online=False),), replace(KIM, is_online=False))]
    assert kinds == ["node_silent"]


def test_a_run_that_failed_on_many_is_one_entry_with_one_click() -> None:
    failed = [replace(KIM, id=f"id-{n}", index_no=n, activity=3, activity_run_id="r1") for n in (1, 2, 3, 9)]
    (todo,) = found((PC_01,), *failed, titles={"r1": "Health sweep"})
    assert (todo.kind, todo.severity, todo.subject) == ("run_failed_on_many", Severity.CRITICAL, "run:r1")
    assert todo.message == "run 'Health sweep' failed on 4 devices: 1-3,9"
    assert (todo.action.method, todo.action.path) == ("POST", "/api/runs/r1/rerun")
    (single,) = found((PC_01,), failed[0], titles={"r1": "Health sweep"})
    assert (single.kind, single.action.path) == ("device_error", "/api/runs/r1/rerun")


def test_conflicts_and_unreadable_transports_say_where() -> None:
    conflict = ConflictRow("c1", "0123", "same_node", [{"node_id": "PC-01", "runtime_handle": "usb:1"}], 0, 0)
    usb = Transport("PC-01", "usb:3", "unauthorized", None, 0)
    first, second = found(transports=[usb, replace(usb, node_id="PC-09")], conflicts=[conflict])
    assert (first.severity, first.action.path) == (Severity.CRITICAL, "/api/devices/conflicts/c1/resolve")
    assert "PC-01 (usb:1)" in first.message
    assert (second.kind, second.subject) == ("unregistered", "transport:PC-01/usb:3")
    assert "allow USB debugging" in second.message


HOOK = ChannelRow(
    "c-1",
    "Night shift",
    "webhook",
    "",
    "",
    None,
    "en",
    60,
    True,
    0,
    3,
    None,
    "it answered 500",
    created_at=0,
    created_by=None,
)


def test_notifications_that_do_not_arrive_are_told_after_the_third_failure() -> None:
    (todo,) = of_notifications([HOOK, replace(HOOK, failure_count=2), replace(HOOK, is_enabled=False)])
    assert (todo.kind, todo.severity, todo.subject) == ("notifications_failing", Severity.WARNING, "notifications:c-1")
    assert "Night shift do not arrive: 3 tries failed in a row; the last one: it answered 500" in todo.message


@pytest.mark.parametrize(
    ("version", "is_old"),
    [("33.0.3", True), ("34.0.0", False), ("1.0.41", False), (None, False), ("", False), ("x", False)],
)
def test_only_a_known_old_adb_is_old(version: str | None, is_old: bool) -> None:
    assert is_adb_old(version) is is_old
