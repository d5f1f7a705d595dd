"""
The daemon's own registry as readings, so that rules can speak of it too.

``_created`` samples are left out here and in the exposition: what rules see and what
an outside Prometheus sees stay the same.
"""

from prometheus_client import CollectorRegistry

from monitor.model.reading import Metric, MetricType, Reading

OWN = "zhiban"  # the target under which they stand in the series

_TYPES: dict[str, MetricType] = {
    "counter": "counter",
    "gauge": "gauge",
    "histogram": "histogram",
    "summary": "summary",
    "info": "gauge",  # x_info, always 1
    "stateset": "gauge",
}
_SUFFIX = {"counter": "_total", "info": "_info"}


def own_metrics(registry: CollectorRegistry) -> dict[str, Metric]:
    """What the registry's metrics are, under the names that ``Series.put`` wants."""
    return {
        family.name + _SUFFIX.get(family.type, ""): Metric(
            _TYPES.get(family.type, "unknown"), family.documentation
        )
        for family in registry.collect()
    }


def own_readings(registry: CollectorRegistry) -> tuple[dict[str, Metric], list[Reading]]:
    """Everything in the registry: what its metrics are, and one reading per sample."""
    readings = [
        Reading(sample.name, sample.value, sample.labels)
        for family in registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    ]
    return own_metrics(registry), readings
