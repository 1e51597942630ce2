"""Tables of device health: what agents make of their devices, what happened to them, and hubs that went as a whole.

The state itself is `devices.health`: it is what lists and tiles are narrowed to. Nothing here is needed to run a step.
"""

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from rackhand.core.health import Rung
from rackhand.core.repair import Hold
from rackhand.core.vitals import Limit
from rackhand.store.metadata import (
    JsonText,
    Time,
    belongs_to,
    index,
    key,
    metadata,
    one_of,
    optional,
    required,
    to_workspace,
    workspace,
)

device_health = Table(
    "device_health",
    metadata,
    workspace(),
    key("device_id", Text, "whose"),
    optional("since_at", Time, "when devices.health became what it is"),
    optional("reason", Text, "why it is flapping or quarantined"),
    optional("rung", Text, "what the repair ladder tried last in this spell"),
    optional("rung_at", Time, "when"),
    optional("next_rung", Text, "what it tries next"),
    optional("next_at", Time, "not before"),
    optional("hold", Text, "what the next rung waits for: the end of a lease, or the hub"),
    optional("good_probes", Integer, "in a row, while quarantined"),
    optional("probation_probes", Integer, "as many end the quarantine"),
    optional("pardoned_at", Time, "when an operator ended the quarantine; NULL once the agent has followed"),
    optional("limited_by", Text, "the limit that keeps it out of runs: heat, battery or storage"),
    optional("limit_reason", Text, "the same in words"),
    optional("limited_at", Time, "since when"),
    optional("storage_total_mb", BigInteger, "size of /data, where it is known"),
    belongs_to("devices", ("device_id",), cascade=True),
    one_of("rung", Rung),
    one_of("next_rung", Rung),
    one_of("hold", Hold),
    one_of("limited_by", Limit),
    index("ix_device_health_pardoned", "device_id", where="pardoned_at IS NOT NULL"),
    comment="what the agent makes of a device and does about it; no row: nothing to tell",
)

device_events = Table(
    "device_events",
    metadata,
    workspace(),
    key("id", Text, "UUIDv7"),
    required("device_id", Text, "whose"),
    optional("node_id", Text, "the node that reported it"),
    required("at", Time, "when it happened, by the server's clock as the agent knows it"),
    required("kind", Text, "see core.health.Happening"),
    optional("text", Text, "the reason, or what came of a rung"),
    belongs_to("devices", ("device_id",), cascade=True),
    index("ix_device_events_device", "device_id", "at"),
    index("ix_device_events_at", "at"),
    comment="the history of devices: flapping, rungs, quarantine, release; kept as long as events",
)

hub_incidents = Table(
    "hub_incidents",
    metadata,
    workspace(),
    Column("id", Text, primary_key=True, nullable=False, comment="UUIDv7"),
    required("node_id", Text, "where"),
    required("hub", Text, "prefix of the USB paths"),
    required("serials", JsonText, "the devices that went together"),
    required("total", Integer, "devices that the hub had"),
    required("began_at", Time, "when they went"),
    optional("ended_at", Time, "when half of them were back, or they were given up"),
    to_workspace(),
    belongs_to("nodes", ("node_id",), cascade=True),
    index("uq_hub_incidents_open", "node_id", "hub", where="ended_at IS NULL", unique=True),
    comment="hubs whose devices went at once: one incident, not one per device",
)
