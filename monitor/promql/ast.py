"""
Our own PromQL syntax tree, frozen. ``parser.parse`` builds it once, at load.

Sources: Prometheus' language reference (querying/basics, operators, functions), 3.x.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Matcher:
    """A label matcher; ``op`` is one of = != =~ !~ . Regexes are anchored RE2."""

    name: str
    op: str
    value: str


@dataclass(frozen=True, slots=True)
class Expr:
    """Any node."""


@dataclass(frozen=True, slots=True)
class Number(Expr):
    """A scalar literal."""

    value: float


@dataclass(frozen=True, slots=True)
class String(Expr):
    """A string literal (only as a function's argument)."""

    value: str


@dataclass(frozen=True, slots=True)
class Selector(Expr):
    """
    An instant (``range`` None) or range selector. Seconds throughout; ``at`` is a
    fixed instant; matchers include the one on ``__name__``.
    """

    matchers: tuple[Matcher, ...]
    range: float | None = None
    offset: float = 0.0
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Call(Expr):
    """A function call."""

    func: str
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Aggregate(Expr):
    """``op by/without (labels) (expr)``; ``without`` False with no labels is one group."""

    op: str
    expr: Expr
    labels: tuple[str, ...] = ()
    without: bool = False
    param: Expr | None = None


@dataclass(frozen=True, slots=True)
class Matching:
    """How the two sides of a vector operation meet."""

    on: bool = False  # True: labels are on(...), False: ignoring(...)
    labels: tuple[str, ...] = ()
    card: str = "one-to-one"  # many-to-one (group_left), one-to-many (group_right), many-to-many
    include: tuple[str, ...] = ()  # labels of group_left/right(...)


@dataclass(frozen=True, slots=True)
class Binary(Expr):
    """Arithmetic, comparison (``bool`` or filter), and / or / unless."""

    op: str
    left: Expr
    right: Expr
    bool: bool = False
    matching: Matching = Matching()


@dataclass(frozen=True, slots=True)
class Unary(Expr):
    """``-x`` (``+x`` is dropped at parse)."""

    expr: Expr


@dataclass(frozen=True, slots=True)
class Subquery(Expr):
    """``expr[range:step]``: an instant expression as a range; ``step`` None is the default."""

    expr: Expr
    range: float
    step: float | None = None
    offset: float = 0.0
    at: float | None = None


def is_range(node: Expr) -> bool:
    """Whether the node is a range vector: samples over a window, not one instant."""
    return isinstance(node, Subquery) or (isinstance(node, Selector) and node.range is not None)


def children(node: Expr) -> Iterator[Expr]:
    """The nodes directly below, left to right."""
    for field in fields(node):
        value = getattr(node, field.name)
        if isinstance(value, Expr):
            yield value
        elif isinstance(value, tuple):
            yield from (v for v in value if isinstance(v, Expr))


def walk(node: Expr) -> Iterator[Expr]:
    """The node and everything below it."""
    yield node
    for child in children(node):
        yield from walk(child)
