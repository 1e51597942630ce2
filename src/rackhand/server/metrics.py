"""Prometheus metrics of one server; each app has its own registry. Counting only, no decision."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """The metrics and their registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "rackhand_http_requests", "Answered requests", ["method", "route", "status"], registry=self.registry
        )
        self.durations = Histogram("rackhand_http_request_seconds", "Time to answer", ["route"], registry=self.registry)
        self.callbacks = Counter(
            "rackhand_callback_events", "Events from nodes by verdict", ["verdict"], registry=self.registry
        )
        self.sweeps = Counter("rackhand_sweeps", "Passes of the sweep by outcome", ["outcome"], registry=self.registry)
        self.last_sweep = Gauge("rackhand_last_sweep_timestamp_seconds", "Last good sweep", registry=self.registry)
        self.runs = Gauge("rackhand_runs", "Unfinished runs by status", ["status"], registry=self.registry)
        self.polls = Gauge("rackhand_long_polls", "Open pulls of nodes", registry=self.registry)
        self.hints_connected = Gauge(
            "rackhand_hints_connected", "1 while wake-ups of other servers arrive", registry=self.registry
        )
        self.hints_heard = Gauge("rackhand_hints_heard", "Wake-ups heard from other servers", registry=self.registry)
        self.job_success = Gauge(
            "rackhand_job_success_timestamp_seconds",
            "Last good end of a background job, wherever it ran",
            ["job"],
            registry=self.registry,
        )
        self.nodes_online = Gauge("rackhand_nodes_online", "Nodes that report", registry=self.registry)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)
