"""
The table of aggregations, and how rows fall into groups.

Sums are exact (math.fsum) where Prometheus compensates (Kahan): never less precise.
Source: Prometheus' promql/engine.go (3.x), aggregation and aggregationK.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from monitor.model.reading import LabelPairs
from monitor.promql.ast import Aggregate
from monitor.promql.errors import PromqlError
from monitor.promql.labels import text, with_label
from monitor.promql.rows import NAME, NOTHING, Indices, Rows
from monitor.promql.storage import Floats


@dataclass(frozen=True, slots=True)
class Groups:
    """
    Rows in groups: ``order`` lists the rows group by group, in their own order within
    each; group i begins at ``starts[i]`` of it and has the labels ``labels[i]``.
    """

    labels: Sequence[LabelPairs]
    order: Indices
    starts: Indices

    def parts(self, values: Floats) -> list[Floats]:
        """Each group's values."""
        return np.split(values[self.order], self.starts[1:])

    def members(self) -> list[Indices]:
        """Each group's rows."""
        return np.split(self.order, self.starts[1:])


def groups(rows: Rows, node: Aggregate) -> Groups:
    """The rows by the labels that the aggregation keeps, groups in order of first sight."""
    if not node.labels and not node.without:
        every = np.arange(len(rows))
        return Groups([()], every, np.zeros(1, dtype=np.intp))
    names = set(node.labels)
    seen: dict[LabelPairs, int] = {}
    ids = np.empty(len(rows), dtype=np.intp)
    source = rows.real_labels() if NAME in names else rows.labels
    for i, pairs in enumerate(source):
        if node.without:
            key = tuple(p for p in pairs if p[0] not in names and p[0] != NAME)
        else:
            key = tuple(p for p in pairs if p[0] in names)
        ids[i] = seen.setdefault(key, len(seen))
    order = np.argsort(ids, kind="stable")
    starts = np.searchsorted(ids[order], np.arange(len(seen)))
    return Groups(list(seen), order, starts)


def _sum(values: Floats) -> float:
    if not np.isfinite(values).all():
        return float(values.sum())
    try:
        return math.fsum(values.tolist())
    except OverflowError:
        return float(values.sum())


def _mean(values: Floats) -> float:
    mean = _sum(values) / len(values)
    if math.isinf(mean) and np.isfinite(values).all():
        return math.fsum((values / len(values)).tolist())
    return mean


def _variance(values: Floats) -> float:
    """The population variance, exactly zero for equal values."""
    moved = values - values[0]
    return _mean((moved - _mean(moved)) ** 2)


def quantile(q: float, values: Floats) -> float:
    """The quantile, interpolated between neighbours; NaN counts as the smallest."""
    if math.isnan(q) or not 0 <= q <= 1:
        return math.nan if math.isnan(q) else math.copysign(math.inf, q)
    ordered = -np.sort(-values)[::-1]
    rank = q * (len(ordered) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low] * (1 - (rank - low)) + ordered[high] * (rank - low))


Reduce = Callable[[Groups, Floats, float], Floats]


def _each(apply: Callable[[Floats], float]) -> Reduce:
    """One group at a time."""
    return lambda g, values, _: np.array([apply(part) for part in g.parts(values)])


def _count(g: Groups, values: Floats, _: float) -> Floats:
    return np.diff(np.append(g.starts, len(values))).astype(np.float64)


def _quantile(g: Groups, values: Floats, q: float) -> Floats:
    return np.array([quantile(q, part) for part in g.parts(values)])


REDUCTIONS: Mapping[str, Reduce] = {
    "avg": _each(_mean),
    "count": _count,
    "group": lambda g, _values, _: np.ones(len(g.labels)),
    "max": lambda g, values, _: np.fmax.reduceat(values[g.order], g.starts),
    "min": lambda g, values, _: np.fmin.reduceat(values[g.order], g.starts),
    "quantile": _quantile,
    "stddev": _each(lambda values: math.sqrt(_variance(values))),
    "stdvar": _each(_variance),
    "sum": _each(_sum),
}
# Which rows of a group to keep, best first: the sign that turns "best" into "smallest".
CHOICES: Mapping[str, int] = {"topk": -1, "bottomk": 1}
COUNT_VALUES = "count_values"
AGGREGATIONS = REDUCTIONS.keys() | CHOICES.keys() | {COUNT_VALUES}


def aggregate(rows: Rows, node: Aggregate, param: float) -> Rows:
    """The aggregated rows. Raises PromqlError for a k that is no number."""
    if node.op == COUNT_VALUES:
        rows, node = _values_as_labels(rows, node)
    if node.op in CHOICES:
        return _choose(rows, node, param)
    if not len(rows):
        return NOTHING
    g = groups(rows, node)
    values = REDUCTIONS[node.op](g, rows.values, param)
    return Rows(g.labels, values, one_name=True)


def _values_as_labels(rows: Rows, node: Aggregate) -> tuple[Rows, Aggregate]:
    """count_values is count by a label that holds the value."""
    name = text(node.param) if node.param is not None else ""
    labels = [
        with_label(pairs, name, np.format_float_positional(value, trim="-"))
        for pairs, value in zip(rows.real_labels(), rows.values, strict=True)
    ]
    names = node.labels if node.without else (*node.labels, name)
    return Rows(labels, rows.values), replace(node, op="count", labels=names)


def _choose(rows: Rows, node: Aggregate, param: float) -> Rows:
    if math.isnan(param):
        raise PromqlError("Parameter value is NaN")
    if not abs(param) < 2**63:
        raise PromqlError(f"Scalar value {param} overflows int64")
    k = min(int(param), len(rows))
    if k < 1:
        return NOTHING
    sign = CHOICES[node.op]
    chosen = [
        members[np.argsort(sign * rows.values[members], kind="stable")[:k]]
        for members in groups(rows, node).members()
    ]
    return rows.take(np.concatenate(chosen))
