"""Series: what a slot saw, what has ended, what a bound refuses."""

import math

import numpy as np
import pytest

from monitor.model.reading import ABSENT, NAN, Block, Metric, Reading
from monitor.promql.ast import Matcher
from monitor.promql.storage import STALE_BITS, has_sample
from monitor.series.store import Series

LABELS = (("instance", "sw1"), ("job", "snmp"), ("level", "1"))
GAUGE = {"x": Metric("gauge", "x"), "y": Metric("gauge", "y")}


def make(keep=100.0, bound=10_000):
    return Series(grid=10.0, keep=keep, max_rows_per_target=bound)


def matchers(text):
    """``x job=snmp level!=2`` as matchers."""
    name, *rest = text.split()
    found = [Matcher("__name__", "=", name)] if name != "*" else []
    for word in rest:
        op = next(o for o in ("=~", "!~", "!=", "=") if o in word)
        label, value = word.split(op, 1)
        found.append(Matcher(label, op, value))
    return found


def cells(series, text="x", start=-math.inf, end=math.inf):
    """Per series (labels without name, instance, job, level): (time, value|'stale')."""
    picked = series.view().select(matchers(text), start, end)
    found = {}
    for labels, row in zip(picked.labels, picked.values, strict=True):
        own = {k: v for k, v in labels if k not in {"__name__", "instance", "job", "level"}}
        bits = row.view(np.uint64)
        found[tuple(sorted(own.items()))] = [
            (t, "stale" if b == STALE_BITS else v)
            for t, v, b, ok in zip(picked.times, row, bits, has_sample(row), strict=True)
            if ok or b == STALE_BITS
        ]
    return found


def put(series, *readings, target="sw1", labels=LABELS):
    return series.put(target, labels, GAUGE, readings)


def test_what_a_slot_saw():
    """
    A snapshot sees the newest values, once each; between snapshots nothing is kept.
    """
    series = make()
    put(series, Reading("x", 1.0))
    put(series, Reading("x", 2.0))
    series.snapshot(10)
    series.snapshot(20)
    put(series, Reading("x", 3.0))
    series.snapshot(30)
    assert cells(series) == {(): [(10, 2.0), (20, 2.0), (30, 3.0)]}
    assert cells(series, start=10, end=20) == {(): [(20, 2.0)]}, "(start, end]"


def test_full_labels():
    """Labels carry the name and the target's, sorted; a clash is kept as exported_."""
    series = make()
    put(series, Reading("x", 1.0, {"job": "other", "exported_job": "b", "zone": "", "a": "ü"}))
    series.snapshot(10)
    (labels,) = series.view().select(matchers("x"), 0, 10).labels
    assert labels == (
        ("__name__", "x"),
        ("a", "ü"),
        ("exported_exported_job", "other"),
        ("exported_job", "b"),
        ("instance", "sw1"),
        ("job", "snmp"),
        ("level", "1"),
    )


def block(values, names=("x", "y"), sets=((("port", "1"),), (("port", "2"),))):
    return Block(names, sets, values)


ONE, TWO = (("port", "1"),), (("port", "2"),)

# Each row: the blocks of successive slots, then what x and y are.
TABLES = {
    "a steady table": (
        [block([[1, 2], [3, 4]]), block([[5, 6], [7, 8]])],
        {ONE: [(0, 1), (10, 5)], TWO: [(0, 3), (10, 7)]},
        {ONE: [(0, 2), (10, 6)], TWO: [(0, 4), (10, 8)]},
    ),
    "a cell that never was": (
        [block([[1, ABSENT], [3, 4]])],
        {ONE: [(0, 1)], TWO: [(0, 3)]},
        {TWO: [(0, 4)]},
    ),
    "a cell goes, stays away, and comes back": (
        [
            block([[1, 2], [3, 4]]),
            block([[1, ABSENT], [3, 4]]),
            block([[1, ABSENT], [3, 4]]),
            block([[1, 9], [3, 4]]),
        ],
        {ONE: [(0, 1), (10, 1), (20, 1), (30, 1)], TWO: [(0, 3), (10, 3), (20, 3), (30, 3)]},
        {
            ONE: [(0, 2), (10, "stale"), (30, 9)],
            TWO: [(0, 4), (10, 4), (20, 4), (30, 4)],
        },
    ),
    "a label set goes and another comes": (
        [block([[1, 2], [3, 4]]), block([[5, 6]], sets=(TWO,))],
        {ONE: [(0, 1), (10, "stale")], TWO: [(0, 3), (10, 5)]},
        {ONE: [(0, 2), (10, "stale")], TWO: [(0, 4), (10, 6)]},
    ),
    "label sets change places": (
        [block([[1, 2], [3, 4]]), block([[5, 6], [7, 8]], sets=(TWO, ONE))],
        {ONE: [(0, 1), (10, 7)], TWO: [(0, 3), (10, 5)]},
        {ONE: [(0, 2), (10, 8)], TWO: [(0, 4), (10, 6)]},
    ),
    "a table becomes single readings": (
        [block([[1, 2], [3, 4]]), Reading("x", 5.0, {"port": "1"})],
        {ONE: [(0, 1), (10, 5)], TWO: [(0, 3), (10, "stale")]},
        {ONE: [(0, 2), (10, "stale")], TWO: [(0, 4), (10, "stale")]},
    ),
    "a single reading becomes a table": (
        [Reading("x", 5.0, {"port": "1"}), block([[1, 2], [3, 4]])],
        {ONE: [(0, 5), (10, 1)], TWO: [(10, 3)]},
        {ONE: [(10, 2)], TWO: [(10, 4)]},
    ),
    "an empty table": (
        [block([[1, 2], [3, 4]]), block([], sets=())],
        {ONE: [(0, 1), (10, "stale")], TWO: [(0, 3), (10, "stale")]},
        {ONE: [(0, 2), (10, "stale")], TWO: [(0, 4), (10, "stale")]},
    ),
}


@pytest.mark.parametrize(("slots", "x", "y"), TABLES.values(), ids=TABLES)
def test_blocks(slots, x, y):
    series = make()
    for i, reading in enumerate(slots):
        put(series, reading)
        series.snapshot(i * 10)
    assert cells(series, "x") == x
    assert cells(series, "y") == y


def test_a_column_outlives_its_matrix():
    """A cell that was away for longer than the window comes back into a new matrix."""
    series = make(keep=20)
    put(series, block([[1, 2], [3, 4]]))
    series.snapshot(0)
    for t in range(10, 400, 10):
        put(series, block([[1, ABSENT], [3, ABSENT]]))
        series.snapshot(t)
    assert "y" not in series.polled
    put(series, Reading("y", 7.0), target="sw2", labels=(("instance", "sw2"),))
    put(series, block([[1, 2], [3, ABSENT]]))
    series.snapshot(400)
    assert cells(series, "y instance=sw1") == {ONE: [(400, 2.0)]}


def test_a_given_back_row_is_not_written_by_its_old_plan():
    """A cell that went absent forgets its row: whoever has it next keeps his value."""
    series = make(keep=20)
    put(series, block([[1, 2], [3, 4]]))
    series.snapshot(0)
    for t in range(10, 400, 10):
        put(series, block([[1, ABSENT], [3, 4]]))
        series.snapshot(t)
    put(series, Reading("y", 77.0), target="other", labels=(("instance", "other"),))
    put(series, block([[1, ABSENT], [3, 4]]))
    series.snapshot(400)
    assert cells(series, "y instance=other")[()][-1] == (400, 77.0)
    put(series, block([[1, 5], [3, 4]]))
    series.snapshot(410)
    assert cells(series, "y instance=other")[()][-1] == (410, 77.0)
    assert cells(series, "y instance=sw1")[ONE] == [(410, 5.0)]


def test_nan_is_a_value():
    """A probe's NaN is a sample; in a block only NAN is, and no payload can end a series."""
    stale = np.array([0x7FF0000000000002], np.uint64).view(np.float64)[0]
    series = make()
    put(
        series,
        Reading("x", math.nan),
        block([[NAN, math.nan], [stale, -math.nan]], names=("a", "b")),
    )
    series.snapshot(10)
    assert [len(cells(series, n)) for n in ("x", "a", "b")] == [1, 2, 0]
    assert all(math.isnan(v) for row in cells(series, "a").values() for _, v in row)


def test_a_bad_block_changes_nothing():
    series = make()
    put(series, Reading("x", 1.0))
    with pytest.raises(ValueError, match="block of"):
        put(series, Reading("x", 2.0), block([[1.0], [2.0]]))
    series.snapshot(10)
    assert cells(series) == {(): [(10, 1.0)]}


class TestEnding:
    def test_end(self):
        """An ended series has one marker, and none where no slot ever saw it."""
        series = make()
        put(series, Reading("x", 1.0))
        series.snapshot(10)
        put(series, Reading("x", 1.0), Reading("x", 2.0, {"port": "7"}))
        series.end("sw1")
        for t in (20, 30):
            series.snapshot(t)
        assert cells(series) == {(): [(10, 1.0), (20, "stale")]}
        assert series.rows_held("sw1") == 1

    def test_back_before_the_snapshot(self):
        """A target that is back before the next slot never ended."""
        series = make()
        put(series, Reading("x", 1.0))
        series.snapshot(10)
        series.end("sw1")
        put(series, Reading("x", 2.0))
        series.snapshot(20)
        assert cells(series) == {(): [(10, 1.0), (20, 2.0)]}

    def test_new_labels(self):
        """A reload that changes a target's labels ends what it had."""
        series = make()
        put(series, Reading("x", 1.0), block([[1, 2], [3, 4]]))
        series.snapshot(10)
        put(series, Reading("x", 1.0), labels=(*LABELS, ("site", "b")))
        series.snapshot(20)
        assert cells(series, "x site=") == {
            (): [(10, 1.0), (20, "stale")],
            ONE: [(10, 1.0), (20, "stale")],
            TWO: [(10, 3.0), (20, "stale")],
        }
        assert cells(series, "x site=b") == {(("site", "b"),): [(20, 1.0)]}

    def test_a_row_is_given_back_when_its_window_is_empty(self):
        series = make(keep=50)
        put(series, Reading("x", 1.0))
        series.snapshot(0)
        series.end("sw1")
        for t in range(10, 200, 10):
            series.snapshot(t)
        assert series.rows_held("sw1") == 0
        assert (series.polled, series.held) == ({}, {})

    def test_an_unknown_target_ends_quietly(self):
        make().end("nobody")


class TestBounds:
    def test_bound(self):
        """What exceeds the bound is refused and counted; single readings come first."""
        series = make(bound=3)
        table = block([[1, 2], [3, 4]])
        assert put(series, table, Reading("probe_success", 1.0)) == 2
        series.snapshot(10)
        assert len(cells(series, "probe_success")) == 1
        assert series.refused == 2
        assert put(series, Reading("probe_success", 1.0)) == 0
        assert put(series, Reading("new", 1.0)) == 1, "what it had is not yet given back"
        assert put(series, Reading("new", 1.0), target="b", labels=(("instance", "b"),)) == 0

    @pytest.mark.parametrize(
        "reading",
        [
            Reading("温度", 1.0),
            Reading("", 1.0),
            Reading("x y", 1.0),
            Reading("x", 1.0, {"a b": "1"}),
            Reading("x", 1.0, {"a": "v" * 1025}),
            Reading("x", 1.0, {f"l{i}": "1" for i in range(62)}),
        ],
        ids=lambda r: repr(r)[:60],
    )
    def test_bad_names(self, reading):
        series = make()
        assert put(series, reading, Reading("y", 1.0)) == 1
        series.snapshot(10)
        assert cells(series, "* job=snmp") == {(): [(10, 1.0)]}

    def test_duplicates(self):
        """The last of two equal readings wins, and they are counted."""
        series = make()
        put(series, Reading("x", 1.0), Reading("x", 2.0))
        series.snapshot(10)
        assert cells(series) == {(): [(10, 2.0)]}
        assert series.held["sw1"].duplicates == 1

    def test_one_row_has_one_owner(self):
        """Two targets that claim the same series: the second is refused, not mixed in."""
        series = make()
        put(series, Reading("x", 1.0))
        assert put(series, Reading("x", 2.0), target="impostor") == 1
        series.snapshot(10)
        assert cells(series) == {(): [(10, 1.0)]}

    def test_churn(self):
        """10,000 random label values over many slots: rows are bounded, then given back."""
        series = make(keep=100, bound=500)
        series.put("calm", (("instance", "calm"),), GAUGE, [Reading("x", 1.0)])
        held, blocks = [], []
        for i in range(200):
            sets = tuple((("port", f"{i}-{j}"),) for j in range(50))
            put(series, Block(("x",), sets, [[1.0]] * 50))
            series.snapshot(i * 10)
            held.append(series.rows_held("sw1"))
            blocks.append(sum(b.nbytes for b in series.polled["x"]._blocks))
        assert max(held) == 500
        assert blocks[-1] == blocks[30], "memory is flat"
        assert series.refused > 0
        series.end("sw1")
        for i in range(200, 230):
            series.snapshot(i * 10)
        matrix = series.polled["x"]
        assert (series.rows_held("sw1"), len(matrix.rows), len(matrix._blocks)) == (0, 1, 1)
        assert len(cells(series)[()]) == 11


class TestTime:
    def test_window(self):
        """The longest window is there to its last slot, through any number of turns."""
        series = make(keep=100)
        for i in range(57):
            put(series, Reading("x", float(i)))
            series.snapshot(i * 10)
        assert series.filled_since == 0
        now = 560
        assert cells(series, start=now - 100, end=now) == {
            (): [(i * 10, float(i)) for i in range(47, 57)]
        }

    def test_a_clock_set_back(self):
        """Slots from a time that has not come yet go; ended series stay ended."""
        series = make()
        put(series, Reading("x", 1.0), Reading("y", 1.0))
        for t in (100, 110, 120):
            series.snapshot(t)
        put(series, Reading("x", 2.0))
        series.snapshot(130)
        view = series.view()
        series.snapshot(115)
        assert cells(series) == {(): [(100, 1.0), (110, 1.0), (115, 2.0)]}
        assert cells(series, "y") == {(): [(100, 1.0), (110, 1.0), (115, "stale")]}
        with pytest.raises(RuntimeError, match="older"):
            view.select(matchers("x"), 0, 200)
        series.snapshot(50)
        assert series.filled_since == 50

    def test_the_same_instant_twice(self):
        series = make()
        put(series, Reading("x", 1.0))
        series.snapshot(10)
        put(series, Reading("x", 2.0))
        series.snapshot(10)
        assert cells(series) == {(): [(10, 2.0)]}
