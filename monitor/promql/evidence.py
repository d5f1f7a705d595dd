"""
Whether an empty answer means "over", or only that nobody knows.

An alert's labels are followed down its expression: each selector is narrowed by those
that must hold for the series behind this alert, and has to have a live sample. Labels
stop where an operator drops or renames them; then nothing is known, never guessed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from monitor.model.reading import LabelPairs
from monitor.promql.aggregation import CHOICES
from monitor.promql.ast import Aggregate, Binary, Call, Expr, Matcher, Selector, String, children
from monitor.promql.functions import said
from monitor.promql.rows import NAME
from monitor.promql.selecting import anchor, instant, milliseconds
from monitor.promql.storage import Storage, has_sample

Known = Mapping[str, str]  # labels that must hold, by name
NOTHING: Known = {}

ABSENCE = ("absent", "absent_over_time")  # they ask for nothing to be there
RENAMING = ("label_replace", "label_join")  # their second argument names a label


def has_evidence(expr: Expr, labels: LabelPairs, storage: Storage, at: float) -> bool:
    """
    Whether every selector that could speak for this alert has a live sample at ``at``.

    Not asked: selectors in absent() and right of ``unless``. Of ``or``, one branch that
    the alert can have come from is enough where nothing of the other's has died: each of
    its selectors is live too, or matches no series in the view at all.
    """
    known = {name: value for name, value in labels if name != NAME}
    return _Look(storage, milliseconds(at)).live(expr, known)


@dataclass(frozen=True, slots=True)
class _Look:
    storage: Storage
    at: float

    def live(self, node: Expr, known: Known) -> bool:
        """Every selector has a live sample."""
        if isinstance(node, Selector):
            return self._has_live(node, known)
        below = list(_below(node, known))
        if isinstance(node, Binary) and node.op == "or":
            left, right = below
            speaking = [(b, o) for b, o in ((left, right), (right, left)) if _speaks(*b)]
            pairs = [self.live(*branch) and self._none_died(*other) for branch, other in speaking]
            return any(pairs) or not pairs
        return all(self.live(child, its) for child, its in below)

    def _none_died(self, node: Expr, known: Known) -> bool:
        """Every selector has a live sample, or never had one in the view."""
        if isinstance(node, Selector):
            return self._has_live(node, known) or not self._was_seen(node, known)
        return all(self._none_died(child, its) for child, its in _below(node, known))

    def _has_live(self, node: Selector, known: Known) -> bool:
        return len(instant(_narrowed(node, known), self.storage, self.at)) > 0

    def _was_seen(self, node: Selector, known: Known) -> bool:
        matchers = _narrowed(node, known).matchers
        found = self.storage.select(matchers, 0.0, max(self.at, anchor(node, self.at)))
        return bool(has_sample(found.values).any())


def _speaks(node: Expr, known: Known) -> bool:
    """Whether a branch of `or` can have been this alert's: a constant or other absent() cannot."""
    if isinstance(node, Selector):
        return True
    if isinstance(node, Call) and node.func in ABSENCE:
        return dict(said(node.args[0])) == known
    return any(_speaks(child, its) for child, its in _below(node, known))


def _narrowed(node: Selector, known: Known) -> Selector:
    """The selector as an instant one, with the known labels."""
    added = tuple(Matcher(name, "=", value) for name, value in known.items())
    return replace(node, matchers=node.matchers + added, range=None)


def _below(node: Expr, known: Known) -> Iterator[tuple[Expr, Known]]:
    """The nodes below that have to have evidence, with what is known of their labels."""
    match node:
        case Call():
            yield from _arguments(node, known)
        case Aggregate():
            yield node.expr, _grouped(node, known)
            if node.param is not None:
                yield node.param, NOTHING
        case Binary():
            yield from _sides(node, known)
        case _:
            yield from ((child, known) for child in children(node))


def _arguments(node: Call, known: Known) -> Iterator[tuple[Expr, Known]]:
    if node.func in ABSENCE:
        return
    if node.func == "scalar":
        known = NOTHING
    if node.func in RENAMING and isinstance(node.args[1], String):
        known = _without(known, (node.args[1].value,))
    yield from ((arg, known) for arg in node.args)


def _grouped(node: Aggregate, known: Known) -> Known:
    if node.op in CHOICES:
        return known  # topk and bottomk return rows as they were
    if isinstance(node.param, String):
        known = _without(known, (node.param.value,))
    return _without(known, node.labels) if node.without else _only(known, node.labels)


def _sides(node: Binary, known: Known) -> Iterator[tuple[Expr, Known]]:
    matching = node.matching
    met = (_only if matching.on else _without)(known, matching.labels)
    if node.op == "or":
        yield from ((node.left, known), (node.right, known))
    elif node.op in ("and", "unless"):
        yield node.left, known
        if node.op == "and":
            yield node.right, met
    elif matching.card == "one-to-one":
        yield from ((node.left, met), (node.right, met))
    else:
        many = _without(known, matching.include)
        one = {**met, **_only(known, matching.include)}
        left_many = matching.card == "many-to-one"
        yield node.left, many if left_many else one
        yield node.right, one if left_many else many


def _only(known: Known, names: tuple[str, ...]) -> Known:
    return {name: value for name, value in known.items() if name in names}


def _without(known: Known, names: tuple[str, ...]) -> Known:
    return {name: value for name, value in known.items() if name not in names}
