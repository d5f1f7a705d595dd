"""
``expr[range:step]``: an instant expression, evaluated at steps, as a range vector.

Steps are whole multiples of the step since 1970, in ``(end - range, end]``.
"""

import math
from collections.abc import Callable

import numpy as np

from monitor.model.reading import LabelPairs
from monitor.promql.ast import Expr, Subquery, children
from monitor.promql.errors import PromqlError
from monitor.promql.rows import Rows, Windows
from monitor.promql.selecting import anchor, milliseconds, pack
from monitor.promql.storage import NO_SAMPLE, Floats, Selection

DEFAULT_STEP = 60.0  # seconds: Prometheus' default evaluation interval
MOST_STEPS = 11_000  # as many as Prometheus' HTTP API gives points per series


def check(node: Subquery) -> None:
    """Raises PromqlError where nested subqueries multiply to too many evaluations."""
    count = _evaluations(node)
    if count > MOST_STEPS:
        raise PromqlError(f"the subquery has {count:.0f} steps; at most {MOST_STEPS} are evaluated")


def _evaluations(node: Expr) -> float:
    below = max((_evaluations(child) for child in children(node)), default=1.0)
    return below * node.range / (node.step or DEFAULT_STEP) if isinstance(node, Subquery) else below


def steps(node: Subquery, now: float) -> Floats:
    """The instants at which the inner expression is evaluated."""
    step, end = node.step or DEFAULT_STEP, anchor(node, now)
    first = math.floor(milliseconds(end - node.range) / step) + 1
    count = math.floor(end / step) - first + 1
    return np.array([milliseconds((first + i) * step) for i in range(max(0, count))])


def windows(node: Subquery, now: float, evaluate: Callable[[float], Rows]) -> Windows:
    """The inner expression's values at each step, as windows."""
    times, end = steps(node, now), anchor(node, now)
    seen: dict[LabelPairs, int] = {}
    cells: list[tuple[int, list[int], Floats]] = []
    for column, at in enumerate(times.tolist()):
        rows = evaluate(at)
        index = [seen.setdefault(pairs, len(seen)) for pairs in rows.real_labels()]
        cells.append((column, index, rows.values))
    values = np.full((len(seen), len(times)), NO_SAMPLE)
    for column, index, column_values in cells:
        values[index, column] = column_values
    edges = (milliseconds(end - node.range), end)
    return pack(Selection(list(seen), times, values), edges, now, one_name=False)
