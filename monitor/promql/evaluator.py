"""
An expression's value at one instant, over a Storage.

Pure: the instant is an argument, the storage a frozen view. It raises PromqlError and
nothing else: labels that cannot be matched or would not be unique.
"""

from dataclasses import dataclass

import numpy as np

from monitor.promql import binary, subquery
from monitor.promql.aggregation import aggregate
from monitor.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Expr,
    Number,
    Selector,
    String,
    Subquery,
    Unary,
)
from monitor.promql.errors import PromqlError
from monitor.promql.functions import FUNCTIONS
from monitor.promql.rows import Rows, Vector, Windows
from monitor.promql.selecting import instant, milliseconds, windows
from monitor.promql.storage import Storage

__all__ = ["Vector", "evaluate"]

SET_OPS = ("and", "or", "unless")


def evaluate(expr: Expr, storage: Storage, at: float) -> Vector | float:
    """
    The value at ``at`` (seconds since 1970): a vector, or a number for a scalar expression.

    Raises PromqlError where labels cannot be matched or are not unique.
    """
    with np.errstate(all="ignore"):  # 0/0 is NaN and 1/0 is +Inf in PromQL, silently
        value = Evaluation(storage, milliseconds(at)).value(expr)
        return value.vector() if isinstance(value, Rows) else value


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One walk of a tree at one instant; it is the functions' Context."""

    storage: Storage
    now: float

    def value(self, expr: Expr) -> Rows | float:
        """Any expression but a string or a range vector."""
        match expr:
            case Number():
                return expr.value
            case Selector(range=None):
                return instant(expr, self.storage, self.now)
            case Call():
                return FUNCTIONS[expr.func](self, expr)
            case Aggregate():
                return self._aggregate(expr)
            case Binary():
                return self._binary(expr)
            case Unary():
                value = self.value(expr.expr)
                return value.valued(-value.values).nameless() if isinstance(value, Rows) else -value
            case _:
                raise PromqlError(f"{type(expr).__name__} has no value at one instant")

    def vector(self, expr: Expr) -> Rows:
        """An instant-vector expression's value."""
        value = self.value(expr)
        if not isinstance(value, Rows):
            raise PromqlError("expected a vector, got a scalar")
        return value

    def scalar(self, expr: Expr) -> float:
        """A scalar expression's value."""
        value = self.value(expr)
        if isinstance(value, Rows):
            raise PromqlError("expected a scalar, got a vector")
        return value

    def windows(self, expr: Expr) -> Windows:
        """A range-vector expression's value."""
        if isinstance(expr, Selector):
            return windows(expr, self.storage, self.now)
        if isinstance(expr, Subquery):
            return subquery.windows(
                expr, self.now, lambda at: Evaluation(self.storage, at).vector(expr.expr)
            )
        raise PromqlError("expected a range vector")

    def _aggregate(self, node: Aggregate) -> Rows:
        param = 0.0
        if node.param is not None and not isinstance(node.param, String):
            param = self.scalar(node.param)
        return aggregate(self.vector(node.expr), node, param)

    def _binary(self, node: Binary) -> Rows | float:
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(left, Rows) and isinstance(right, Rows):
            if node.op in SET_OPS:
                return binary.sets(node, left, right)
            return binary.vectors(node, left, right)
        if isinstance(left, Rows) or isinstance(right, Rows):
            return binary.with_scalar(node, left, right)
        return binary.scalars(node, left, right)
