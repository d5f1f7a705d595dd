"""Hostile agents through the real transport: each is its own failed visit, and no more (R16)."""

import asyncio
import itertools
import os
import random
import statistics
from datetime import timedelta

import psutil
import pytest
from pydantic import SecretStr
from snmp import hostile_agent as hostile
from snmp.hostile_table import COLUMNS, PASSWORD, ROWS

from exporters._address import split
from exporters._snmp.credentials import Community, User
from exporters._snmp.session import Session
from monitor.clock import SystemClock
from monitor.model.reading import Metric, Reading
from monitor.model.target import Target
from monitor.polling.io import Net
from monitor.polling.runner import Runner
from monitor.probe import Options, Probe

pytestmark = pytest.mark.alone  # deadlines and beats of hundreds of visits

MB = 1 << 20
PLAIN = Community(SecretStr("public"))
SECRET = SecretStr(PASSWORD.decode())
SECURE = User("mon", "sha256", SECRET, "aes128", SECRET)
AT_ONCE = 8  # hostile agents visited at the same time
NEIGHBOURS = 6


class Asked(Options):
    """Whether by version 3."""

    secure: bool = False


async def walk(address, options, io):
    host, port = split(address)
    agent = await io.snmp(host, port, SECURE if options.secure else PLAIN)
    rows = await Session(agent).walk(COLUMNS)
    cells = sum(cell is not None for row in rows.values() for cell in row)
    return [Reading("cells", float(cells))]


PROBE = Probe(Asked, {"cells": Metric("gauge", "cells of the walk")}, walk)


def target(kind, address, seconds):
    options = Asked(secure=kind.startswith("v3-"))
    return Target(
        name=kind,
        title="",
        kind="snmp",
        address=address,
        every=timedelta(seconds=60),
        timeout=timedelta(seconds=seconds),
        options=options,
    )


async def visit(net, one):
    clock = net.clock
    started = clock.monotonic()
    found = await Runner(PROBE, clock).visit(one, net.guard(one), None)
    return found, clock.monotonic() - started


def check(kind, found, took, seconds):
    assert took < seconds + 1, kind
    assert found.visit.reason != "broken", (kind, found.visit)
    if kind not in hostile.MAY_PASS:
        assert not found.visit.up, kind
    if not found.visit.up:
        assert {r.name for r in found.readings} == {
            "probe_success",
            "probe_duration_seconds",
            "zhiban_probe_failure_info",
        }, kind


EXPECTED = {
    "silence": ("timeout", "no answer within 0.6 s"),
    "endless": ("too_large", "more than 5000 rows in the table of 1.3.6.1.2.1.2.2.1"),
    "64k-endless": ("too_large", "bytes of answers"),
    "circular": ("protocol", "goes back from 1.3.6.1.2.1.2.2.1.1.3 to: 1.3.6.1.2.1.2.2.1.1.1"),
    "same-oid": ("protocol", "the same OID again: 1.3.6.1.2.1.2.2.1.1"),
    "back": ("protocol", "goes back from"),
    "wrong-id": ("timeout", "2 datagrams that answer nothing we asked"),
    "elsewhere": ("timeout", ""),
    "wrong-version": ("protocol", "version 0 where 1 was asked"),
    "64k-varbinds": ("protocol", "varbinds"),
    "negative-length": ("protocol", "cannot be read"),
    "indefinite-length": ("protocol", "indefinite"),
    "no-values": ("protocol", "without a value for 1.3.6.1.2.1.2.2.1.1"),
    "too-big": ("status", "tooBig for 1.3.6.1.2.1.2.2.1.1"),
    "gen-err": ("status", "genErr for 1.3.6.1.2.1.2.2.1.1"),
    "status-99": ("status", "error-status 99"),
    "no-such-name": ("status", "noSuchName"),
    "v3-replay": ("timeout", "datagrams that answer nothing"),
    "v3-replay-renamed": ("protocol", "MAC is wrong"),
    "v3-new-engine": ("status", "engine id changes"),
    "v3-old-time": ("protocol", "time window"),
    "v3-damaged": ("protocol", "MAC"),
    "v3-user": ("status", "does not know this user"),
    "v3-digest": ("status", "wrong password"),
    "v3-decryption": ("status", "wrong privacy password"),
    "v3-level": ("status", "auth and priv"),
    "v3-endless": ("too_large", "rows"),
}


async def test_each_kind():
    """Every kind once: a reason, a sentence, and out in time."""
    seconds = dict.fromkeys(("endless", "v3-endless", "64k-endless"), 8.0)
    with hostile.serve(*hostile.KINDS) as address:
        async with Net(SystemClock()) as net:
            ones = [target(k, address(k), seconds.get(k, 0.6)) for k in hostile.KINDS]
            outcomes = await asyncio.gather(*(visit(net, one) for one in ones))
    for one, (found, took) in zip(ones, outcomes, strict=True):
        check(one.name, found, took, one.timeout.total_seconds())
        print(f"{one.name:18} {found.visit.reason:10} {took:.2f} s  {found.visit.detail}")
        if one.name in EXPECTED:
            reason, said = EXPECTED[one.name]
            assert (found.visit.reason, said in found.visit.detail) == (reason, True), found.visit


@pytest.mark.parametrize("kind", [*hostile.GOOD, *hostile.GOOD3])
async def test_an_odd_agent_that_is_honest(kind):
    """Late, doubled, cut or junk-ridden answers still make the whole table."""
    with hostile.serve(kind) as address:
        async with Net(SystemClock()) as net:
            found, _ = await visit(net, target(kind, address(kind), 5))
    assert found.visit.up, found.visit
    assert found.readings[0].value == ROWS * len(COLUMNS)


async def neighbours(net, address, seconds, done):
    """Walk good agents, which take 20 ms an answer, until ``done``; the durations."""
    took = []

    async def one():
        while not done():
            found, seconds_ = await visit(net, target("slow", address("slow"), seconds))
            assert found.visit.up, found.visit
            took.append(seconds_)

    await asyncio.gather(*(one() for _ in range(NEIGHBOURS)))
    return took


async def alone(net, address):
    """The same without hostile agents, for a while."""
    until = net.clock.monotonic() + 1.5
    return await neighbours(net, address, 5, lambda: net.clock.monotonic() > until)


async def storm(walks, seconds):
    """Figures of a control run and of one with ``walks`` hostile walks in it."""
    clock, process = SystemClock(), psutil.Process(os.getpid())
    ended = 0
    with hostile.serve("slow") as good, hostile.serve(*hostile.KINDS) as bad:
        async with Net(clock) as net:
            kinds = itertools.cycle(hostile.KINDS)
            todo = [next(kinds) for _ in range(walks)]
            random.Random(16).shuffle(todo)

            async def attack():
                nonlocal ended, peak
                while todo:
                    kind = todo.pop()
                    found, took = await visit(net, target(kind, bad(kind), seconds))
                    check(kind, found, took, seconds)
                    ended += 1
                    peak = max(peak, process.memory_info().rss)

            for kind in hostile.KINDS:  # what is loaded at the first sight of v3 is not counted
                await visit(net, target(kind, bad(kind), 0.05))
            control = await alone(net, good)
            before = peak = process.memory_info().rss
            attacks = asyncio.gather(*(attack() for _ in range(AT_ONCE)))
            beside = await neighbours(net, good, 5, attacks.done)
            await attacks
            control += await alone(net, good)
    p99 = [statistics.quantiles(took, n=100)[98] for took in (control, beside)]
    print(
        f"{ended} hostile walks, {(peak - before) / MB:.1f} MB more, neighbours' p99 "
        f"{p99[0] * 1000:.0f} -> {p99[1] * 1000:.0f} ms ({len(control)}, {len(beside)} walks)"
    )
    return ended, peak - before, p99


@pytest.mark.parametrize(
    ("walks", "seconds"),
    [
        (500, 0.4),
        pytest.param(10_000, 0.4, marks=[pytest.mark.nightly, pytest.mark.timeout(900)]),
    ],
)
async def test_hostile_agents_and_their_neighbours(walks, seconds):
    """0 crashes, out by the deadline + 1 s, at most 20 MB, and the others hardly notice."""
    ended, grown, (control, beside) = await storm(walks, seconds)
    assert ended == walks
    assert grown < 20 * MB
    assert beside < control * 1.2 + 0.15, "20 %, and 150 ms for a machine that is shared"
