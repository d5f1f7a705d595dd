"""YAML as configuration reads it: scalars without surprises, a line for everything."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config import durations, needs
from monitor.config.findings import Findings
from monitor.config.yamlpos import key_text, parse

SCALARS = {
    "whole": ("5", 5),
    "negative": ("-5", -5),
    "decimal": ("0.5", 0.5),
    "exponent": ("1e3", 1000.0),
    "true": ("true", True),
    "null": ("~", None),
    "nothing": ("", None),
    "no is a word": ("no", "no"),
    "on is a word": ("on", "on"),
    "a time is no number": ("12:30", "12:30"),
    "a date is text": ("2026-10-02", "2026-10-02"),
    "a leading zero is kept": ("057181234567", "057181234567"),
    "hexadecimal is text": ("0x1F", "0x1F"),
    "quoted number": ('"5"', "5"),
    "quoted true": ("'true'", "true"),
    "infinity is text": (".inf", ".inf"),
    "too large for a float": ("1e999", "1e999"),
    "twenty digits are text": ("12345678901234567890", "12345678901234567890"),
    "duration": ("1h30m", "1h30m"),
    "folded": (">-\n  a\n  b", "a b"),
}


@pytest.mark.parametrize(("text", "value"), SCALARS.values(), ids=SCALARS)
def test_scalar(text, value):
    findings = Findings()
    document = parse("f.yml", f"k: {text}\n", findings)
    assert findings.problems() == ()
    assert document.data == {"k": value}
    assert type(document.data["k"]) is type(value)


def test_lines():
    """Keys have the line of the key, list entries the line they begin on."""
    text = "a:\n  b: 1\n  c:\n    - x\n    - d: 2\n      e: >\n        long\n    -\n"
    document = parse("f.yml", text, Findings())
    expected = {
        ("a",): 1,
        ("a", "b"): 2,
        ("a", "c"): 3,
        ("a", "c", 0): 4,
        ("a", "c", 1): 5,
        ("a", "c", 1, "d"): 5,
        ("a", "c", 1, "e"): 6,
        ("a", "c", 2): 8,
    }
    assert {where: document.line(where) for where in expected} == expected


def test_what_is_missing_has_the_line_around_it():
    document = parse("f.yml", "a:\n  - b: 1\n", Findings())
    assert document.line(("a", 0, "c")) == 2
    assert document.line(("z",)) == 1


def test_a_mistake_inside_an_alias_is_where_the_alias_stands():
    document = parse("f.yml", "a: &x {k: 1}\nb:\n  c: *x\n", Findings())
    assert document.data == {"a": {"k": 1}, "b": {"c": {"k": 1}}}
    assert document.line(("b", "c", "k")) == 3


def test_key_text():
    where = ("inventory", "targets", 3, "depends_on", 0, "any", 1)
    assert key_text(where) == "inventory.targets[3].depends_on[0].any[1]"


@given(st.text(max_size=200))
def test_any_text_is_data_or_a_problem(text):
    """Whatever stands in the file: data, or a problem, and never an exception."""
    findings = Findings()
    document = parse("f.yml", text, findings)
    assert (document is not None) or findings.problems()


DURATIONS = {
    "30s": timedelta(seconds=30),
    "5m": timedelta(minutes=5),
    "1h30m": timedelta(minutes=90),
    "500ms": timedelta(milliseconds=500),
    "2d": timedelta(days=2),
    "0s": timedelta(0),
    "1m500ms": timedelta(minutes=1, milliseconds=500),
}


@pytest.mark.parametrize(("text", "value"), DURATIONS.items())
def test_duration(text, value):
    assert durations.parse(text) == value
    assert durations.text(value) == text


NO_DURATIONS = [
    "",
    "30",
    30,
    30.0,
    True,
    None,
    "1.5h",
    "-5s",
    "5 s",
    "s",
    "30m1h",
    "5w",
    [],
    {},
    "9" * 10 + "s",
]


@pytest.mark.parametrize("value", NO_DURATIONS, ids=repr)
def test_no_duration(value):
    with pytest.raises(ValueError, match="expected a duration like 30s, 5m or 1h30m, found"):
        durations.parse(value)


@given(st.integers(0, 10**9))
def test_durations_come_back(milliseconds):
    value = timedelta(milliseconds=milliseconds)
    assert durations.parse(durations.text(value)) == value


CIRCLES = {
    "none": ({"a": (("b",),), "b": (("c", "d"),), "c": (), "d": ()}, []),
    "two": ({"a": (("b",),), "b": (("a",),)}, [["a", "b"]]),
    "itself": ({"a": (("a",),)}, [["a"]]),
    "through a redundant group": ({"a": (("x", "b"),), "b": (("a",),), "x": ()}, [["a", "b"]]),
    "entered from outside": (
        {"s": (("a",),), "a": (("b",),), "b": (("c",),), "c": (("a",),)},
        [["a", "b", "c"]],
    ),
    "a diamond is none": (
        {"d": (("b",), ("c",)), "b": (("a",),), "c": (("a",),), "a": ()},
        [],
    ),
    "a name nobody has": ({"a": (("ghost",),)}, []),
    "two of them": (
        {"a": (("b",),), "b": (("a",),), "x": (("y",),), "y": (("x",),)},
        [["a", "b"], ["x", "y"]],
    ),
}


@pytest.mark.parametrize(("graph", "circles"), CIRCLES.values(), ids=CIRCLES)
def test_circles(graph, circles):
    assert needs.circles(graph) == circles


@given(st.dictionaries(st.integers(0, 7), st.lists(st.integers(0, 7), max_size=3), max_size=8))
def test_circles_are_found_exactly_when_there_are_any(edges):
    """A graph has a circle exactly when its names cannot be taken away layer by layer."""
    graph = {str(n): tuple((str(m),) for m in above) for n, above in edges.items()}
    left = dict(graph)
    while free := [n for n, above in left.items() if not any(m in left for (m,) in above)]:
        for name in free:
            del left[name]
    circles = needs.circles(graph)
    assert bool(circles) == bool(left)
    for circle in circles:
        steps = zip(circle, [*circle[1:], circle[0]], strict=True)
        assert all((above,) in graph[name] for name, above in steps)


def test_too_deep():
    """A chain of 100 passes, the 101st name and those behind it do not."""
    chain = {f"n{n}": ((f"n{n - 1}",),) if n else () for n in range(103)}
    assert needs.too_deep(chain) == ["n101", "n102"]
    del chain["n101"], chain["n102"]
    assert needs.too_deep(chain) == []
