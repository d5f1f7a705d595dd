"""
The table of functions: a name, and what it does. A new function is a new entry.

Arguments have been counted and typed by the parser.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from monitor.model.reading import LabelPairs
from monitor.promql import over_time, pointwise, slopes
from monitor.promql.ast import Call, Expr, Selector, is_range
from monitor.promql.histogram import histogram_quantile
from monitor.promql.labels import label_join, label_replace
from monitor.promql.rows import NAME, NOTHING, Rows, Windows
from monitor.promql.selecting import newest
from monitor.promql.storage import Floats, Storage


class Context(Protocol):
    """One evaluation: what functions may ask of it."""

    @property
    def storage(self) -> Storage:
        """The samples."""
        ...

    @property
    def now(self) -> float:
        """The instant, seconds since 1970."""
        ...

    def vector(self, expr: Expr) -> Rows:
        """An instant-vector expression's value."""
        ...

    def scalar(self, expr: Expr) -> float:
        """A scalar expression's value."""
        ...

    def windows(self, expr: Expr) -> Windows:
        """A range-vector expression's value."""
        ...


Scalars = Sequence[float]
Function = Callable[[Context, Call], Rows | float]


def _over(
    apply: Callable[[Windows, Scalars], Floats], *, at_least: int = 1, named: bool = False
) -> Function:
    """A function of a window; rows with fewer samples give nothing."""

    def function(context: Context, call: Call) -> Rows:
        (window,) = (arg for arg in call.args if is_range(arg))
        scalars = [context.scalar(arg) for arg in call.args if not is_range(arg)]
        w = context.windows(window).at_least(at_least)
        if not len(w.labels):
            return NOTHING
        rows = Rows(w.labels, apply(w, scalars), one_name=w.one_name)
        return rows if named else rows.nameless()

    return function


def _each(apply: Callable[[Floats, Scalars], Floats]) -> Function:
    """A function of each value; the other arguments are scalars."""

    def function(context: Context, call: Call) -> Rows:
        rows = context.vector(call.args[0])
        scalars = [context.scalar(arg) for arg in call.args[1:]]
        return rows.valued(apply(rows.values, scalars)).nameless()

    return function


def _math(apply: Callable[[Floats], Floats]) -> Function:
    """A function of each value and nothing else."""
    return _each(lambda values, _: apply(values))


def _date(apply: Callable[[Floats], Floats]) -> Function:
    """A function of instants; without an argument, of the evaluation's own."""

    def function(context: Context, call: Call) -> Rows:
        if call.args:
            rows = context.vector(call.args[0])
            return rows.valued(apply(rows.values)).nameless()
        return _single(float(apply(np.array([context.now]))[0]))

    return function


def _clamp(context: Context, call: Call) -> Rows:
    """Between two bounds; nothing at all where the lower is above the upper."""
    rows = context.vector(call.args[0])
    low, high = (context.scalar(arg) for arg in call.args[1:])
    if low > high:
        return NOTHING
    return rows.valued(np.maximum(low, np.minimum(high, rows.values))).nameless()


def _sorted(sign: int) -> Function:
    """By value, up (1) or down (-1); NaN comes last either way."""

    def function(context: Context, call: Call) -> Rows:
        rows = context.vector(call.args[0])
        return rows.take(np.argsort(sign * rows.values, kind="stable"))

    return function


def _timestamp(context: Context, call: Call) -> Rows:
    """When a selector's samples were taken; of anything else, the evaluation's instant."""
    (arg,) = call.args
    if isinstance(arg, Selector):
        rows, times = newest(arg, context.storage, context.now)
        return rows.valued(times).nameless()
    rows = context.vector(arg)
    return rows.valued(np.full(len(rows), context.now)).nameless()


def _absent(context: Context, call: Call) -> Rows:
    (arg,) = call.args
    return NOTHING if len(context.vector(arg)) else _single(1.0, said(arg))


def _absent_over_time(context: Context, call: Call) -> Rows:
    (arg,) = call.args
    return NOTHING if len(context.windows(arg).labels) else _single(1.0, said(arg))


def said(arg: Expr) -> LabelPairs:
    """The labels that a selector fixes with one single `=`: what absent() can name."""
    if not isinstance(arg, Selector):
        return ()
    said: dict[str, str] = {}
    seen: set[str] = set()
    for matcher in arg.matchers:
        if matcher.name == NAME:
            continue
        if matcher.op == "=" and matcher.name not in seen:
            said[matcher.name] = matcher.value
            seen.add(matcher.name)
        else:
            said.pop(matcher.name, None)
    return tuple(sorted((name, value) for name, value in said.items() if value))


def _scalar(context: Context, call: Call) -> float:
    rows = context.vector(call.args[0])
    return float(rows.values[0]) if len(rows) == 1 else float("nan")


def _single(value: float, labels: LabelPairs = ()) -> Rows:
    return replace(NOTHING, labels=[labels], values=np.array([value]))


def _vector(context: Context, call: Call) -> Rows:
    return _single(context.scalar(call.args[0]))


def _time(context: Context, _: Call) -> float:
    return context.now


def _label_replace(context: Context, call: Call) -> Rows:
    return label_replace(context.vector(call.args[0]), call.args[1:])


def _label_join(context: Context, call: Call) -> Rows:
    return label_join(context.vector(call.args[0]), call.args[1:])


def _histogram_quantile(context: Context, call: Call) -> Rows:
    return histogram_quantile(context.vector(call.args[1]), context.scalar(call.args[0]))


FUNCTIONS: Mapping[str, Function] = {
    "abs": _math(np.abs),
    "absent": _absent,
    "absent_over_time": _absent_over_time,
    "acos": _math(np.arccos),
    "acosh": _math(np.arccosh),
    "asin": _math(np.arcsin),
    "asinh": _math(np.arcsinh),
    "atan": _math(np.arctan),
    "atanh": _math(np.arctanh),
    "avg_over_time": _over(over_time.mean),
    "ceil": _math(np.ceil),
    "changes": _over(over_time.changes),
    "clamp": _clamp,
    "clamp_max": _each(pointwise.clamp_max),
    "clamp_min": _each(pointwise.clamp_min),
    "cos": _math(np.cos),
    "cosh": _math(np.cosh),
    "count_over_time": _over(over_time.count),
    "day_of_month": _date(pointwise.day_of_month),
    "day_of_week": _date(pointwise.day_of_week),
    "day_of_year": _date(pointwise.day_of_year),
    "days_in_month": _date(pointwise.days_in_month),
    "deg": _math(np.degrees),
    "delta": _over(slopes.delta, at_least=2),
    "deriv": _over(slopes.deriv, at_least=2),
    "exp": _math(np.exp),
    "floor": _math(np.floor),
    "histogram_quantile": _histogram_quantile,
    "hour": _date(pointwise.hour),
    "idelta": _over(slopes.idelta, at_least=2),
    "increase": _over(slopes.increase, at_least=2),
    "irate": _over(slopes.irate, at_least=2),
    "label_join": _label_join,
    "label_replace": _label_replace,
    "last_over_time": _over(over_time.last, named=True),
    "ln": _math(np.log),
    "log10": _math(np.log10),
    "log2": _math(np.log2),
    "max_over_time": _over(over_time.greatest),
    "min_over_time": _over(over_time.least),
    "minute": _date(pointwise.minute),
    "month": _date(pointwise.month),
    "pi": lambda _context, _call: float(np.pi),
    "predict_linear": _over(slopes.predict_linear, at_least=2),
    "present_over_time": _over(over_time.present),
    "quantile_over_time": _over(over_time.quantile),
    "rad": _math(np.radians),
    "rate": _over(slopes.rate, at_least=2),
    "resets": _over(over_time.resets),
    "round": _each(pointwise.rounded),
    "scalar": _scalar,
    "sgn": _math(np.sign),
    "sin": _math(np.sin),
    "sinh": _math(np.sinh),
    "sort": _sorted(1),
    "sort_desc": _sorted(-1),
    "sqrt": _math(np.sqrt),
    "stddev_over_time": _over(over_time.deviation),
    "stdvar_over_time": _over(over_time.variance),
    "sum_over_time": _over(over_time.total),
    "tan": _math(np.tan),
    "tanh": _math(np.tanh),
    "time": _time,
    "timestamp": _timestamp,
    "vector": _vector,
    "year": _date(pointwise.year),
}
