"""Prometheus metrics of one server; each app has its own registry. Counting only, no decision.

Counters and histograms count what this server did; gauges that begin with `the fleet's` are of the database, so that
every replica shows the same: take one of them (`max`). docs/metrics.md is made from this table.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from rackhand import __version__
from rackhand.store.gauges import Gauges

_GROUP = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The metrics and their registry."""

    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()
        self.requests = Counter(
            "rackhand_http_requests", "Answered requests", ["method", "route", "status"], registry=own
        )
        self.durations = Histogram("rackhand_http_request_seconds", "Time to answer", ["route"], registry=own)
        self.polls = Gauge("rackhand_long_polls", "Open pulls of nodes", registry=own)
        self.callbacks = Counter("rackhand_callback_events", "Events from nodes by verdict", ["verdict"], registry=own)
        self.queue = Gauge("rackhand_callback_queue_events", "Events that wait for their commit", registry=own)
        self.queue_limit = Gauge("rackhand_callback_queue_limit_events", "More than this is 503", registry=own)
        self.groups = Histogram(
            "rackhand_commit_events", "Events that share one group commit", buckets=_GROUP, registry=own
        )
        self.writes = Histogram(
            "rackhand_database_write_seconds",
            "Time of a committed write, waiting included",
            buckets=_SECONDS,
            registry=own,
        )
        self.sweeps = Counter("rackhand_sweeps", "Passes of the sweep by outcome", ["outcome"], registry=own)
        self.last_sweep = Gauge("rackhand_last_sweep_timestamp_seconds", "This server's last good sweep", registry=own)
        self.gaps = Counter("rackhand_sweep_gaps", "Pauses and clock jumps that the sweep forgave", registry=own)
        self.ended_runs = Counter("rackhand_runs_ended", "Runs that ended, by status", ["status"], registry=own)
        self.ended_device_runs = Counter(
            "rackhand_device_runs_ended", "Device runs that ended; lost: their lease was", ["status"], registry=own
        )
        self.runs = Gauge("rackhand_runs", "The fleet's unfinished runs by status", ["status"], registry=own)
        self.device_runs = Gauge(
            "rackhand_device_runs", "The fleet's unfinished device runs by status", ["status"], registry=own
        )
        self.nodes = Gauge("rackhand_nodes", "The fleet's enrolled nodes", registry=own)
        self.nodes_online = Gauge("rackhand_nodes_online", "The fleet's nodes that report", registry=own)
        self.devices = Gauge("rackhand_devices", "The fleet's devices by state", ["state"], registry=own)
        self.artifacts = Gauge("rackhand_artifacts_pending", "The fleet's files that did not arrive yet", registry=own)
        self.disk_free = Gauge("rackhand_disk_free_bytes", "Free space of a folder", ["folder"], registry=own)
        self.disk_wanted = Gauge("rackhand_disk_wanted_bytes", "Below this, no run starts", ["folder"], registry=own)
        self.admits = Gauge("rackhand_admits_runs", "1 if this server starts new runs", registry=own)
        self.database_up = Gauge("rackhand_database_up", "1 if the database answered this scrape", registry=own)
        self.hints_connected = Gauge(
            "rackhand_hints_connected", "1 while wake-ups of other servers arrive", registry=own
        )
        self.hints_heard = Gauge("rackhand_hints_heard", "Wake-ups heard from other servers", registry=own)
        self.job_success = Gauge(
            "rackhand_job_success_timestamp_seconds", "Last good end of a background job", ["job"], registry=own
        )
        self.quota_left = Gauge(
            "rackhand_content_quota_left_units", "The fleet's units left of today's budget of the source", registry=own
        )
        self.quota_spent = Gauge(
            "rackhand_content_quota_spent_units", "The fleet's units spent of today's budget", registry=own
        )
        self.build = Gauge("rackhand_build_info", "Version of this server", ["version"], registry=own)
        self.build.labels(__version__).set(1)

    def show(self, found: Gauges) -> None:
        """What a scrape found in the database."""
        self.nodes.set(found.nodes)
        self.nodes_online.set(found.nodes_online)
        self.artifacts.set(found.artifacts_pending)
        self.quota_left.set(found.quota_left)
        self.quota_spent.set(found.quota_spent)
        for name, succeeded_at in found.jobs.items():
            self.job_success.labels(name).set(succeeded_at / 1000)
        for gauge, counts in (
            (self.runs, found.open_runs),
            (self.device_runs, found.open_device_runs),
            (self.devices, found.devices),
        ):
            for name, count in counts.items():
                gauge.labels(name).set(count)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)
