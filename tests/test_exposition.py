"""/metrics: what is said, in which format, and that others can read it."""

import math
import subprocess
import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text
from real import need

from monitor.model.reading import ABSENT, Block, Metric, Reading
from monitor.series.exposition import OPENMETRICS, TEXT, negotiate, render
from monitor.series.own import own_readings
from monitor.series.store import Series

OM = "application/openmetrics-text"


def series_of(**targets):
    """Per target: (metrics, readings)."""
    series = Series(grid=15)
    for name, (metrics, readings) in targets.items():
        series.put(name, (("instance", name),), metrics, readings)
    return series


def shown(series, accept="", own=None):
    body, _ = render(series, accept, own or CollectorRegistry())
    return body.decode()


M = Metric
BUCKETS = [
    Reading("h_bucket", 2, {"le": "+Inf"}),
    Reading("h_bucket", 1, {"le": "0.5"}),
    Reading("h_bucket", 2, {"le": "10.0"}),
    Reading("h_sum", 1.5),
    Reading("h_count", 2),
]

# Each row: targets, the text body, the OpenMetrics body without "# EOF".
BODIES = {
    "nothing": ({}, "", ""),
    "one gauge of two targets": (
        {
            "b": ({"up": M("gauge", '1 when it\nanswers \\ "so"')}, [Reading("up", 1.0)]),
            "a": ({"up": M("gauge", '1 when it\nanswers \\ "so"')}, [Reading("up", 0.0)]),
        },
        (
            '# HELP up 1 when it\\nanswers \\\\ "so"\n# TYPE up gauge\n'
            'up{instance="a"} 0\nup{instance="b"} 1\n'
        ),
        (
            '# HELP up 1 when it\\nanswers \\\\ \\"so\\"\n# TYPE up gauge\n'
            'up{instance="a"} 0\nup{instance="b"} 1\n'
        ),
    ),
    "counters with and without _total": (
        {
            "a": (
                {"x_total": M("counter", "x"), "ifHCInOctets": M("counter", "octets")},
                [Reading("x_total", 7), Reading("ifHCInOctets", 123456789012.0)],
            )
        },
        (
            "# HELP ifHCInOctets octets\n# TYPE ifHCInOctets counter\n"
            'ifHCInOctets{instance="a"} 123456789012\n'
            '# HELP x_total x\n# TYPE x_total counter\nx_total{instance="a"} 7\n'
        ),
        (
            "# HELP ifHCInOctets octets\n# TYPE ifHCInOctets unknown\n"
            'ifHCInOctets{instance="a"} 123456789012\n'
            '# HELP x x\n# TYPE x counter\nx_total{instance="a"} 7\n'
        ),
    ),
    "a counter beside a gauge of its family's name": (
        {
            "a": (
                {"alloc": M("gauge", "g"), "alloc_total": M("counter", "c")},
                [Reading("alloc", 1), Reading("alloc_total", 2)],
            )
        },
        (
            '# HELP alloc g\n# TYPE alloc gauge\nalloc{instance="a"} 1\n'
            '# HELP alloc_total c\n# TYPE alloc_total counter\nalloc_total{instance="a"} 2\n'
        ),
        (
            '# HELP alloc g\n# TYPE alloc gauge\nalloc{instance="a"} 1\n'
            '# HELP alloc_total c\n# TYPE alloc_total unknown\nalloc_total{instance="a"} 2\n'
        ),
    ),
    "targets that disagree about a type": (
        {
            "a": ({"x": M("gauge", "x")}, [Reading("x", 1)]),
            "b": ({"x": M("counter", "x")}, [Reading("x", 2)]),
        },
        '# HELP x x\n# TYPE x untyped\nx{instance="a"} 1\nx{instance="b"} 2\n',
        '# HELP x x\n# TYPE x unknown\nx{instance="a"} 1\nx{instance="b"} 2\n',
    ),
    "nothing is declared": (
        {"a": ({}, [Reading("x", 1)])},
        '# TYPE x untyped\nx{instance="a"} 1\n',
        '# TYPE x unknown\nx{instance="a"} 1\n',
    ),
    "a histogram is one family, its groups together": (
        {"b": ({"h": M("histogram", "h")}, BUCKETS), "a": ({"h": M("histogram", "h")}, BUCKETS)},
        "# HELP h h\n# TYPE h histogram\n"
        + "".join(
            f'h_bucket{{instance="{i}",le="0.5"}} 1\n'
            f'h_bucket{{instance="{i}",le="10.0"}} 2\n'
            f'h_bucket{{instance="{i}",le="+Inf"}} 2\n'
            f'h_count{{instance="{i}"}} 2\nh_sum{{instance="{i}"}} 1.5\n'
            for i in "ab"
        ),
        None,
    ),
    "a histogram's part is another target's gauge": (
        {
            "a": ({"h": M("histogram", "h")}, BUCKETS[:1] + BUCKETS[3:]),
            "b": ({"h_sum": M("gauge", "sum")}, [Reading("h_sum", 4)]),
        },
        (
            '# TYPE h_bucket untyped\nh_bucket{instance="a",le="+Inf"} 2\n'
            '# TYPE h_count untyped\nh_count{instance="a"} 2\n'
            '# HELP h_sum sum\n# TYPE h_sum gauge\nh_sum{instance="a"} 1.5\nh_sum{instance="b"} 4\n'
        ),
        (
            '# TYPE h_bucket unknown\nh_bucket{instance="a",le="+Inf"} 2\n'
            '# TYPE h_count unknown\nh_count{instance="a"} 2\n'
            '# HELP h_sum sum\n# TYPE h_sum gauge\nh_sum{instance="a"} 1.5\nh_sum{instance="b"} 4\n'
        ),
    ),
    "a summary": (
        {
            "a": (
                {"s": M("summary", "s")},
                [
                    Reading("s_count", 3),
                    Reading("s", 9, {"quantile": "0.9"}),
                    Reading("s", 5, {"quantile": "0.5"}),
                    Reading("s_sum", 20),
                ],
            )
        },
        (
            "# HELP s s\n# TYPE s summary\n"
            's{instance="a",quantile="0.5"} 5\ns{instance="a",quantile="0.9"} 9\n'
            's_count{instance="a"} 3\ns_sum{instance="a"} 20\n'
        ),
        None,
    ),
    "absent cells and numbers at the edges": (
        {
            "a": (
                {"x": M("gauge", "x")},
                [
                    Block(
                        ("x",),
                        tuple((("i", str(i)),) for i in range(7)),
                        [[1e21], [ABSENT], [1.5e-9], [-0.0], [math.inf], [-math.inf], [0.1]],
                    ),
                    Reading("x", math.nan),
                ],
            )
        },
        (
            "# HELP x x\n# TYPE x gauge\n"
            'x{i="0",instance="a"} 1e+21\nx{i="2",instance="a"} 1.5e-09\n'
            'x{i="3",instance="a"} -0\nx{i="4",instance="a"} +Inf\nx{i="5",instance="a"} -Inf\n'
            'x{i="6",instance="a"} 0.1\nx{instance="a"} NaN\n'
        ),
        None,
    ),
}


@pytest.mark.parametrize(("targets", "text", "openmetrics"), BODIES.values(), ids=BODIES)
def test_bodies(targets, text, openmetrics):
    series = series_of(**targets)
    assert shown(series) == text
    assert shown(series, OM) == (text if openmetrics is None else openmetrics) + "# EOF\n"
    list(parse_openmetrics(shown(series, OM)))


def test_an_ended_target_is_gone_at_once():
    series = series_of(a=({}, [Reading("x", 1)]), b=({}, [Reading("x", 2)]))
    assert 'instance="a"' in shown(series)
    series.end("a")
    assert shown(series) == '# TYPE x untyped\nx{instance="b"} 2\n'
    series.end("b")
    assert shown(series) == ""


def test_values_and_rows_change_between_scrapes():
    """The cached prefixes follow rows that come, go and change hands."""
    series = series_of(a=({}, [Reading("x", 1, {"p": "1"})]))
    assert shown(series) == '# TYPE x untyped\nx{instance="a",p="1"} 1\n'
    series.put("a", (("instance", "a"),), {}, [Reading("x", 5, {"p": "1"}), Reading("x", 2)])
    assert shown(series) == '# TYPE x untyped\nx{instance="a"} 2\nx{instance="a",p="1"} 5\n'
    series.put("a", (("instance", "a"),), {}, [Reading("x", 6)])
    assert shown(series) == '# TYPE x untyped\nx{instance="a"} 6\n'
    series.put("a", (("instance", "a"),), {}, [Reading("x", 7, {"p": "2"})])
    for at in range(0, 9000, 15):
        series.snapshot(at)
    assert shown(series) == '# TYPE x untyped\nx{instance="a",p="2"} 7\n'


def test_recorded_series_are_left_out():
    series = series_of(a=({}, [Reading("x", 1)]))
    series.snapshot(0)
    series.record("ALERTS", [((("alertname", "A"),), 1.0)])
    assert "ALERTS" not in shown(series)


class TestOwn:
    @pytest.fixture
    def own(self):
        registry = CollectorRegistry()
        Gauge("zhiban_loop_lag_seconds", "lag", registry=registry).set(0.25)
        Counter("zhiban_visits", "visits", ["kind"], registry=registry).labels("icmp").inc(3)
        Histogram("zhiban_send_seconds", "send", buckets=(1, 5), registry=registry).observe(2)
        Gauge("process_open_fds", "open files", registry=registry).set(9)
        Counter("process_cpu_seconds", "cpu", registry=registry).inc(4)
        return registry

    def test_one_family_each(self, own):
        """A family that targets have too is given once; the target "zhiban" only once."""
        theirs = {
            "process_open_fds": M("gauge", "their open files"),
            "process_cpu_seconds_total": M("counter", "cpu"),
        }
        series = series_of(
            srv=(theirs, [Reading("process_open_fds", 5), Reading("process_cpu_seconds_total", 6)]),
            zhiban=own_readings(own),
        )
        text = shown(series, own=own)
        heads = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
        assert len(heads) == len(set(heads)) == 5
        assert 'process_open_fds 9.0\nprocess_open_fds{instance="srv"} 5\n' in text
        assert 'instance="zhiban"' not in text
        families = {f.name: f for f in parse_openmetrics(shown(series, OM, own))}
        assert {f.name: len(f.samples) for f in families.values()} == {
            "process_cpu_seconds": 2,
            "process_open_fds": 2,
            "zhiban_loop_lag_seconds": 1,
            "zhiban_send_seconds": 5,
            "zhiban_visits": 1,
        }

    def test_own_readings(self, own):
        """Rules see the same samples that an outside Prometheus sees."""
        metrics, readings = own_readings(own)
        assert metrics["zhiban_visits_total"] == M("counter", "visits")
        assert metrics["zhiban_send_seconds"].type == "histogram"
        got = {(r.name, *sorted(r.labels.items())): r.value for r in readings}
        text = shown(Series(grid=15), own=own)
        want = {
            (s.name, *sorted(s.labels.items())): s.value
            for family in parse_text(text)
            for s in family.samples
        }
        assert got == want


# What clients really send, and what they get.
ACCEPT = {
    "": TEXT,
    "*/*": TEXT,
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": TEXT,
    # Prometheus 2.42
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1": OPENMETRICS,
    # Prometheus 3
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-"
    "text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;"
    "version=0.0.4;q=0.2,*/*;q=0.1": OPENMETRICS,
    # Prometheus 3 with scrape_protocols: [PrometheusText0.0.4]
    "text/plain;version=0.0.4;escaping=allow-utf-8;q=0.5,*/*;q=0.1": TEXT,
    "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1": (
        OPENMETRICS
    ),
    "text/plain;version=0.0.4,application/openmetrics-text;q=0.2": TEXT,
    "application/openmetrics-text;q=0": TEXT,
    "application/openmetrics-text;q=high,,;;q": TEXT,
    "application/openmetrics-text;version=2.0.0": TEXT,
    'application/openmetrics-text; version="1.0.0"': OPENMETRICS,
}


@pytest.mark.parametrize(("accept", "form"), ACCEPT.items(), ids=[a[:60] or "-" for a in ACCEPT])
def test_negotiate(accept, form):
    assert negotiate(accept) == form
    assert render(Series(grid=15), accept, CollectorRegistry())[1] == form


hostile = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(st.dictionaries(hostile, st.floats(), max_size=8))
def test_any_label_value_reads_back(cells):
    """Whatever stands in a label value, others read back the same series."""
    series = series_of(
        a=({"x": M("gauge", "x")}, [Reading("x", v, {"l": k}) for k, v in cells.items()])
    )
    for parse, accept in ((parse_text, ""), (parse_openmetrics, OM)):
        body = shown(series, accept)
        got = {s.labels["l"]: s.value for f in parse(body) for s in f.samples}
        assert got.keys() == cells.keys()
        for key, value in got.items():
            assert value == cells[key] or (math.isnan(value) and math.isnan(cells[key]))


def test_promtool_takes_it():
    """No parse error, and our own names lint clean."""
    own = CollectorRegistry()
    Gauge("zhiban_loop_lag_seconds", "lag", registry=own).set(1)
    Counter("zhiban_visits", "visits", ["kind"], registry=own).labels("icmp").inc()
    series = series_of(
        a=({"h": M("histogram", "h"), "hw_ok": M("gauge", 'a "b" \\ c')}, BUCKETS),
        b=({"hw_ok": M("gauge", "ok")}, [Reading("hw_ok", 1, {"位置": "x", "t": '中"\n\\'})]),
        c=({"hw_ok": M("gauge", "ok")}, [Reading("hw_ok", 1, {"t": '中"\n\\'})]),
    )
    body, _ = render(series, "", own)
    done = subprocess.run(
        [need("promtool"), "check", "metrics"],
        input=body,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert body.count(b"hw_ok{") == 1, "a label name outside ASCII is refused"


def test_the_size_of_a_hospital():
    """50,000 rows take well under a second; a scrape that made every line anew takes longer."""
    series = Series(grid=15)
    names = tuple(f"if{n}" for n in range(10))
    sets = tuple((("ifIndex", str(i)), ("ifName", f"GE{i}")) for i in range(50))
    metrics = {name: M("counter", name) for name in names}
    for i in range(100):
        labels = (("instance", f"sw{i}"), ("job", "snmp"), ("role", "access"))
        series.put(f"sw{i}", labels, metrics, [Block(names, sets, [[float(i)] * 10] * 50)])
    own = CollectorRegistry()
    first = timeit.timeit(lambda: render(series, "", own), number=1)
    again = min(timeit.repeat(lambda: render(series, "", own), number=1, repeat=3))
    print(f"50,000 rows: first {first:.3f} s, again {again:.3f} s")
    assert again < first / 2
    assert again < 1
    body, _ = render(series, "", own)
    assert body.count(b"\n") == 50_000 + 2 * len(names)
