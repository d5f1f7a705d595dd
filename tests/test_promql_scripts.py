"""Prometheus' own conformance scripts (promqltest), the part that is in our subset."""

import re
from collections import Counter

import numpy as np
import pytest
from promql.script import HISTOGRAM, Script, same
from shared import shared

from monitor.promql.errors import PromqlError
from monitor.promql.evaluator import Vector, evaluate
from monitor.promql.matchers import accepts
from monitor.promql.parser import parse
from monitor.promql.reach import selectors

# Passed cases by file. They may grow; the sum of passed and skipped is the whole file.
PASSED = {
    "aggregators.test": 124,
    "functions.test": 249,
    "literals.test": 20,
    "operators.test": 142,
    "selectors.test": 31,
}
# Constructs that parse() refuses by name, and why they are out of scope.
EXPERIMENTAL = "experimental in Prometheus, behind a feature flag"
OUT_OF_SCOPE = {
    "double_exponential_smoothing": EXPERIMENTAL,
    "limit_ratio": EXPERIMENTAL,
    "limitk": EXPERIMENTAL,
    "mad_over_time": EXPERIMENTAL,
    "max_of": EXPERIMENTAL,
    "min_of": EXPERIMENTAL,
    "sort_by_label": EXPERIMENTAL,
    "sort_by_label_desc": EXPERIMENTAL,
    "ts_of_first_over_time": EXPERIMENTAL,
    "ts_of_last_over_time": EXPERIMENTAL,
    "ts_of_max_over_time": EXPERIMENTAL,
    "ts_of_min_over_time": EXPERIMENTAL,
    "end": "about range queries; a rule has one instant",
    "range": "about range queries; a rule has one instant",
    "start": "about range queries; a rule has one instant",
    "step": "about range queries; a rule has one instant",
}
# Where our message may differ: the wheel reads \xc5 as a code point, Go as a byte.
SPELLING = {r'invalid label name "a\xc5z"': "invalid label name 'aÅz'"}


def skipped(case):
    """Why the case is passed over; None where it must pass."""
    if case.string:
        return "a string is no rule"
    if any(HISTOGRAM in values for _, values in case.expected):
        return "native histograms"
    try:
        expr = parse(case.query)
    except PromqlError as error:
        construct = re.search(r"(\w+)\(\)(?: and @ end\(\) are| is) not supported", str(error))
        return OUT_OF_SCOPE.get(construct[1]) if construct else None
    for selector in selectors(expr):
        for labels in case.histograms:
            if all(accepts(m, labels.get(m.name, "")) for m in selector.matchers):
                return "native histograms"
    return None


def at_step(expected, step, instant):
    """What must come out at one step: labels -> value."""
    wanted = {}
    for labels, values in expected:
        value = values[0] if instant else values[step] if step < len(values) else None
        if value is not None:
            wanted[tuple(sorted(labels.items()))] = value
    return wanted


def problem(case):
    """What is wrong with our answer; None where nothing is."""
    for step, at in enumerate(case.steps):
        try:
            got = evaluate(parse(case.query), case.memory, at)
        except PromqlError as error:
            if case.fails and SPELLING.get(case.message, case.message) in str(error):
                return None
            return f"raised {error}"
        if wrong := compare(case, step, got):
            return f"at {at}: {wrong}"
    return "did not fail" if case.fails else None


def compare(case, step, got):
    if case.fails:
        return None
    if not isinstance(got, Vector):
        wanted = case.scalar if case.scalar is not None else case.expected[0][1][step]
        return None if same(wanted, got) else f"{got}, not {wanted}"
    wanted = at_step(case.expected, step, case.instant)
    found = dict(zip(got.labels, got.values.tolist(), strict=True))
    if case.ordered and list(found) != list(wanted):
        return f"order {list(found)}"
    if found.keys() != wanted.keys() or not all(same(wanted[k], found[k]) for k in wanted):
        return f"{found}, not {wanted}"
    return None


@pytest.mark.parametrize("name", PASSED)
def test_script(name):
    """
    Every case of the script passes or is passed over for a written reason.
    """
    cases = Script((shared("promqltest") / name).read_text()).read()
    outcome, failures = Counter(), []
    for case in cases:
        if reason := skipped(case):
            outcome[reason] += 1
        elif wrong := problem(case):
            failures.append(f"{name}:{case.line}: {case.query}: {wrong}")
        else:
            outcome["passed"] += 1
    print(name, len(cases), dict(outcome))
    assert not failures, "\n".join(failures)
    assert outcome["passed"] == PASSED[name]
    assert sum(outcome.values()) == len(cases)


def test_number_of_cases():
    """
    The reader of scripts overlooks no eval: it finds as many as the text has.
    """
    for name in PASSED:
        text = (shared("promqltest") / name).read_text()
        evals = len(re.findall(r"(?m)^\s*eval", text))
        assert len(Script(text).read()) == evals, name


def test_same_is_prometheus_tolerance():
    """
    A millionth apart is the same number; NaN equals NaN only.
    """
    assert same(1.0, 1.0 + 1e-7)
    assert not same(1.0, 1.0 + 1e-4)
    assert same(np.nan, np.nan)
    assert not same(np.nan, 0.0)
    assert not same(np.inf, 1e308)
