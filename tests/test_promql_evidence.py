"""Evidence: which series must be alive for an empty answer to mean "over"."""

import pytest
from promql.memory import Memory

from monitor.promql.evidence import has_evidence
from monitor.promql.parser import parse
from monitor.promql.storage import STALE

AT = 1000.0


def view(*alive, dead=()):
    """Series written as name{label=value}; the dead ones ended a while ago."""
    samples = [(labels(text), [(t, 1.0) for t in range(15, 1000, 15)]) for text in alive]
    samples += [
        (labels(text), [(t, 1.0) for t in range(15, 900, 15)] + [(900, STALE)]) for text in dead
    ]
    return Memory(samples)


def labels(text):
    name, _, rest = text.rstrip("}").partition("{")
    pairs = dict(pair.split("=") for pair in rest.split(",") if pair)
    return {"__name__": name} | pairs if name else pairs


A, B = "x{instance=a}", "x{instance=b}"

# name: expression, the alert's labels, alive, dead, evidence?
TABLE = {
    "its own series lives": ("x > 5", "{instance=a}", [A], [B], True),
    "another's series is none of its": ("x > 5", "{instance=a}", [B], [A], False),
    "never seen": ("x > 5", "{instance=a}", [B], [], False),
    "a range vector's series must be alive": (
        "rate(x[15m]) > 5",
        "{instance=a}",
        [B],
        [A],
        False,
    ),
    "a range vector's series lives": ("rate(x[15m]) > 5", "{instance=a}", [A], [], True),
    "inside absent() nothing is asked": ("absent(x)", "{}", [], [A], True),
    "inside absent_over_time() nothing is asked": ("absent_over_time(x[5m])", "{}", [], [A], True),
    "right of unless nothing is asked": ("x unless y", "{instance=a}", [A], [], True),
    "left of unless is asked": ("x unless y", "{instance=a}", ["y{instance=a}"], [A], False),
    "right of and is asked": ("x and y", "{instance=a}", [A], ["y{instance=a}"], False),
    "right of and lives": ("x and y", "{instance=a}", [A, "y{instance=a}"], [], True),
    "right of and on() anything will do": (
        "x and on () y",
        "{instance=a}",
        [A, "y{instance=z}"],
        [],
        True,
    ),
    "right of and on(instance) keeps the instance": (
        "x and on (instance) y",
        "{instance=a}",
        [A, "y{instance=z}"],
        [],
        False,
    ),
    "right of and ignoring(disk) drops the disk": (
        "x and ignoring (disk) y",
        "{disk=c,instance=a}",
        ["x{instance=a,disk=c}", "y{instance=a}"],
        [],
        True,
    ),
    "sum by keeps only what it names": (
        "sum by (instance) (x) > 5",
        "{instance=a}",
        ["x{instance=a,cpu=1}"],
        ["x{instance=a,cpu=0}"],
        True,
    ),
    "sum by: none of the group lives": (
        "sum by (instance) (x) > 5",
        "{instance=a}",
        [B],
        ["x{instance=a,cpu=0}"],
        False,
    ),
    "sum without drops what it names": (
        "sum without (cpu) (x) > 5",
        "{instance=a}",
        ["x{instance=a,cpu=1}"],
        [],
        True,
    ),
    "sum of everything: any series will do": ("sum(x) > 5", "{}", [B], [A], True),
    "topk returns rows as they were": ("topk(1, x)", "{instance=a}", [B], [A], False),
    "count_values makes a label up": (
        'count_values by (instance) ("v", x)',
        "{instance=a,v=3}",
        [A],
        [],
        True,
    ),
    "arithmetic asks both sides": (
        "x / y > 5",
        "{instance=a}",
        [A],
        ["y{instance=a}"],
        False,
    ),
    "a many side keeps its labels": (
        "x / on (instance) group_left () y > 5",
        "{disk=c,instance=a}",
        ["x{instance=a,disk=d}", "y{instance=a}"],
        ["x{instance=a,disk=c}"],
        False,
    ),
    "a one side has only the matching labels": (
        "x / on (instance) group_left () y > 5",
        "{disk=c,instance=a}",
        ["x{instance=a,disk=c}", "y{instance=a}"],
        [],
        True,
    ),
    "an included label comes from the one side": (
        "x * on (instance) group_left (role) y",
        "{instance=a,role=web}",
        [A, "y{instance=a,role=web}"],
        [],
        True,
    ),
    "an included label narrows the one side": (
        "x * on (instance) group_left (role) y",
        "{instance=a,role=web}",
        [A, "y{instance=a,role=db}"],
        ["y{instance=a,role=web}"],
        False,
    ),
    "group_right turns the sides": (
        "y * on (instance) group_right (role) x",
        "{disk=c,instance=a,role=web}",
        ["x{instance=a,disk=c}", "y{instance=a,role=web}"],
        [],
        True,
    ),
    "ignoring(...) group_left keeps the shared labels on both": (
        "x / ignoring (disk) group_left () y",
        "{disk=c,instance=a}",
        ["x{instance=a,disk=c}", "y{instance=b}"],
        [],
        False,
    ),
    "a threshold in on () needs no label of the alert's": (
        'x > on () group_left () zhiban_threshold{name="t"}',
        "{instance=a}",
        [A, "zhiban_threshold{instance=zhiban,name=t}"],
        [],
        True,
    ),
    "scalar() is not narrowed": (
        "x > scalar(limit)",
        "{instance=a}",
        [A, "limit{instance=zhiban}"],
        [],
        True,
    ),
    "scalar() of nothing": ("x > scalar(limit)", "{instance=a}", [A], [], False),
    "label_replace's target is not narrowed": (
        'label_replace(x, "host", "$1", "instance", "(.*)") > 5',
        "{host=a,instance=a}",
        [A],
        [],
        True,
    ),
    "label_join's target is not narrowed": (
        'label_join(x, "host", "-", "instance") > 5',
        "{host=a,instance=a}",
        [],
        [A],
        False,
    ),
    "or: this branch lives, the other never was": (
        "x == 0 or y == 0",
        "{instance=a}",
        [A],
        [],
        True,
    ),
    "or: the other branch lives, this one died": (
        "x == 0 or y == 0",
        "{instance=a}",
        ["y{instance=a}"],
        [A],
        False,
    ),
    "or: both live": ("x == 0 or y == 0", "{instance=a}", [A, "y{instance=a}"], [], True),
    "or: neither was ever seen": ("x == 0 or y == 0", "{instance=a}", [], [], False),
    "or: a constant is no evidence": ("x or vector(0)", "{instance=a}", [], [], False),
    "or: an absent() that cannot be this alert's": (
        "absent(z) or x == 0",
        "{instance=a}",
        ["z{}"],
        [],
        False,
    ),
    "or: the absent() that it came from": (
        'absent(z{job="j"}) or x == 0',
        "{job=j}",
        ["z{job=j}"],
        [],
        True,
    ),
    "a subquery's selectors live now": (
        "max_over_time((x > 1)[10m:1m]) > 5",
        "{instance=a}",
        [],
        [A],
        False,
    ),
    "offset looks where the selector looks": ("x offset 3m > 5", "{instance=a}", [], [A], True),
    "the name in an alert's labels is no matcher": (
        "x > 5",
        "{__name__=y,instance=a}",
        [A],
        [],
        True,
    ),
    "no selector at all": ("vector(1) > 2", "{}", [], [], True),
    "unary and clamp hand labels through": (
        "clamp_max(-x, scalar(limit))",
        "{instance=a}",
        ["limit{}", B],
        [A],
        False,
    ),
}


@pytest.mark.parametrize(("expr", "alert", "alive", "dead", "expected"), TABLE.values(), ids=TABLE)
def test_evidence(expr, alert, alive, dead, expected):
    """
    A table of expressions, one alert each, and what lives.
    """
    pairs = tuple(sorted(labels(alert).items()))
    assert has_evidence(parse(expr), pairs, view(*alive, dead=dead), AT) is expected
