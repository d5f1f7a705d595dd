"""The reader of other servers' pages: what it takes, what it refuses, and where."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporters._exposition import (
    MAX_LINE,
    MAX_LINES,
    PageError,
    PageTooLargeError,
    label_pairs,
    read,
)
from monitor.model.reading import NAN, Metric


def page_of(text, *, openmetrics=False, rows=1000, wanted=lambda name: True):
    return read(text.encode(), wanted, rows, openmetrics=openmetrics)


def samples(page):
    return {(name, *p): v for name, rows in page.samples.items() for p, v in rows.items()}


# Each row: a page, its samples.
TAKEN = {
    "nothing": ("", {}),
    "blank lines and comments": ("\n# hello\n#\n# HELP\n\n", {}),
    "a number": ("x 1\n", {("x",): 1.0}),
    "numbers at the edges": (
        "a +Inf\nb -inf\nc 1e-300\nd -0\ne .5\nf Infinity\ng 0001\n",
        {
            ("a",): math.inf,
            ("b",): -math.inf,
            ("c",): 1e-300,
            ("d",): 0.0,
            ("e",): 0.5,
            ("f",): math.inf,
            ("g",): 1.0,
        },
    ),
    "timestamps are left out": ("x 1 1700000000000\ny 2 -1\n", {("x",): 1.0, ("y",): 2.0}),
    "white space": (
        '  x\t{ a = "1" , b="2" , }  1 \n',
        {("x", ("a", "1"), ("b", "2")): 1.0},
    ),
    "labels are sorted, empty ones left out": (
        'x{b="1",a="2",c=""} 1\nx{} 2\n',
        {("x", ("a", "2"), ("b", "1")): 1.0, ("x",): 2.0},
    ),
    "escapes": (
        'x{a="\\\\n\\n\\"\\x"} 1\n',
        {("x", ("a", '\\n\n"\\x')): 1.0},
    ),
    "braces, commas and quotes inside a value": (
        'x{a="}{,=\\"",b="# x 1"} 1\n',
        {("x", ("a", '}{,="'), ("b", "# x 1")): 1.0},
    ),
    "Chinese, and every other kind of line end inside a value": (
        'x{a="机房\u2028\x0b\x85\r"} 1\n',
        {("x", ("a", "机房\u2028\x0b\x85\r")): 1.0},
    ),
    "colons": ("a:b:c 1\n", {("a:b:c",): 1.0}),
    "le is brought into Prometheus 3's form, in histograms only": (
        (
            '# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="1e6"} 2\nh_bucket{le="+Inf"} 2\n'
            '# TYPE s summary\ns{quantile="0"} 1\ng_bucket{le="1"} 1\n'
        ),
        {
            ("h_bucket", ("le", "1.0")): 1.0,
            ("h_bucket", ("le", "1e+06")): 2.0,
            ("h_bucket", ("le", "+Inf")): 2.0,
            ("s", ("quantile", "0.0")): 1.0,
            ("g_bucket", ("le", "1")): 1.0,
        },
    ),
}


@pytest.mark.parametrize(("text", "expected"), TAKEN.values(), ids=TAKEN)
def test_taken(text, expected):
    page = page_of(text)
    assert samples(page) == expected
    assert page.seen == page.kept == len(expected)


def test_nan_is_a_value():
    """A NaN on a page is a value, which in a block has a payload of its own."""
    (value,) = samples(page_of("x NaN\n")).values()
    assert math.isnan(value)
    assert struct.pack("<d", value) == struct.pack("<d", NAN) != struct.pack("<d", math.nan)


# Each row: a page, whether it is OpenMetrics, the sentence.
REFUSED = {
    "a page of the web": ("\n<!doctype html>\n<html>\n", False, "line 2: HTML or XML"),
    "JSON": ('{"status":"ok"}\n', False, "line 1: JSON"),
    "a name outside ASCII, quoted": ('{"温度"} 1\n', False, "line 1: JSON or a name outside"),
    "a name outside ASCII": ("温度 1\n", False, "line 1: does not begin with a metric name"),
    "a label outside ASCII": ('x{温="1"} 1\n', False, "line 1: a label that is not name="),
    "no value": ("x 1\ny\n", False, "line 2: a metric name without a value"),
    "no number": ("x one\n", False, "line 1: a value that is no number"),
    "a number of Python's": ("x 1_0\n", False, "line 1: not a metric name"),
    "digits of another script": ("x \u0661\n", False, "line 1: not a metric name"),
    "a number in base 16": ("x 0x10\n", False, "line 1: a value that is no number"),
    "too much": ("x 1 2 3\n", False, "line 1: not a metric name"),
    "an open brace": ('x{a="1" 1\n', False, "line 1: labels that are not closed"),
    "an open quote": ('x{a="1} 1\n', False, "line 1: labels that are not closed"),
    "no quotes": ("x{a=1} 1\n", False, "line 1: a label that is not name="),
    "no comma": ('x{a="1" b="2"} 1\n', False, "line 1: a label that is not name="),
    "a label twice": ('x{a="1",a="2"} 1\n', False, "line 1: a label given twice"),
    "a label of Prometheus' own": ('x{__name__="y"} 1\n', False, "line 1: a label whose name"),
    "a series twice": (
        'x{a="1",b="2"} 1\ny 1\nx{b="2",a="1"} 1\n',
        False,
        "line 3: the same series a second time",
    ),
    "a type that is none": ("# TYPE x guage\nx 1\n", False, "line 1: a TYPE that does not"),
    "lines as in Windows": ("x 1\r\n", False, "line 1: ends in CR LF"),
    "cut off inside a line": ("x 1\ny 12", False, "line 2: has no end"),
    "OpenMetrics, cut off": ("x 1\ny 2\n", True, "line 2: no # EOF at the end"),
    "OpenMetrics that goes on": ("x 1\n# EOF\nx 2\n", True, "line 3: goes on after # EOF"),
    "nothing as OpenMetrics": ("", True, "line 0: no # EOF"),
    "an exemplar in text": ('x_total 1 # {a="1"} 1\n', False, "line 1: an exemplar"),
    "text that begins like gzip": ("\x1f\x8b\x08\n", False, "line 1: does not begin"),
}


@pytest.mark.parametrize(("text", "openmetrics", "sentence"), REFUSED.values(), ids=REFUSED)
def test_refused(text, openmetrics, sentence):
    with pytest.raises(PageError) as caught:
        page_of(text, openmetrics=openmetrics)
    assert str(caught.value).startswith(sentence)
    assert not isinstance(caught.value, PageTooLargeError)


def test_not_utf8():
    with pytest.raises(PageError, match="line 2: is not UTF-8"):
        read(b'x 1\nx{a="\xc4\xe3"} 1\n', lambda name: True, 10)


# Each row: a page, the sentence.
TOO_LARGE = {
    "rows": ("".join(f"x{i} 1\n" for i in range(11)), "line 11: more than 10 rows"),
    "a line": ("x 1\n" + "y" * (MAX_LINE + 1), f"line 2: is longer than {MAX_LINE} bytes"),
    "a line that ends": ("y" * (MAX_LINE + 1) + "\n", "line 1: is longer"),
    "lines": ("\n" * (MAX_LINES + 1), f"line {MAX_LINES + 1}: more than"),
    "labels": (
        "x{" + ",".join(f'l{i}="1"' for i in range(65)) + "} 1\n",
        "line 1: more than 64 labels",
    ),
    "a label value": (f'x{{a="{"v" * 1025}"}} 1\n', "line 1: more than 64 labels, or a value"),
}


@pytest.mark.parametrize(("text", "sentence"), TOO_LARGE.values(), ids=TOO_LARGE)
def test_too_large(text, sentence):
    with pytest.raises(PageTooLargeError) as caught:
        page_of(text, rows=10)
    assert str(caught.value).startswith(sentence)


# Lines on which an expression that goes back over itself would take for ever.
SLOW = {
    "open quotes": 'x{a="' + '\\"' * 30_000,
    "open pairs": "x{" + 'a="1",' * 10_000,
    "white space": "x" + " " * 60_000 + "y",
    "digits": "x " + "1" * 60_000 + "!",
    "braces": "x{" * 30_000,
    "backslashes": 'x{a="' + "\\" * 60_001 + '"} 1',
}


@pytest.mark.parametrize("line", SLOW.values(), ids=SLOW)
@pytest.mark.timeout(5)
def test_every_line_takes_linear_time(line):
    with pytest.raises(PageError):
        page_of(line + "\n")


def test_unwanted_names_cost_no_row():
    """Dropped samples count as scraped, not as rows, and declare nothing."""
    text = "# TYPE y counter\n" + "".join(f'y{{i="{i}"}} 1\n' for i in range(50)) + "x 1\n"
    page = page_of(text, rows=1, wanted=lambda name: name != "y")
    assert (page.seen, page.kept, samples(page), page.metrics) == (51, 1, {("x",): 1.0}, {})


def test_what_is_declared():
    """Histograms and summaries under their family, all else under the sample's name."""
    text = (
        "# HELP c_total some \\\\ help\\nof two lines\n# TYPE c_total counter\nc_total 1\n"
        "# TYPE h histogram\nh_sum 1\n# TYPE s summary\ns_count 1\n# TYPE u untyped\nu 1\n"
        "# TYPE absent gauge\nnothing 1\n"
    )
    assert page_of(text).metrics == {
        "c_total": Metric("counter", "some \\ help\nof two lines"),
        "h": Metric("histogram", ""),
        "s": Metric("summary", ""),
        "u": Metric("unknown", ""),
    }


def test_openmetrics():
    """Families, creation times, units, exemplars and timestamps as OpenMetrics has them."""
    text = (
        '# TYPE c counter\n# UNIT c seconds\n# HELP c said \\"so\\"\n'
        'c_total{a="1"} 5 1.5 # {trace_id="x"} 0.5 1.2\nc_created{a="1"} 1700000000.5\n'
        '# TYPE i info\ni_info{v="1"} 1\n# TYPE st stateset\nst{st="on"} 1\n'
        '# TYPE gh gaugehistogram\ngh_bucket{le="+Inf"} 1\ngh_gcount 1\n# EOF\n'
    )
    page = page_of(text, openmetrics=True)
    assert page.samples.keys() == {"c_total", "i_info", "st", "gh_bucket", "gh_gcount"}
    assert page.metrics == {
        "c_total": Metric("counter", 'said "so"'),
        "i_info": Metric("gauge", ""),
        "st": Metric("gauge", ""),
    }
    assert page.seen == 5


names = st.from_regex(r"[a-z_:][a-z0-9_:]{0,8}", fullmatch=True)
label_names = st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True)
values = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
rows = st.dictionaries(
    st.tuples(names, st.dictionaries(label_names, values, max_size=3).map(lambda d: (*d.items(),))),
    st.floats(),
    max_size=12,
)


def written(found):
    def escaped(value):
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    lines = []
    for (name, pairs), value in found.items():
        labels = ",".join(f'{k}="{escaped(v)}"' for k, v in pairs)
        lines.append(f"{name}{{{labels}}} {value!r}")
    return "".join(line + "\n" for line in lines)


@given(rows.filter(lambda r: len({(n, tuple(sorted(p))) for n, p in r}) == len(r)))
def test_the_well_kept_library_reads_the_same(found):
    """On whatever is written by the format, prometheus-client reads what we read."""
    text = written(found)
    ours = {(n, *p): v for (n, *p), v in samples(page_of(text)).items()}
    theirs = {
        (s.name, *sorted(s.labels.items())): s.value for f in parse_text(text) for s in f.samples
    }
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        assert ours[key] == value or (math.isnan(value) and math.isnan(ours[key]))


@given(rows.filter(lambda r: len({n for n, _ in r}) == len(r)))
def test_the_well_kept_library_reads_the_same_openmetrics(found):
    """The same for OpenMetrics: one gauge family per name."""
    text = "".join(
        f"# TYPE {name} gauge\n" + written({(name, pairs): value})
        for (name, pairs), value in sorted(found.items())
    )
    theirs = {
        (s.name, *sorted(s.labels.items()))
        for f in parse_openmetrics(text + "# EOF\n")
        for s in f.samples
    }
    assert samples(page_of(text + "# EOF\n", openmetrics=True)).keys() == theirs


@given(st.text(max_size=60))
def test_garbage_is_read_or_refused(text):
    """Nothing but a PageError comes out of any text, with or without a brace."""
    for line in (text, "x" + text, "x{" + text, 'x{a="' + text + "1"):
        try:
            page_of(line + "\n")
        except PageError as error:
            assert str(error).startswith("line ")  # noqa: PT017 - either way is right


def test_a_remembered_label_set_is_the_same_object():
    """A page that did not change brings equal label sets at the cost of a look."""
    assert label_pairs('{a="1",b="2"}') is label_pairs('{a="1",b="2"}')
