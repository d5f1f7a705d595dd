"""The plan of a walk, fed by hand and by an agent made of a dictionary."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters._snmp import oid, pdu
from exporters._snmp.pdu import Pdu
from exporters._snmp.walk import VALUES_AT_ONCE, Walk
from monitor.probe import ProbeError

A, B, C = (oid.encode(f"1.3.6.1.2.1.2.2.1.{n}") for n in (1, 2, 300))
BEHIND = oid.encode("1.3.6.1.2.1.31.1")


def names(table):
    """An agent's MIB: OID to value, in its order."""
    return sorted(((c + oid.suffix(i), v) for (c, i), v in table.items()), key=order)


def order(pair):
    return oid.unpack(pair[0])


def next_of(mib, name):
    for here, value in mib:
        if oid.after(here, name):
            return (here, pdu.INTEGER, value)
    return (name, pdu.END_OF_MIB_VIEW, None)


def answer_of(mib, request, most=10_000):
    """What RFC 3416, section 4.2.3, makes of a request; ``most`` values fit an answer."""
    at, out = [v[0] for v in request.varbinds], []
    for _ in range(request.error_index if request.kind == pdu.GETBULK else 1):
        row = [next_of(mib, name) for name in at]
        out += row
        at = [v[0] for v in row]
    return Pdu(pdu.RESPONSE, 1, varbinds=out[:most])


def walked(plan, mib, most=10_000):
    asked = 0
    while (request := plan.request()) is not None:
        plan.feed(answer_of(mib, request, most))
        asked += 1
        assert asked < 2000
    return {
        oid.unpack(index): [cell and cell[2] for cell in row] for index, row in plan.rows.items()
    }


TABLE = {(A, (n,)): n for n in range(1, 6)} | {(B, (n,)): n * 10 for n in (1, 3, 5)}
ROWS = {(n,): [n, n * 10 if n in (1, 3, 5) else None] for n in range(1, 6)}


@pytest.mark.parametrize("repetitions", [0, 1, 2, 3, 25])
@pytest.mark.parametrize("v1", [False, True])
def test_columns_side_by_side(repetitions, v1):
    """Holes and columns of unequal length are cells that are None."""
    mib = [*names(TABLE), (BEHIND, 0)]
    assert walked(Walk([A, B], 100, repetitions, v1=v1), mib) == ROWS


def test_one_request_holds_what_fits_a_frame():
    """As many rows as make 70 values, and never more than was allowed."""
    request = Walk([A, B, C], repetitions=25).request()
    assert (request.kind, request.error_status, request.error_index) == (pdu.GETBULK, 0, 23)
    assert 3 * request.error_index <= VALUES_AT_ONCE
    assert Walk([A], repetitions=25).request().error_index == 25


@pytest.mark.parametrize("most", [1, 2, 3, 5, 7])
def test_an_agent_that_cuts_its_answers(most):
    """Fewer values than asked for: the rest is asked for again."""
    assert walked(Walk([A, B], 100), names(TABLE), most) == ROWS


indexes = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=3).map(tuple)
tables = st.dictionaries(
    st.tuples(st.sampled_from([A, B, C]), indexes), st.integers(0, 9), max_size=30
)


@given(tables, st.integers(0, 30), st.integers(1, 40))
@settings(max_examples=150, deadline=None)
def test_any_table_comes_whole(table, repetitions, most):
    """Whatever its indexes, however the agent cuts."""
    expected = {}
    for (column, index), value in table.items():
        row = expected.setdefault(index, [None] * 3)
        row[[A, B, C].index(column)] = value
    assert walked(Walk([A, B, C], 100, repetitions), names(table), most) == expected


cells = st.tuples(
    st.one_of(
        st.tuples(st.sampled_from([A, B, C]), indexes).map(lambda p: p[0] + oid.suffix(p[1])),
        st.sampled_from([A, B, BEHIND, b""]),
    ),
    st.sampled_from([pdu.INTEGER, pdu.NULL, pdu.NO_SUCH_INSTANCE, pdu.END_OF_MIB_VIEW]),
    st.none(),
)
answers = st.builds(
    lambda status, index, found: Pdu(pdu.RESPONSE, 1, status, index, found),
    st.sampled_from([0, 0, 0, 1, 2]),
    st.integers(-2, 5),
    st.lists(cells, max_size=12),
)


@given(st.lists(answers, max_size=30), st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_answers_end_or_go_on(said, v1):
    """Nothing but a ProbeError comes of them, and no row above the cap."""
    plan = Walk([A, B, C], 20, v1=v1)
    with contextlib.suppress(ProbeError):
        for answer in said:
            if plan.request() is None:
                break
            plan.feed(answer)
    assert len(plan.rows) <= 20


def feed(plan, *answers_):
    for answer in answers_:
        assert plan.request() is not None
        plan.feed(answer)


def found(*pairs):
    return Pdu(pdu.RESPONSE, 1, varbinds=[(c + oid.suffix(i), pdu.INTEGER, 1) for c, i in pairs])


@pytest.mark.parametrize(
    ("answers_", "reason", "said"),
    [
        ([found((A, (1,)), (A, (1,)))], "protocol", "the same OID again: 1.3.6.1.2.1.2.2.1.1.1"),
        (
            [found((A, (5,)), (A, (4,)))],
            "protocol",
            "goes back from 1.3.6.1.2.1.2.2.1.1.5 to: 1.3.6.1.2.1.2.2.1.1.4",
        ),
        ([found((A, (16384,))), found((A, (16383,)))], "protocol", "goes back"),
        ([found((A, (1,))), found((A, (2,))), found((A, (1,)))], "protocol", "goes back"),
        ([found((A, ()))], "protocol", "the same OID again"),
        ([found(*[(A, (n,)) for n in range(9)])], "too_large", "more than 5 rows"),
        ([Pdu(pdu.RESPONSE, 1, 5, 1)], "status", "genErr for 1.3.6.1.2.1.2.2.1.1"),
        ([Pdu(pdu.RESPONSE, 1, 77, 0)], "status", "error-status 77"),
        ([Pdu(pdu.RESPONSE, 1, 2, 1)], "status", "noSuchName"),
        ([Pdu(pdu.RESPONSE, 1)], "protocol", "without a value"),
        ([Pdu(pdu.RESPONSE, 1, 1)] * 6, "status", "tooBig"),
    ],
)
def test_what_ends_a_walk(answers_, reason, said):
    """Each with its own words."""
    with pytest.raises(ProbeError) as caught:
        feed(Walk([A], 5), *answers_)
    assert caught.value.reason == reason
    assert said in caught.value.detail


def test_too_big_halves_the_rows_and_then_the_columns():
    """Down to one value, and the walk goes on from where it is."""
    plan, asked = Walk([A, B, C], repetitions=4), []
    for _ in range(3):
        request = plan.request()
        asked.append((len(request.varbinds), request.error_index))
        plan.feed(Pdu(pdu.RESPONSE, 1, 1, 0))
    request = plan.request()
    assert [*asked, (len(request.varbinds), request.error_index)] == [
        (3, 4),
        (3, 2),
        (3, 1),
        (1, 1),
    ]
    assert walked(plan, names(TABLE)) == {index: [*row, None] for index, row in ROWS.items()}


def test_version_1_ends_a_column_by_no_such_name():
    """error-index says which; without one they are asked for singly."""
    plan = Walk([A, B, C], v1=True)
    assert plan.request().kind == pdu.GETNEXT
    plan.feed(Pdu(pdu.RESPONSE, 1, 2, 2))
    assert [v[0] for v in plan.request().varbinds] == [A, C]
    plan.feed(Pdu(pdu.RESPONSE, 1, 2, 0))
    assert [v[0] for v in plan.request().varbinds] == [A]
    plan.feed(Pdu(pdu.RESPONSE, 1, 2, 0))
    assert [v[0] for v in plan.request().varbinds] == [C]
    plan.feed(Pdu(pdu.RESPONSE, 1, 2, 1))
    assert plan.request() is None
