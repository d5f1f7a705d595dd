"""What an expression reads: its selectors, and how far back they look."""

from collections.abc import Iterator

from monitor.promql.ast import Expr, Selector, Subquery, children, walk


def selectors(expr: Expr) -> tuple[Selector, ...]:
    """Every selector, left to right."""
    return tuple(node for node in walk(expr) if isinstance(node, Selector))


def windows(expr: Expr) -> float:
    """
    The longest look-back, in seconds, that has to be filled before the rule is judged.

    A plain selector counts as 0: its newest sample is enough. Ranges, subqueries and
    positive offsets add up along a path; ``@`` is not counted.
    """
    return max(_reaches(expr), default=0.0)


def _reaches(node: Expr) -> Iterator[float]:
    if isinstance(node, Selector):
        yield max(0.0, (node.range or 0.0) + node.offset)
    for child in children(node):
        own = node.range + node.offset if isinstance(node, Subquery) else 0.0
        yield from (max(0.0, own + reach) for reach in _reaches(child))
