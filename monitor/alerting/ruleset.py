"""
The rules as they are judged: frozen, checked, expressions parsed once.

``files.load`` makes them; the machine reads them. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from monitor.alerting.templates import Template
from monitor.model.reading import LabelPairs
from monitor.promql.ast import Call, Expr, Selector, Subquery, walk

ON_MISSING = "zhiban_on_missing"
"""Annotation (or label): ``resolve`` withdraws a firing alert whose series are gone."""


@dataclass(frozen=True, slots=True)
class AlertRule:
    """An alerting rule. Durations in seconds."""

    name: str
    expr: Expr
    text: str  # the expression as written
    line: int
    window: float  # how far back the expression looks
    absence: bool  # it speaks of absence: judged once every target was visited
    hold: float  # for
    keep: float  # keep_firing_for
    labels: Mapping[str, Template]  # with defaults applied
    annotations: Mapping[str, Template]

    static: Mapping[str, str] = field(init=False)  # the labels that all its alerts share

    def __post_init__(self) -> None:
        """Settle once what is asked of every alert at every turn."""
        static = {name: t.source for name, t in self.labels.items() if t.static}
        object.__setattr__(self, "static", static)

    def owns(self, labels: LabelPairs) -> bool:
        """Whether an alert of this rule's group and name, with these labels, is this rule's."""
        given = dict(labels)
        return all(given.get(name, "") == value for name, value in self.static.items())

    @property
    def resolves_on_missing(self) -> bool:
        """Whether the rule gives up an alert whose series are gone."""
        said = (self.annotations.get(ON_MISSING), self.labels.get(ON_MISSING))
        return any(t is not None and t.source == "resolve" for t in said)


@dataclass(frozen=True, slots=True)
class RecordRule:
    """A recording rule: its result becomes series of that name."""

    name: str
    expr: Expr
    text: str
    line: int
    window: float
    absence: bool
    labels: LabelPairs


Rule = AlertRule | RecordRule


@dataclass(frozen=True, slots=True)
class Group:
    """Rules judged together, in file order; later ones see what earlier ones recorded."""

    name: str
    file: str
    line: int
    interval: float  # seconds; 0 means at every slot
    limit: int  # most alerts or rows of one rule; 0 means no limit
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All groups of all files; group names are unique over the files."""

    groups: tuple[Group, ...] = ()

    def alerts(self) -> Iterator[tuple[Group, AlertRule]]:
        """Every alerting rule with its group."""
        return ((g, r) for g in self.groups for r in g.rules if isinstance(r, AlertRule))

    def records(self) -> Iterator[tuple[Group, RecordRule]]:
        """Every recording rule with its group."""
        return ((g, r) for g in self.groups for r in g.rules if isinstance(r, RecordRule))

    def find(self, group: str, alertname: str) -> AlertRule | None:
        """Return the first alerting rule of that name in that group."""
        return next((r for g, r in self.alerts() if g.name == group and r.name == alertname), None)


def speaks_of_absence(expr: Expr) -> bool:
    """Whether it holds absent() or absent_over_time()."""
    return any(isinstance(n, Call) and n.func.startswith("absent") for n in walk(expr))


def looks_elsewhere(expr: Expr) -> bool:
    """Whether it looks at a fixed instant, which leaves the buffer sooner or later."""
    return any(isinstance(n, Selector | Subquery) and n.at is not None for n in walk(expr))
