"""One visit: whatever a probe does, a Visit and readings come out in time."""

import asyncio
import logging
import math
import time
from datetime import timedelta

import pytest

from monitor.clock import SystemClock
from monitor.model.reading import Block, Metric, Reading
from monitor.model.target import Target
from monitor.polling.runner import Runner, metrics_of
from monitor.probe import OPEN, Options, Probe, ProbeError

METRICS = {"x": Metric("gauge", "x"), "h": Metric("histogram", "h")}
TIMEOUT = 0.1  # seconds
TARGET = Target(
    "t", "目标", "fake", "", timedelta(seconds=60), timedelta(seconds=TIMEOUT), options=Options()
)


class Guard:
    """An io that nobody uses."""

    io = None
    closed = False

    async def close(self):
        self.closed = True


def visiting(run, clock=None, metrics=METRICS):
    return Runner(Probe(Options, metrics, run), clock or SystemClock())


async def once(run, metrics=METRICS, before=None):
    guard = Guard()
    began = time.monotonic()  # noqa: TID251  the bound is on real time
    outcome = await visiting(run, metrics=metrics).visit(TARGET, guard, before)
    assert time.monotonic() - began < TIMEOUT + 1  # noqa: TID251  likewise
    assert guard.closed
    return outcome


def plain(readings):
    return {(r.name, *r.labels.values()): r.value for r in readings}


async def test_success():
    """
    What the probe saw, and that it succeeded and how long it took.
    """

    async def run(address, options, io):
        return [Reading("x", 1, {"a": "b"})]

    outcome = await once(run)
    assert outcome.visit.up
    assert outcome.visit.failing_since is None
    got = plain(outcome.readings)
    assert got.pop(("probe_duration_seconds",)) < 1
    assert got == {("x", "b"): 1.0, ("probe_success",): 1.0}


async def hang(address, options, io):
    await asyncio.sleep(60)


async def swallow(address, options, io):
    for _ in range(30):
        try:
            await asyncio.sleep(0.1)
        except asyncio.CancelledError:
            continue


async def cancel_itself(address, options, io):
    raise asyncio.CancelledError


async def exits(address, options, io):
    raise SystemExit(3)


async def fails_well(address, options, io):
    raise ProbeError("refused", "no\nway\x1b[31m " + "x" * 999, [Reading("x", 0)])


async def bad_reason(address, options, io):
    raise ProbeError("because", "x")


async def bad_failure(address, options, io):
    raise ProbeError("refused", "x", [Reading("y", 0)])


async def timed_out(address, options, io):
    raise TimeoutError


async def bug(address, options, io):
    return 1 / 0


def no_coroutine(address, options, io):
    return [Reading("x", 1)]


def returns(value):
    async def run(address, options, io):
        return value

    return run


BLOCK = Block(("x",), ((),), ((1.0,),))
FAILURES = {
    "hangs": (hang, "timeout", "no answer within 0.1 s"),
    "swallows its cancellation": (swallow, "timeout", "no answer within 0.1 s"),
    "cancels itself": (cancel_itself, "broken", "cancelled itself"),
    "a driver exits": (exits, "broken", "raised SystemExit"),
    "an unknown reason": (bad_reason, "broken", "'because' is no reason"),
    "a failure with readings it has not declared": (bad_failure, "broken", "'y' is not among"),
    "times out by itself": (timed_out, "timeout", "no answer within 0.1 s"),
    "raises": (bug, "broken", "ZeroDivisionError"),
    "is no coroutine": (no_coroutine, "broken", "TypeError"),
    "returns nothing": (returns(None), "broken", "returned NoneType"),
    "returns text": (returns("abc"), "broken", "returned str"),
    "returns other things": (returns([("x", 1)]), "broken", "returned a tuple"),
    "undeclared metric": (returns([Reading("y", 1)]), "broken", "'y' is not among"),
    "value is text": (returns([Reading("x", "1")]), "broken", "type str is no number"),
    "value is nothing": (returns([Reading("x", None)]), "broken", "type NoneType is no number"),
    "label name": (returns([Reading("x", 1, {"a-b": ""})]), "broken", "'a-b' is no label name"),
    "reserved label": (returns([Reading("x", 1, {"__name__": ""})]), "broken", "no label name"),
    "label value": (returns([Reading("x", 1, {"a": 1})]), "broken", "label value of type int"),
    "too many rows": (returns([Reading("x", 1)] * 10_001), "too_large", "more than 10000 rows"),
    "too many cells": (
        returns([Block(("x",), ((),) * 10_001, ((1.0,),) * 10_001)]),
        "too_large",
        "more than 10000 rows",
    ),
    "too many labels": (
        returns([Reading("x", 1, {f"l{n}": "" for n in range(65)})]),
        "too_large",
        "more than 64 labels",
    ),
    "a crooked block": (returns([Block(("x",), ((),), ())]), "broken", "another number of rows"),
    "a short row": (returns([Block(("x",), ((),), ((),))]), "broken", "shorter or longer"),
}


@pytest.mark.parametrize(("run", "reason", "detail"), FAILURES.values(), ids=FAILURES)
async def test_failure(run, reason, detail):
    """
    Every way to fail has its reason, and leaves probe_success 0 and nothing half-read.
    """
    outcome = await once(run)
    assert not outcome.visit.up
    assert outcome.visit.reason == reason
    assert detail in outcome.visit.detail
    assert outcome.visit.failing_since == outcome.visit.started_at
    got = plain(outcome.readings)
    assert set(got) == {
        ("probe_success",), ("probe_duration_seconds",), ("zhiban_probe_failure_info", reason),
    }  # fmt: skip
    assert got["probe_success",] == 0


async def test_a_failure_keeps_its_own_readings():
    """
    What describes the failure is exported; its detail is bounded and printable.
    """
    outcome = await once(fails_well)
    assert plain(outcome.readings)["x",] == 0
    assert outcome.visit.reason == "refused"
    assert outcome.visit.detail.isprintable()
    assert len(outcome.visit.detail) == 240


async def test_failing_since():
    """
    It is the start of the first failed visit in a row, until one succeeds.
    """
    answers = iter([False, False, True, False])

    async def run(address, options, io):
        if not next(answers):
            raise ProbeError("refused", "")
        return []

    runner = visiting(run)
    visits, before = [], None
    for _ in range(4):
        before = (await runner.visit(TARGET, Guard(), before)).visit
        visits.append(before)
        await asyncio.sleep(0.002)
    first, second, third, fourth = visits
    assert first.failing_since == second.failing_since == first.started_at
    assert third.failing_since is None
    assert fourth.failing_since == fourth.started_at


async def test_a_probe_that_never_lets_go():
    """
    While it lingers, the next visit fails at once instead of piling another on top.
    """
    release, starts = asyncio.Event(), []

    async def run(address, options, io):
        starts.append(1)
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return []

    runner = visiting(run)
    await runner.visit(TARGET, Guard(), None)
    outcome = await runner.visit(TARGET, Guard(), None)
    assert outcome.visit.detail == "the visit before has not come to an end yet"
    assert len(starts) == 1
    assert runner.stuck
    release.set()
    await asyncio.sleep(0.01)
    assert not runner.stuck
    outcome = await runner.visit(TARGET, Guard(), None)
    assert outcome.visit.up


async def test_one_traceback_a_minute(clock, caplog):
    """
    A broken probe is logged with its traceback, once per minute at most.
    """
    runner = visiting(bug, clock)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            await runner.visit(TARGET, Guard(), None)
            await clock.advance(29)
    broken = [r for r in caplog.records if r.message == "probe is broken"]
    assert len(broken) == 1
    assert broken[0].exc_info[0] is ZeroDivisionError
    with caplog.at_level(logging.ERROR):
        await runner.visit(TARGET, Guard(), None)
    assert len([r for r in caplog.records if r.message == "probe is broken"]) == 2


async def test_mended_labels():
    """
    Label values lose control characters and are cut at 1,024; the sample stays.
    """
    outcome = await once(returns([Reading("x", math.nan, {"a": "五\x00号\n" + "楼" * 2000})]))
    (reading,) = [r for r in outcome.readings if r.name == "x"]
    assert reading.labels["a"].startswith("五 号 楼楼")
    assert len(reading.labels["a"]) == 1024
    assert math.isnan(reading.value)


async def test_a_table_keeps_its_label_sets():
    """
    A table whose label sets did not change comes out as the same objects.
    """
    names = iter(["eth0", "eth0", "eth1"])

    async def run(address, options, io):
        return [Block(("x",), ((("if", next(names)),),), ((1.0,),))]

    runner = visiting(run)
    first, second, third = [
        (await runner.visit(TARGET, Guard(), None)).readings[0].label_sets for _ in range(3)
    ]
    assert first is second
    assert third == ((("if", "eth1"),),)


async def test_open_probe():
    """
    An open probe may bring any valid name; our own readings come with type and help.
    """
    outcome = await once(returns([Block(("anything",), ((),), ((1.0,),))]), metrics=OPEN)
    assert outcome.visit.up
    own = {n for block in outcome.readings[1:] for n in block.metrics}
    assert own == {"probe_success", "probe_duration_seconds"}
    refused = await once(returns([Reading("bad name", 1)]), metrics=OPEN)
    assert refused.visit.reason == "broken"


async def test_histogram_names():
    """
    A declared histogram may bring its buckets, sum and count.
    """
    outcome = await once(returns([Reading("h_bucket", 1, {"le": "1"}), Reading("h_sum", 1)]))
    assert outcome.visit.up


def test_metrics_of():
    probe = Probe(Options, METRICS, hang)
    assert {"x", "h", "probe_success"} <= metrics_of(probe).keys()
    assert "probe_success" in metrics_of(Probe(Options, OPEN, hang))


async def test_outer_cancellation():
    """
    The daemon's own end is not a failed visit.
    """
    guard = Guard()
    task = asyncio.ensure_future(visiting(hang).visit(TARGET, guard, None))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert guard.closed
