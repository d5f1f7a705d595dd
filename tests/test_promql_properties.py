"""What holds for any expression, and for any samples."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from promql.memory import Memory
from promql.room import ROOM, labels, samples

from monitor.promql.errors import PromqlError
from monitor.promql.evaluator import Vector, evaluate
from monitor.promql.parser import parse

NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=32)
NAMES = st.sampled_from(["up", "bytes_total", "gaps", "odd", "size", "nothing"])
SELECTORS = st.one_of(NAMES, NAMES.map(lambda n: n + '{instance=~"his.*"}'))
WINDOWS = st.tuples(SELECTORS, st.sampled_from(["15s", "1m", "5m"])).map("{0[0]}[{0[1]}]".format)
OVER = st.sampled_from(
    [
        "avg_over_time",
        "changes",
        "delta",
        "deriv",
        "idelta",
        "increase",
        "irate",
        "last_over_time",
        "max_over_time",
        "present_over_time",
        "rate",
        "resets",
        "stdvar_over_time",
        "sum_over_time",
    ]
)
CALLS = st.sampled_from(["abs", "sqrt", "ln", "hour", "days_in_month", "absent", "sort", "sgn"])
GROUPING = st.sampled_from(["", "by (instance)", "without (disk)", "by (disk, job)"])
AGGREGATIONS = st.sampled_from(["sum", "avg", "max", "count", "stddev", "group"])
OPERATORS = st.sampled_from(["+", "/", "%", "^", "==", "> bool", "and", "or", "unless"])
MATCHING = st.sampled_from(["", "on (instance)", "ignoring (disk)", "on ()"])


def grown(inner):
    """Vector expressions made of vector expressions."""
    return st.one_of(
        st.tuples(CALLS, inner).map("{0[0]}({0[1]})".format),
        st.tuples(AGGREGATIONS, GROUPING, inner).map("{0[0]} {0[1]} ({0[2]})".format),
        st.tuples(inner, OPERATORS, MATCHING, inner).map("({0[0]}) {0[1]} {0[2]} ({0[3]})".format),
        st.tuples(inner, NUMBERS).map("({0[0]}) * {0[1]}".format),
        inner.map("topk(2, {0})".format),
        inner.map("-({0})".format),
        inner.map("max_over_time(({0})[1m:15s])".format),
    )


LEAVES = st.one_of(SELECTORS, st.tuples(OVER, WINDOWS).map("{0[0]}({0[1]})".format))


@settings(max_examples=300, deadline=None)
@given(st.recursive(LEAVES, grown, max_leaves=6))
def test_any_expression_has_a_value_or_says_why_not(text):
    """
    Evaluation raises PromqlError and nothing else, and its rows are unique and sorted.
    """
    try:
        got = evaluate(parse(text), ROOM, 60.0)
    except PromqlError:
        return
    assert isinstance(got, Vector)
    assert len(got.labels) == len(got.values) == len(set(got.labels))
    assert all(list(pairs) == sorted(pairs) for pairs in got.labels)
    assert got.values.dtype == np.float64


COUNTS = st.floats(min_value=0, max_value=1e12)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.none() | COUNTS, min_size=2, max_size=20), st.floats(0, 400))
def test_a_counter_never_shrinks(values, at):
    """
    rate, increase and irate of a counter are never negative, whatever resets it.
    """
    memory = Memory([(labels("c_total"), samples(*values))])
    for function in ("rate", "increase", "irate"):
        got = evaluate(parse(f"{function}(c_total[2m])"), memory, at)
        assert (got.values >= 0).all()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_summaries_agree_with_python(values):
    """
    Sum, mean, extremes and variance over time are those of the plain list.
    """
    memory = Memory([(labels("x"), samples(*values))])
    mean = math.fsum(values) / len(values)
    expected = {
        "sum": math.fsum(values),
        "avg": mean,
        "min": min(values),
        "max": max(values),
        "stdvar": math.fsum((v - mean) ** 2 for v in values) / len(values),
    }
    for name, wanted in expected.items():
        (got,) = evaluate(parse(f"{name}_over_time(x[1h])"), memory, 600.0).values.tolist()
        assert got == pytest.approx(wanted, rel=1e-9, abs=1e-6), name
