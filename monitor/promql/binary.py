"""
Operators between vectors and scalars, and between two vectors by their labels.

Matching is judged before anything is filtered: an ambiguous match is an error even
where no value would pass. Source: Prometheus' promql/engine.go (3.x), VectorBinop.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from monitor.model.reading import LabelPairs
from monitor.promql.ast import Binary, Matching
from monitor.promql.errors import PromqlError
from monitor.promql.operators import ARITHMETIC, COMPARISONS, Operand
from monitor.promql.rows import NAME, NOTHING, Indices, Mask, Rows, show, unique, without_name
from monitor.promql.storage import Floats

Signature = Callable[[LabelPairs], Hashable]


def scalars(node: Binary, left: float, right: float) -> float:
    """Two numbers; comparisons give 0 or 1."""
    table = ARITHMETIC if node.op in ARITHMETIC else COMPARISONS
    return float(table[node.op](np.float64(left), np.float64(right)))


def with_scalar(node: Binary, left: Rows | float, right: Rows | float) -> Rows:
    """A vector and a number, either way round; a filter keeps the vector's own values."""
    rows = left if isinstance(left, Rows) else right
    if not isinstance(rows, Rows):
        raise TypeError("one side is a vector")
    a: Operand = left.values if isinstance(left, Rows) else left
    b: Operand = right.values if isinstance(right, Rows) else right
    if node.op in ARITHMETIC:
        return rows.valued(ARITHMETIC[node.op](a, b)).nameless()
    holds = COMPARISONS[node.op](a, b)
    return rows.valued(holds.astype(np.float64)).nameless() if node.bool else rows.keep(holds)


def sets(node: Binary, left: Rows, right: Rows) -> Rows:
    """and, or, unless: whole rows, chosen by their signatures."""
    key = signature(node.matching)
    ours, theirs = left.real_labels(), right.real_labels()
    if node.op == "or":
        known = {key(pairs) for pairs in ours}
        new = np.array([key(pairs) not in known for pairs in theirs], dtype=bool)
        added = right.keep(new) if len(right) else right
        labels = [*ours, *added.real_labels()]
        return Rows(labels, np.concatenate([left.values, added.values]))
    known = {key(pairs) for pairs in theirs}
    wanted = node.op == "and"
    mask = np.array([(key(pairs) in known) == wanted for pairs in ours], dtype=bool)
    return left.keep(mask) if len(left) else left


def signature(matching: Matching) -> Signature:
    """What must be equal for two rows to meet."""
    names = frozenset(matching.labels)
    if matching.on:
        return lambda pairs: tuple(p for p in pairs if p[0] in names)
    if names:
        return lambda pairs: tuple(p for p in pairs if p[0] not in names and p[0] != NAME)
    return without_name


@dataclass(frozen=True, slots=True)
class Pairs:
    """Rows that met: indices into the "many" and the "one" side."""

    many: Indices
    one: Indices


def vectors(node: Binary, left: Rows, right: Rows) -> Rows:
    """Arithmetic or comparison of two vectors. Raises PromqlError for ambiguous matches."""
    if not len(left) or not len(right):
        return NOTHING
    swapped = node.matching.card == "one-to-many"
    many, one = (right, left) if swapped else (left, right)
    many_labels, one_labels = many.real_labels(), one.real_labels()
    met = _meet(node.matching, many_labels, one_labels)
    a, b = many.values[met.many], one.values[met.one]
    values, holds = _operate(node, *((b, a) if swapped else (a, b)))
    explicit = node.matching.card != "one-to-one"
    if not explicit and len(set(met.one.tolist())) != len(met.one):
        raise PromqlError(
            "multiple matches for labels: many-to-one matching must be explicit "
            "(group_left/group_right)"
        )
    result = _labeller(node)
    if explicit:
        every = [
            (o, result(many_labels[m], one_labels[o]))
            for m, o in zip(met.many.tolist(), met.one.tolist(), strict=True)
        ]
        if len(set(every)) != len(every):
            raise PromqlError(
                "multiple matches for labels: grouping labels must ensure unique matches"
            )
        labels = [every[i][1] for i in np.flatnonzero(holds).tolist()]
    else:
        kept = zip(met.many[holds].tolist(), met.one[holds].tolist(), strict=True)
        labels = [result(many_labels[m], one_labels[o]) for m, o in kept]
    nameless = (node.op in ARITHMETIC or node.bool) and NAME not in node.matching.include
    return Rows(unique(labels), values[holds], one_name=nameless)


def _meet(matching: Matching, many: Sequence[LabelPairs], one: Sequence[LabelPairs]) -> Pairs:
    """Which rows meet. Two rows of the "one" side with one signature are an error."""
    key = signature(matching)
    known: dict[Hashable, int] = {}
    for i, pairs in enumerate(one):
        first = known.setdefault(key(pairs), i)
        if first != i:
            raise PromqlError(_ambiguous(matching, one[first], pairs))
    meetings = [(m, o) for m, pairs in enumerate(many) if (o := known.get(key(pairs))) is not None]
    table = np.array(meetings, dtype=np.intp).reshape(-1, 2)
    return Pairs(table[:, 0], table[:, 1])


def _ambiguous(matching: Matching, *two: LabelPairs) -> str:
    side = "left" if matching.card == "one-to-many" else "right"
    group = signature(matching)(two[0])
    shown = show(group) if isinstance(group, tuple) else str(group)
    first, second = sorted(show(pairs) for pairs in two)
    return (
        f"found duplicate series for the match group {shown} on the {side} hand-side of the "
        f"operation: [{first}, {second}];many-to-many matching not allowed: matching labels "
        "must be unique on one side"
    )


def _operate(node: Binary, a: Floats, b: Floats) -> tuple[Floats, Mask]:
    """The values, and where there is one; a filter keeps the left side's values."""
    if node.op in ARITHMETIC:
        return ARITHMETIC[node.op](a, b), np.ones(len(a), dtype=bool)
    holds = COMPARISONS[node.op](a, b)
    if node.bool:
        return holds.astype(np.float64), np.ones(len(a), dtype=bool)
    return a, holds


def _labeller(node: Binary) -> Callable[[LabelPairs, LabelPairs], LabelPairs]:
    """The labels of a result from those of the two rows that met (resultMetric)."""
    matching = node.matching
    drops_name = node.op in ARITHMETIC or node.bool
    names = frozenset(matching.labels)

    def label(many: LabelPairs, one: LabelPairs) -> LabelPairs:
        pairs = without_name(many) if drops_name else many
        if matching.card == "one-to-one" and (names or matching.on):
            pairs = tuple(p for p in pairs if (p[0] in names) == matching.on)
        return _include(pairs, one, matching.include) if matching.include else pairs

    return label


def _include(pairs: LabelPairs, one: LabelPairs, include: Sequence[str]) -> LabelPairs:
    """group_left(...): the named labels come from the "one" side, or go."""
    values: Mapping[str, str] = dict(one)
    kept = [p for p in pairs if p[0] not in include]
    return tuple(sorted([*kept, *((n, values[n]) for n in include if n in values)]))
