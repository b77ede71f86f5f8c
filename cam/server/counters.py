"""Counters in Prometheus' format: what was asked, how long it took, and how the server is."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from cam.server import health, telemetry

CONTENT_TYPE = CONTENT_TYPE_LATEST
# Seconds: a click that is found in a cache, up to a photo that waits behind a class.
_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Counters:
    """The counters of this process; they count from when they are made."""

    def __init__(self):
        self._registry = CollectorRegistry(auto_describe=True)
        self._asked = Counter(
            "classcam_asked",
            "Things asked, by kind and by how they ended.",
            ["asked", "outcome"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "classcam_seconds", "How long they took.", ["asked"], buckets=_BUCKETS, registry=self._registry
        )
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        self.stop = telemetry.listen(self._count)

    def text(self) -> bytes:
        """All of them, in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """What is not counted but looked up; the registry calls this."""
        yield GaugeMetricFamily("classcam_sessions", "Pages that are open in browsers.", value=health.sessions())
        waiting = telemetry.running(health.EXPLAIN)
        yield GaugeMetricFamily("classcam_explaining", "Photos that are explained or wait for it.", value=waiting)
        memory = GaugeMetricFamily("classcam_memory_bytes", "Resident memory.", labels=["processes"])
        for name, value in health.memory().items():
            memory.add_metric([name], value)
        yield memory
        networks = GaugeMetricFamily("classcam_networks", "Networks by state.", labels=["state"])
        passes = CounterMetricFamily("classcam_passes", "Forward passes for photos.", labels=["network"])
        rows = health.network_states()
        for state in ("loaded", "loading", "failed"):
            networks.add_metric([state], sum(row["state"] == state for row in rows))
        for row in rows:
            passes.add_metric([row["name"]], row["passes"])
        yield from (networks, passes)

    def _count(self, told: telemetry.Told) -> None:
        self._asked.labels(told["asked"], told["outcome"]).inc()
        self._seconds.labels(told["asked"]).observe(told["ms"] / 1000)
