"""The parser: our tree, and a sentence for everything outside the subset."""

from pathlib import Path

import pytest
import yaml
from shared import shared

from monitor.promql import ast
from monitor.promql.aggregation import AGGREGATIONS
from monitor.promql.errors import PromqlError
from monitor.promql.functions import FUNCTIONS
from monitor.promql.parser import DEEPEST, LONGEST, parse
from monitor.promql.reach import selectors, windows

UP = (ast.Matcher("__name__", "=", "up"),)

TREES = {
    "a name": ("up", ast.Selector(UP)),
    "a quoted name": ('{"up"}', ast.Selector(UP)),
    "matchers keep their order": (
        'up{job=~"a|b",site!=""}',
        ast.Selector((*UP, ast.Matcher("job", "=~", "a|b"), ast.Matcher("site", "!=", ""))),
    ),
    "range, offset and @": (
        "rate(up[5m] offset -1m @ 1.5)",
        ast.Call("rate", (ast.Selector(UP, 300.0, -60.0, 1.5),)),
    ),
    "a number as a range": ("rate(up[300])", ast.Call("rate", (ast.Selector(UP, 300.0),))),
    "an @ in a label's value is none of ours": (
        'up{mail="x @ 5"} @ 7',
        ast.Selector((*UP, ast.Matcher("mail", "=", "x @ 5")), at=7.0),
    ),
    "parentheses go": ("((up))", ast.Selector(UP)),
    "plus goes, minus stays": ("-(+up)", ast.Unary(ast.Selector(UP))),
    "a duration as a number": ("1h30m", ast.Number(5400.0)),
    "aggregation": (
        "sum(up) without (b, a)",
        ast.Aggregate("sum", ast.Selector(UP), ("a", "b"), without=True),
    ),
    "aggregation with a parameter": (
        "topk(3, up)",
        ast.Aggregate("topk", ast.Selector(UP), param=ast.Number(3.0)),
    ),
    "matching": (
        "up / on (a) group_left (b) up",
        ast.Binary(
            "/",
            ast.Selector(UP),
            ast.Selector(UP),
            matching=ast.Matching(on=True, labels=("a",), card="many-to-one", include=("b",)),
        ),
    ),
    "a set operator": (
        "up and up",
        ast.Binary(
            "and", ast.Selector(UP), ast.Selector(UP), matching=ast.Matching(card="many-to-many")
        ),
    ),
    "bool": ("up == bool 1", ast.Binary("==", ast.Selector(UP), ast.Number(1.0), bool=True)),
    "precedence": (
        "-1 ^ 2",
        ast.Unary(ast.Binary("^", ast.Number(1.0), ast.Number(2.0))),
    ),
    "a subquery": (
        "max_over_time(up[1h:5m] offset 1m)",
        ast.Call("max_over_time", (ast.Subquery(ast.Selector(UP), 3600.0, 300.0, 60.0),)),
    ),
    "comments": ("# why\nup # and so on", ast.Selector(UP)),
}


@pytest.mark.parametrize(("text", "tree"), TREES.values(), ids=TREES)
def test_tree(text, tree):
    """
    Each construct becomes one node of ours.
    """
    assert parse(text) == tree


REFUSED = {
    "nothing": ("", "no expression"),
    "half an expression": ("up ==", "not a PromQL expression"),
    "an open brace": ("up{", "unexpected end of input inside braces"),
    "an unknown function": ("nosuch(up)", "nosuch"),
    "a function out of scope": ("info(up)", "the function info() is not supported"),
    "a histogram function": ("histogram_avg(up)", "histogram_avg() is not supported"),
    "an aggregation out of scope": ("limitk(2, up)", "the aggregation limitk() is not supported"),
    "fill": ("up + fill(0) up", "the modifier fill() is not supported"),
    "anchored": ("rate(up[5m] anchored)", "the modifier anchored is not supported"),
    "smoothed": ("rate(up[5m] smoothed)", "the modifier smoothed is not supported"),
    "duration arithmetic": ("rate(up[1h+5m])", "arithmetic on durations is not supported"),
    "a histogram operator": ("up </ 5", "native histogram operator </"),
    "or between matchers": ('up{a="b" or c="d"}', "`or` between label matchers"),
    "start()": ("up @ start()", "@ start() and @ end() are not supported"),
    "before 1970": ("up @ -5", "@ before 1970 is not supported"),
    "a Chinese name without quotes": ("温度 > 30", "a bare name must be ASCII"),
    "a string": ('"up"', "is a string"),
    "a range vector": ("up[5m]", "is a range vector"),
    "a wrong argument": ("rate(up)", "expected type matrix"),
    "too few arguments": ("clamp(up, 1)", "expected 3 argument(s)"),
    "scalars compared without bool": ("1 > 2", "BOOL"),
    "a regex that Rust takes and RE2 does not": ('up{a=~"(?x) a"}', "invalid regular expression"),
    "a regex nobody takes": ('up{a=~"("}', "illegal regex"),
    "label_replace with a bad regex": (
        'label_replace(up, "a", "", "b", "(")',
        "invalid regular expression '('",
    ),
    "label_replace with a bad name": (
        'label_replace(up, "a b", "", "b", "")',
        "label_replace(): invalid label name 'a b'",
    ),
    "label_join with a bad name": ('label_join(up, "1a", "")', "invalid label name '1a'"),
    "count_values with a bad name": ('count_values("a-b", up)', "invalid label name 'a-b'"),
    "by a bad name": ('sum by ("a b") (up)', "invalid label name 'a b'"),
    "all-empty matchers": ('{a=""}', "at least one non-empty matcher"),
    "a name twice": ('up{__name__="x"}', "must not be set twice"),
    "too many steps": ("max_over_time(up[1d:1s])", "has 86400 steps; at most 11000"),
    "too many steps, multiplied": (
        "max_over_time(max_over_time(up[2h:1m])[2h:1m])",
        "has 14400 steps",
    ),
    "too long": ("+".join(["up"] * LONGEST), f"longer than {LONGEST} characters"),
    "too deep": ("(" * DEEPEST + "-" * DEEPEST + "up" + ")" * DEEPEST, "nested more than"),
}


@pytest.mark.parametrize(("text", "sentence"), REFUSED.values(), ids=REFUSED)
def test_refused(text, sentence):
    """
    What is outside the subset is named in one sentence.
    """
    with pytest.raises(PromqlError) as error:
        parse(text)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_strings_are_not_looked_into():
    """
    A word that would be a construct elsewhere is only a word in a string.
    """
    assert parse('up{a="anchored </ @ -5"}') == ast.Selector(
        (*UP, ast.Matcher("a", "=", "anchored </ @ -5"))
    )


REACHES = {
    "up": 0.0,
    "1 + 1": 0.0,
    "rate(up[5m])": 300.0,
    "up offset 1h": 3600.0,
    "up offset -1h": 0.0,
    "rate(up[5m] offset 10m) > rate(up[1m])": 900.0,
    "max_over_time(rate(up[5m])[1h:])": 3900.0,
    "max_over_time(rate(up[5m])[1h:] offset 1m)": 3960.0,
    "up and absent_over_time(up[2h])": 7200.0,
}


@pytest.mark.parametrize(("text", "seconds"), REACHES.items())
def test_windows(text, seconds):
    """
    The longest look-back adds ranges, subqueries and offsets along a path.
    """
    assert windows(parse(text)) == seconds


def test_selectors():
    """
    Selectors come left to right, arguments and parameters included.
    """
    names = [
        s.matchers[0].value for s in selectors(parse("a + topk(scalar(b), c) / clamp_min(d, 1)"))
    ]
    assert sorted(names) == ["a", "b", "c", "d"]
    assert names[0] == "a"


def rules(folder):
    for path in sorted(Path(folder).glob("*.yml")):
        document = yaml.safe_load(path.read_text())
        for group in document["groups"]:
            yield from ((path.name, rule["expr"]) for rule in group["rules"])


def test_public_rules_are_accepted():
    """
    Every expression of the public rule corpus parses.
    """
    found = list(rules(shared("rules-corpus")))
    refused = {}
    for name, expr in found:
        try:
            parse(str(expr))
        except PromqlError as error:
            refused[f"{name}: {expr}"] = str(error)
    print(len(found), "expressions")
    assert len(found) >= 436
    assert not refused


def test_tables_hold_what_the_first_rules_need():
    """
    The names that issue and design promise are in the tables.
    """
    assert {"rate", "increase", "delta", "absent", "time", "avg_over_time"} <= FUNCTIONS.keys()
    assert {"sum", "avg", "min", "max", "count"} <= AGGREGATIONS
