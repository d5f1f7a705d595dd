"""Views: what a selector means, what recording shows to whom, and that frozen is frozen."""

import math
import sys
import threading
import timeit

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.model.reading import ABSENT, Block, Reading
from monitor.promql.ast import Matcher
from monitor.promql.storage import STALE_BITS, has_sample
from monitor.series.store import Series
from monitor.series.view import SPARE, ViewExpiredError

NAME = "__name__"


def named(name, *rest):
    return [Matcher(NAME, "=", name), *(Matcher(*m) for m in rest)]


def read(view, matchers, start=-math.inf, end=math.inf):
    """Labels to (time, value | "stale") pairs."""
    picked = view.select(matchers, start, end)
    assert picked.values.flags.c_contiguous
    assert picked.values.shape == (len(picked.labels), len(picked.times))
    found = {}
    for labels, row in zip(picked.labels, picked.values, strict=True):
        stale = row.view(np.uint64) == STALE_BITS
        cells = zip(picked.times.tolist(), row.tolist(), stale, has_sample(row), strict=True)
        found[labels] = [(t, "stale" if s else v) for t, v, s, ok in cells if s or ok]
    assert len(found) == len(picked.labels)
    return found


@pytest.fixture
def room():
    series = Series(grid=10, keep=100)
    for instance, job, floor in (
        ("core-1", "snmp", "1"),
        ("core-2", "snmp", "2"),
        ("his-app", "http", ""),
    ):
        labels = tuple(sorted({"instance": instance, "job": job, "floor": floor}.items()))
        ports = [Reading("ifUp", float(p), {"port": str(p)}) for p in (1, 2) if job == "snmp"]
        series.put(instance, labels, {}, [Reading("up", 1.0), *ports])
    series.snapshot(100)
    return series


# Each row: the matchers, the instances (with port) that are selected.
SELECTORS = {
    "a name": (named("up"), {"core-1", "core-2", "his-app"}),
    "no such name": (named("down"), set()),
    "equal": (named("up", ("job", "=", "snmp")), {"core-1", "core-2"}),
    "equal to nothing there is": (named("up", ("job", "=", "icmp")), set()),
    "a label that is absent": (named("up", ("floor", "=", "")), {"his-app"}),
    "a label that is there": (named("up", ("floor", "!=", "")), {"core-1", "core-2"}),
    "not equal takes rows without the label": (
        named("up", ("floor", "!=", "1")),
        {"core-2", "his-app"},
    ),
    "a pattern is anchored": (named("up", ("instance", "=~", "core")), set()),
    "a pattern": (named("up", ("instance", "=~", "core-[12]|his")), {"core-1", "core-2"}),
    "a pattern that takes the empty value": (
        named("up", ("floor", "=~", "1|")),
        {"core-1", "his-app"},
    ),
    "everything but nothing": (named("up", ("floor", "=~", ".+")), {"core-1", "core-2"}),
    "a negated pattern": (named("up", ("instance", "!~", ".*-1")), {"core-2", "his-app"}),
    "a negated pattern and an absent label": (
        named("up", ("floor", "!~", "1|2")),
        {"his-app"},
    ),
    "several": (
        named("ifUp", ("job", "=", "snmp"), ("port", "!=", "2"), ("instance", "=~", ".*-2")),
        {"core-2:1"},
    ),
    "one label twice": (
        named("up", ("instance", "=~", "core.*"), ("instance", "!=", "core-1")),
        {"core-2"},
    ),
    "names by pattern": (
        [Matcher(NAME, "=~", "if.*"), Matcher("instance", "=", "core-1")],
        {"core-1:1", "core-1:2"},
    ),
    "names by exclusion": (
        [Matcher(NAME, "!=", "ifUp"), Matcher("job", "=", "snmp")],
        {"core-1", "core-2"},
    ),
    "two words on the name": (
        [Matcher(NAME, "=", "up"), Matcher(NAME, "!~", "u.*")],
        set(),
    ),
    "no name at all": ([Matcher("floor", "=", "1")], {"core-1", "core-1:1", "core-1:2"}),
    "a name that is empty": ([Matcher(NAME, "=", ""), Matcher("job", "=", "snmp")], set()),
}


@pytest.mark.parametrize(("matchers", "expected"), SELECTORS.values(), ids=SELECTORS)
def test_selectors(room, matchers, expected):
    for _ in range(2):  # the second time from the cache
        rows = read(room.view(), matchers, 0, 100)
        got = {
            (m := dict(labels))["instance"] + (f":{m['port']}" if "port" in m else "")
            for labels in rows
        }
        assert got == expected


def test_the_index_follows_the_rows(room):
    """Rows that come after a selector was first used are found, those that went are not."""
    matchers = named("up", ("job", "=", "snmp"))
    assert len(read(room.view(), matchers, 0, 100)) == 2
    room.put("core-3", (("instance", "core-3"), ("job", "snmp")), {}, [Reading("up", 1.0)])
    room.end("core-1")
    room.snapshot(110)
    assert len(read(room.view(), matchers, 100, 110)) == 3
    for t in range(120, 400, 10):
        room.snapshot(t)
    assert {dict(labels)["instance"] for labels in read(room.view(), matchers)} == {
        "core-2",
        "core-3",
    }


def test_before_the_first_slot():
    view = Series(grid=10).view()
    assert read(view, named("up")) == {}
    assert len(view.select(named("up"), 0, 1).times) == 0


class TestRecord:
    SUM = ((NAME, "sum"), ("job", "a"))
    OTHER = ((NAME, "sum"), ("job", "b"))

    def given(self, *rows):
        return [(((("job", job)),), value) for job, value in rows]

    def test_visible_afterwards(self):
        """A record shows in views taken after it, never in one taken before."""
        series = Series(grid=10)
        series.snapshot(10)
        before = series.view()
        series.record("sum", self.given(("a", 1.0)))
        after = series.view()
        assert read(before, named("sum")) == {}
        assert read(after, named("sum")) == {self.SUM: [(10, 1.0)]}
        series.snapshot(20)
        series.record("sum", self.given(("a", 2.0)))
        assert read(after, named("sum")) == {self.SUM: [(10, 1.0)]}
        assert read(series.view(), named("sum")) == {self.SUM: [(10, 1.0), (20, 2.0)]}

    def test_rows_that_are_not_given_end(self):
        series = Series(grid=10)
        series.snapshot(10)
        series.record("sum", self.given(("a", 1.0), ("b", 2.0)))
        series.snapshot(20)
        series.record("sum", self.given(("b", 3.0)))
        series.snapshot(30)
        series.record("sum", [])
        series.snapshot(40)
        assert read(series.view(), named("sum")) == {
            self.SUM: [(10, 1.0), (20, "stale")],
            self.OTHER: [(10, 2.0), (20, 3.0), (30, "stale")],
        }

    def test_a_slot_that_is_not_recorded_into_holds_nothing(self):
        """Between two evaluations lookback answers, as in Prometheus."""
        series = Series(grid=10)
        series.snapshot(10)
        series.record("sum", self.given(("a", math.nan)))
        series.snapshot(20)
        ((_, cells),) = read(series.view(), named("sum")).items()
        assert [t for t, _ in cells] == [10]
        assert math.isnan(cells[0][1])

    def test_twice_in_one_slot(self):
        """The second word on a name counts."""
        series = Series(grid=10)
        series.snapshot(10)
        series.record("sum", self.given(("a", 1.0)))
        series.record("sum", self.given(("b", 2.0)))
        found = read(series.view(), named("sum"))
        assert found == {self.SUM: [(10, "stale")], self.OTHER: [(10, 2.0)]}

    def test_a_polled_series_stays_the_targets(self):
        """A rule cannot write over what a target says; it is refused and counted."""
        series = Series(grid=10)
        series.put("x", (("job", "a"),), {}, [Reading("sum", 7.0)])
        series.snapshot(10)
        series.record("sum", self.given(("a", 1.0), ("b", 2.0)))
        found = read(series.view(), named("sum"))
        assert found == {self.SUM: [(10, 7.0)], self.OTHER: [(10, 2.0)]}
        assert series.refused == 1

    def test_bounded_and_given_back(self):
        series = Series(grid=10, keep=50, max_rows_per_target=5)
        for i in range(40):
            series.snapshot(i * 10)
            series.record("sum", self.given(*((f"{i}-{j}", 1.0) for j in range(3))))
            assert len(series.recorded["sum"].rows) <= 5
        assert series.refused > 0
        series.record("sum", [])
        for i in range(40, 60):
            series.snapshot(i * 10)
        assert series.recorded == {}

    def test_before_the_first_slot(self):
        with pytest.raises(RuntimeError, match="before the first"):
            Series(grid=10).record("sum", [])


class TestFrozen:
    def test_what_happens_afterwards_does_not_show(self, room):
        """Visits, ends, slots and new rows leave a view as it was, until it is over."""
        view, everything = room.view(), [Matcher("instance", "=~", ".+")]
        before = read(view, everything)
        for i in range(1, SPARE + 1):
            room.put("core-1", (("instance", "core-1"),), {}, [Reading(f"new{i}", 1.0)])
            room.end("core-2")
            room.snapshot(100 + i * 10)
            assert read(view, everything) == before
        room.snapshot(990)
        with pytest.raises(ViewExpiredError):
            read(view, everything)

    def test_through_a_turn_of_the_ring(self):
        """The oldest slot a view may read is not written over while it lives."""
        series, views = Series(grid=10, keep=30), []
        for i in range(100):
            series.put("x", (), {}, [Reading("x", float(i))])
            series.snapshot(i * 10)
            views.append((view := series.view(), read(view, named("x"))))
            old, seen = views[max(0, i - SPARE)]
            assert read(old, named("x")) == seen

    @pytest.fixture
    def _impatient(self):
        """Threads take turns every 10 us, so that they meet in the middle of things."""
        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        yield
        sys.setswitchinterval(before)

    @pytest.mark.usefixtures("_impatient")
    def test_in_a_thread_while_rows_come_and_go(self):
        """A hundred selections in a thread, under a storm of new and ended series."""
        series = Series(grid=10, keep=50, max_rows_per_target=400)
        steady = tuple((("p", str(i)),) for i in range(50))
        start, done = threading.Event(), threading.Event()
        wrong: list[object] = []
        taken = [0]

        def evaluate():
            start.wait()
            while not done.is_set():
                view = series.view()
                for matchers in (named("s"), named("s", ("p", "=~", "[0-4].*")), named("churn")):
                    try:
                        picked = view.select(matchers, -math.inf, math.inf)
                    except ViewExpiredError:
                        continue
                    taken[0] += 1
                    for labels, row in zip(picked.labels, picked.values, strict=True):
                        port = dict(labels).get("p", "")
                        values = row[has_sample(row)]
                        if not labels or not (values == float(port.partition("-")[0])).all():
                            wrong.append((labels, row))

        thread = threading.Thread(target=evaluate)
        thread.start()
        tables = Block(("s",), steady, [[float(j)] for j in range(50)])
        for i in range(400):
            churn = tuple((("p", f"{i}-{j}"),) for j in range(20))
            series.put("a", (("job", "a"),), {}, [tables])
            series.put("b", (("job", "b"),), {}, [Block(("churn",), churn, [[float(i)]] * 20)])
            series.snapshot(i * 10)
            start.set()
        done.set()
        thread.join()
        assert wrong == []
        assert taken[0] > 20


class Reference:
    """The same store as a dict of lists: slow, and easy to believe."""

    def __init__(self):
        self.now = {}  # key -> value
        self.had = set()  # keys live at the newest slot
        self.slots = []  # (time, {key: value | "stale"})

    def put(self, target, readings):
        self.now = {k: v for k, v in self.now.items() if k[0] != target} | {
            (target, port): v for port, v in readings.items()
        }

    def snapshot(self, at):
        gone = dict.fromkeys(self.had - self.now.keys(), "stale")
        self.slots.append((at, {**self.now, **gone}))
        self.had = set(self.now)

    def samples(self, start, end):
        found = {}
        for at, cells in self.slots:
            if start < at <= end:
                for key, value in cells.items():
                    found.setdefault(key, []).append((at, value))
        return found


ports = st.dictionaries(st.sampled_from("abcde"), st.integers(0, 99).map(float))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("readings"), st.sampled_from("xy"), ports),
        st.tuples(st.just("block"), st.sampled_from("xy"), ports),
        st.tuples(st.just("end"), st.sampled_from("xy"), st.none()),
        st.tuples(st.just("slot"), st.none(), st.integers(1, 3)),
    ),
    max_size=60,
)


@settings(max_examples=150)
@given(steps, st.integers(0, 60), st.integers(0, 60))
def test_a_dict_of_lists_says_the_same(history, back, span):
    """Whatever targets do, a selection is what a plain dict of lists would say."""
    series, reference, now = Series(grid=10, keep=50), Reference(), 0
    series.snapshot(0)
    reference.snapshot(0)
    fixed = tuple((("p", p),) for p in "abcde")
    for kind, target, what in history:
        labels = (("instance", target),)
        if kind == "readings":
            series.put(target, labels, {}, [Reading("m", v, {"p": p}) for p, v in what.items()])
        elif kind == "block":
            cells = [[what.get(p, ABSENT)] for p in "abcde"]
            series.put(target, labels, {}, [Block(("m",), fixed, cells)])
        elif kind == "end":
            series.end(target)
        else:
            for _ in range(what):
                now += 10
                series.snapshot(now)
                reference.snapshot(now)
            continue
        reference.put(target, what or {})
    end = now - min(back, 0 if now < 50 else back)
    start = max(end - span, now - 51)
    got = {
        (dict(labels)["instance"], dict(labels)["p"]): cells
        for labels, cells in read(series.view(), named("m"), start, end).items()
    }
    assert got == reference.samples(start, end)


def test_a_block_costs_arithmetic():
    """480 cells as a block cost a fraction of 480 single readings (some 30 against 370 us)."""
    series = Series(grid=15)
    names = tuple(f"if{i}" for i in range(10))
    sets = tuple((("ifIndex", str(i)), ("ifName", f"GE0/0/{i}")) for i in range(48))
    rows = [[float(i)] * len(names) for i in range(48)]
    single = [Reading(name, 1.0, dict(pairs)) for pairs in sets for name in names]

    def table():
        series.put("sw1", (("instance", "sw1"),), {}, [Block(names, sets, rows)])

    def one_by_one():
        series.put("sw2", (("instance", "sw2"),), {}, single)

    table()
    one_by_one()
    block, readings = (min(timeit.repeat(f, number=20, repeat=5)) / 20 for f in (table, one_by_one))
    print(f"480 cells: block {block * 1e6:.0f} us, readings {readings * 1e6:.0f} us")
    assert block < readings / 3
