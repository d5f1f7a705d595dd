"""The daemon's own metrics (``zhiban_*``) in one registry per process, never a global one."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

Row = tuple[tuple[str, ...], float]
Table = tuple[str, str, tuple[str, ...], Callable[[], Iterable[Row]]]


class Live(Collector):
    """
    Gauges that are read off the board at each scrape, so that none can go stale; a name
    in ``_total`` is a counter.
    """

    def __init__(self) -> None:
        self.tables: list[Table] = []

    def add(
        self, name: str, text: str, labels: tuple[str, ...], rows: Callable[[], Iterable[Row]]
    ) -> None:
        """One family: its rows are asked for at every scrape."""
        self.tables.append((name, text, labels, rows))

    def describe(self) -> Iterator[Metric]:
        """Names only: the rows need a running daemon."""
        for name, text, labels, _ in self.tables:
            yield _family(name, text, labels)

    def collect(self) -> Iterator[Metric]:
        """Every family with its rows of this moment."""
        for name, text, labels, rows in self.tables:
            family = _family(name, text, labels)
            for values, number in rows():
                family.add_metric(values, number)
            yield family


def _family(
    name: str, text: str, labels: tuple[str, ...]
) -> GaugeMetricFamily | CounterMetricFamily:
    if name.endswith("_total"):
        return CounterMetricFamily(name.removesuffix("_total"), text, labels=labels)
    return GaugeMetricFamily(name, text, labels=labels)


class Vitals:
    """Counters and gauges that the daemon's loops set themselves."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(namespace="zhiban", registry=self.registry)
        self.live = Live()
        self.registry.register(self.live)
        gauge, counter = self._gauge, self._counter
        self.loop_lag = gauge("zhiban_loop_lag_seconds", "How late the event loop woke last time")
        self.round = gauge("zhiban_round_seconds", "How long the last turn of the judge took")
        self.round_at = gauge(
            "zhiban_round_timestamp_seconds", "When the last turn of the judge ended"
        )
        self.reload_ok = gauge(
            "zhiban_config_last_reload_successful",
            "1 if the newest configuration is the one in use",
        )
        self.reload_at = gauge(
            "zhiban_config_last_reload_success_timestamp_seconds",
            "When the configuration in use was loaded",
        )
        self.rule_errors = counter(
            "zhiban_rule_errors", "Evaluations of a rule that failed", "rule"
        )
        self.rows_refused = counter(
            "zhiban_rows_refused", "Readings over a target's bounds", "target"
        )
        self.store_errors = counter("zhiban_store_errors", "Turns that could not be written")
        self.sent = counter("zhiban_notices_sent", "Notices that a channel confirmed", "channel")
        self.failed = counter("zhiban_notices_failed", "Tries that a channel refused", "channel")

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)
