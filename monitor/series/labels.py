"""
Label sets: a target's labels joined to a reading's own, and what a valid name is.

Pure. A label set is sorted and holds no empty value (to Prometheus, empty is absent).
"""

import re
from collections.abc import Iterable

from monitor.model.reading import LabelPairs

NAME = "__name__"
MAX_LABELS = 64  # per series, the target's own included
MAX_VALUE = 1024  # characters of one label value

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def metric_name_ok(name: str) -> bool:
    """Whether Prometheus' classic data model takes the metric name (ASCII)."""
    return _METRIC.fullmatch(name) is not None


def join(target: LabelPairs, own: Iterable[tuple[str, str]]) -> LabelPairs:
    """
    The target's labels win; a reading's label of the same name is kept as
    ``exported_<name>``, as Prometheus does without honor_labels.
    """
    configured = {name for name, value in target if value}
    mine = [pair for pair in own if pair[1] and pair[0] != NAME]
    if not configured.isdisjoint(name for name, _ in mine):
        taken = configured | {name for name, _ in mine}
        mine = [_renamed(pair, configured, taken) for pair in mine]
    return tuple(sorted([*(pair for pair in target if pair[1]), *mine]))


def _renamed(pair: tuple[str, str], configured: set[str], taken: set[str]) -> tuple[str, str]:
    name, value = pair
    if name not in configured:
        return pair
    while name in taken:
        name = f"exported_{name}"
    taken.add(name)
    return (name, value)


def with_name(name_pair: tuple[str, str], labels: LabelPairs) -> LabelPairs:
    """The label set of a series; ``__name__`` sorts where it belongs."""
    return tuple(sorted((name_pair, *labels)))


def labels_ok(labels: LabelPairs) -> bool:
    """Whether every name is valid and given once, and numbers and lengths are in bounds."""
    names = {name for name, _ in labels}
    return (
        len(names) == len(labels) <= MAX_LABELS
        and all(_LABEL.fullmatch(name) for name in names)
        and all(len(value) <= MAX_VALUE for _, value in labels)
    )
