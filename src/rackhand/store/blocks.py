"""What keeps a device out of runs whatever a run asks for: the columns that say so, and the one reason that is given.

Plans, claims and lists all read it here, so that they cannot disagree.
"""

from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select

from rackhand.core import reasons
from rackhand.core.states import DeviceState
from rackhand.store.db import Tx
from rackhand.store.tables import device_health, devices

_D = devices.c
_H = device_health.c
COLUMNS = (
    _D.quarantined_at,
    _D.quarantine_reason,
    _D.health,
    _H.reason.label("health_reason"),
    _H.pardoned_at,
    _H.limited_by,
    _H.limit_reason,
)
WITH_HEALTH = devices.outerjoin(device_health, and_(_H.workspace_id == _D.workspace_id, _H.device_id == _D.id))
"""Devices, each with what its agent makes of it, if anything."""


def reason(row: Any) -> str | None:
    """Why no run may use the device of this row (with COLUMNS), people's word first; None if runs may."""
    if row.quarantined_at is not None:
        return reasons.QUARANTINED.format(reason=row.quarantine_reason)
    if row.health == DeviceState.QUARANTINED and row.pardoned_at is None:
        return reasons.QUARANTINED.format(reason=row.health_reason or reasons.GAVE_UP_AFTER_RECONNECT)
    if row.health == DeviceState.FLAPPING:
        return row.health_reason or str(DeviceState.FLAPPING)
    return None if row.limited_by is None else str(row.limit_reason)


def is_blocked() -> ColumnElement[bool]:
    """The same as a condition on WITH_HEALTH."""
    return or_(
        _D.quarantined_at.is_not(None),
        and_(_D.health == DeviceState.QUARANTINED.value, _H.pardoned_at.is_(None)),
        and_(_D.health.is_not(None), _D.health == DeviceState.FLAPPING.value),
        _H.limited_by.is_not(None),
    )


def by_index(tx: Tx) -> dict[int, str]:
    """The reason of each device with an index that no run may use."""
    mine = (_D.workspace_id == tx.workspace_id, _D.index_no.is_not(None))
    statement = select(_D.index_no, *COLUMNS).select_from(WITH_HEALTH).where(*mine, is_blocked())
    return {row.index_no: str(reason(row)) for row in tx.conn.execute(statement)}
