"""The evaluator: one table of answers and one of errors, over one small machine room."""

import math

import pytest
from promql.room import NAN, ROOM

from monitor.promql.errors import PromqlError
from monitor.promql.evaluator import Vector, evaluate
from monitor.promql.parser import DEEPEST, parse

# At 60 s, the fifth slot. Name: expression, expected {labels: value} or number.
TABLE = {
    "the newest sample": ('up{instance="his-1"}', {"up{instance=his-1,job=tcp}": 0}),
    "an ended series is gone at once": ('up{job="snmp"}', {}),
    "but a range function still sees it": (
        'count_over_time(up{job="snmp"}[5m])',
        {"{instance=ups-1,job=snmp}": 2},
    ),
    "a filter keeps the name": ("up == 0", {"up{instance=his-1,job=tcp}": 0}),
    "bool gives all rows and drops the name": (
        "up == bool 0",
        {"{instance=his-1,job=tcp}": 1, "{instance=his-2,job=tcp}": 0},
    ),
    "a window is open on the left": (
        "count_over_time(size[30s]) == 2 and size > 20",
        {
            "{disk=d,instance=his-1}": 2,
        },
    ),
    "a look-back of exactly five minutes is over": ("size @ 360 > 20", {}),
    "a look-back of just under five minutes": (
        "size @ 359.999 > 20",
        {"size{disk=d,instance=his-1}": 30},
    ),
    "offset looks back": (
        'bytes_total{instance="his-1"} offset 30s',
        {"bytes_total{instance=his-1}": 300},
    ),
    "a negative offset looks ahead": (
        'bytes_total{instance="his-1"} @ 15 offset -30s',
        {"bytes_total{instance=his-1}": 450},
    ),
    "increase goes over a reset": (
        'round(increase(bytes_total{instance="his-2"}[1m]))',
        {"{instance=his-2}": 413},
    ),
    "rate stops at zero, not at the window's edge": (
        'increase(bytes_total{instance="his-1"}[75s])',
        {"{instance=his-1}": 600},
    ),
    "a gap is not a zero": ("sum_over_time(gaps[5m])", {"{instance=his-1}": 9}),
    "irate over a gap": ("irate(gaps[5m])", {"{instance=his-1}": 2 / 30}),
    "min passes over NaN": ("min_over_time(odd[5m])", {"{instance=a}": 1}),
    "a sum does not": ("sum_over_time(odd[5m])", {"{instance=a}": NAN}),
    "NaN after NaN is no change": ("changes(odd[5m])", {"{instance=a}": 4}),
    "quantile: NaN is the smallest": ("quantile_over_time(0.5, odd[5m])", {"{instance=a}": 1}),
    "one sample has no rate": ("rate(size[15s])", {}),
    "by an absent label": ("sum by (nothing) (size)", {"{}": 40}),
    "without": ("sum without (disk) (size)", {"{instance=his-1}": 40}),
    "avg": ("avg(size)", {"{}": 20}),
    "aggregations of nothing": ("sum(nothing) or count(nothing)", {}),
    "topk keeps names": ("topk(1, size)", {"size{disk=d,instance=his-1}": 30}),
    "bottomk by": ("bottomk by (instance) (1, size)", {"size{disk=c,instance=his-1}": 10}),
    "topk of none": ("topk(0, size)", {}),
    "count_values": ('count_values("v", size)', {"{v=10}": 1, "{v=30}": 1}),
    "group_left with a threshold": (
        'up + 2 > on () group_left () limit{name="slow"}',
        {"{instance=his-2,job=tcp}": 3},
    ),
    "group_right: labels of the right, value of the left": (
        "bytes_total > on (instance) group_right () size",
        {"size{disk=c,instance=his-1}": 600, "size{disk=d,instance=his-1}": 600},
    ),
    "group_left includes a label": (
        "size * on (instance) group_left (job) up",
        {"{disk=c,instance=his-1,job=tcp}": 0, "{disk=d,instance=his-1,job=tcp}": 0},
    ),
    "one-to-one on() keeps only what it names": (
        "bytes_total / on (instance) up",
        {"{instance=his-1}": math.inf, "{instance=his-2}": 310},
    ),
    "unless on()": ("up unless on () limit", {}),
    "or keeps the left where both are": (
        'up{instance="his-1"} or up',
        {"up{instance=his-1,job=tcp}": 0, "up{instance=his-2,job=tcp}": 1},
    ),
    "a label that sorts before the name": ("-Total", {"{Area=east}": -7}),
    "precedence": ("-2 ^ 2 * 3", -12),
    "the sign of a remainder": ("-7 % 3", -1),
    "division by zero": ("1 / 0", math.inf),
    "scalar of several": ("scalar(size)", NAN),
    "time": ("time()", 60),
    "timestamp of a selector": (
        'timestamp(bytes_total{instance="his-1"} offset 20s)',
        {"{instance=his-1}": 30},
    ),
    "timestamp of anything else": ("timestamp(-limit)", {"{name=slow}": 60}),
    "absent names what it can": (
        'absent(up{job="icmp", instance=~"x.*"})',
        {"{job=icmp}": 1},
    ),
    "absent of something": ("absent(up)", {}),
    "absent_over_time": ("absent_over_time(up[30s] offset 1h)", {"{}": 1}),
    "label_replace": (
        'label_replace(limit, "n", "${1}-$2$$", "name", "(sl)(.*)")',
        {"limit{n=sl-ow$,name=slow}": 2},
    ),
    "label_replace: a group that is not there": (
        'label_replace(limit, "n", "a$9", "name", "(.*)")',
        {"limit{n=a,name=slow}": 2},
    ),
    "label_join": (
        'label_join(size, "disk", "/", "instance", "disk") > 20',
        {
            "size{disk=his-1/d,instance=his-1}": 30,
        },
    ),
    "a subquery": ("max_over_time(sum(up)[1m:15s])", {"{}": 3}),
    "a subquery's steps": ("sum_over_time(vector(time())[1m:20s])", {"{}": 120}),
    "a matcher on a missing label": ('up{disk=""} == 1', {"up{instance=his-2,job=tcp}": 1}),
    "a regex is anchored": ('up{instance=~"his"}', {}),
    "a regex with a flag in its middle": (
        'up{instance=~"(?i:HIS)-1"}',
        {"up{instance=his-1,job=tcp}": 0},
    ),
    "two names that become one": (
        'abs({__name__=~"up|bytes_total",job=""})',
        {
            "{instance=his-1}": 600,
            "{instance=his-2}": 310,
        },
    ),
}


def show(pairs):
    name = dict(pairs).get("__name__", "")
    return name + "{" + ",".join(f"{n}={v}" for n, v in pairs if n != "__name__") + "}"


def close(a, b):
    return (math.isnan(a) and math.isnan(b)) or a == b or math.isclose(a, b, rel_tol=1e-9)


@pytest.mark.parametrize(("expr", "expected"), TABLE.values(), ids=TABLE)
def test_table(expr, expected):
    """
    One expression each, over one small machine room.
    """
    got = evaluate(parse(expr), ROOM, 60.0)
    if not isinstance(got, Vector):
        assert close(got, expected)
        return
    found = dict(zip(map(show, got.labels), got.values.tolist(), strict=True))
    assert found.keys() == expected.keys()
    assert all(close(found[k], expected[k]) for k in expected), found


ERRORS = {
    "one-to-one is not one-to-one": (
        "size / on (instance) up",
        "multiple matches for labels: many-to-one matching must be explicit",
    ),
    "an ambiguous one side": (
        "up * on (instance) size",
        'found duplicate series for the match group {instance="his-1"} on the right hand-side',
    ),
    "judged before the filter": ("size > on (instance) up", "must be explicit"),
    "group_left makes two rows equal": (
        'label_replace(size, "disk", "", "", "") * on () group_left () limit',
        "same labelset",
    ),
    "an include makes two rows equal": (
        "size * on (instance) group_left (disk) up",
        "grouping labels must ensure unique matches",
    ),
    "two rows that differ in their name only": ('-{instance="his-1"}', "same labelset"),
    "topk of NaN": ("topk(NaN, size)", "NaN"),
    "topk of infinity": ("topk(Inf, size)", "overflows"),
}


@pytest.mark.parametrize(("expr", "sentence"), ERRORS.values(), ids=ERRORS)
def test_errors(expr, sentence):
    """
    What has no answer says why.
    """
    with pytest.raises(PromqlError) as error:
        evaluate(parse(expr), ROOM, 60.0)
    assert sentence in str(error.value)


def test_the_deepest_tree_is_evaluated():
    """
    What the parser lets through never runs into Python's recursion limit.
    """
    deep = "abs(" * (DEEPEST - 1) + "limit" + ")" * (DEEPEST - 1)
    assert evaluate(parse(deep), ROOM, 60.0).values.tolist() == [2.0]
    with pytest.raises(PromqlError, match="nested"):
        parse(f"abs({deep})")
