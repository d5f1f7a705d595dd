"""300 hostile answers: each its own failed visit, and nobody else's (reliability.md, R17)."""

import asyncio
import contextlib
import os
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import timedelta
from itertools import chain, repeat

import hostile
import psutil
import pytest
from loopback import talking
from visiting import target, visit

from monitor.clock import SystemClock
from monitor.polling.poller import Poller

pytestmark = pytest.mark.alone  # deadlines and beats of hundreds of visits

DEADLINE = 1.0  # seconds
EVERY = 2.0
ROUNDS = 6
KINDS = [*hostile.KINDS, *hostile.TLS]
NEIGHBOUR = "neighbour"
FIRST = asyncio.FIRST_COMPLETED


@pytest.fixture(scope="module")
def url():
    with hostile.serve() as found:
        yield found


def rss():
    return psutil.Process(os.getpid()).memory_info().rss / 2**20  # MiB


@contextlib.asynccontextmanager
async def neighbour():
    """A server of our own, so that the hostile one's load is not counted against us."""

    async def greet(reader, writer):
        writer.write(b"220 ready\r\n")

    async with talking(greet) as port:
        yield f"127.0.0.1:{port}"


async def test_300_hostile_answers(url):
    """
    Every visit fails by its deadline + 1 s, memory stays, and the neighbour keeps its beat.
    """
    assert len(KINDS) * ROUNDS >= 300
    counts, late, slow, up, wrong = Counter(), [], [], defaultdict(set), []
    clock, enough = SystemClock(), asyncio.Event()

    def put(seen, metrics, readings, visit):
        counts[seen.name] += 1
        memory.append(rss())
        took = (visit.ended_at - visit.started_at).total_seconds()
        if min(counts[k] for k in targets) >= ROUNDS:
            enough.set()
        if seen.name == NEIGHBOUR:
            late.append(poller._watches[NEIGHBOUR].beat.lateness)
            wrong.extend([] if visit.up else [visit])
            return
        slow.extend([(seen.name, took)] if took > DEADLINE + 1 else [])
        up[visit.up].add(seen.name)
        wrong.extend([visit] if visit.reason == "broken" else [])

    async with neighbour() as address:
        await visit("http", url("tls-plain-http"))  # loads what is loaded once
        await visit("http", url("gzip-bomb"))
        memory = [rss()]
        targets = {
            kind: target("http", url(kind), name=kind, timeout=DEADLINE, every=EVERY)
            for kind in KINDS
        }
        quick = target("tcp", address, name=NEIGHBOUR, timeout=0.45, expect="ready")
        targets[NEIGHBOUR] = replace(quick, every=timedelta(seconds=0.5))
        poller = Poller(clock, put)
        poller.swap(targets)
        task = asyncio.ensure_future(poller.run())
        await asyncio.wait({task, asyncio.ensure_future(enough.wait())}, return_when=FIRST)
        missed = poller._watches[NEIGHBOUR].beat.missed
        task.cancel()
        await asyncio.wait({task})

    print(
        f"visits {sum(counts.values())}, RSS +{max(memory) - memory[0]:.1f} MiB, worst {max(late)}"
    )
    assert not slow
    assert up == {False: set(KINDS)}
    assert not wrong
    assert missed == 0
    assert sorted(late)[int(len(late) * 0.99) - 1] < 0.25
    assert max(memory) - memory[0] < 20


REASONS = dict(
    chain(
        zip(["silence", "drip-body", "endless-1xx", "tls-silence"], repeat("timeout")),
        zip(["gzip-bomb", "deflate-bomb", "endless-body", "endless-chunks"], repeat("too_large")),
        zip(["headers-100mb", "many-headers", "one-header-100mb"], repeat("too_large")),
        zip(["early-close", "gzip-cut", "redirect-loop", "redirect-to-file"], repeat("protocol")),
        zip(["tls-garbage", "tls-close", "tls-plain-http"], repeat("tls")),
        zip(["control-characters", "switching"], repeat("status")),
    )
)


@pytest.mark.parametrize(("kind", "reason"), REASONS.items(), ids=REASONS)
async def test_reason(url, kind, reason):
    """
    A hostile answer is told in a word, and in a line without anything it sent.
    """
    seen, _ = await visit("http", url(kind), timeout=0.5)
    assert (seen.up, seen.reason) == (False, reason), seen.detail
    assert seen.detail.isprintable()
    assert len(seen.detail) <= 240


@pytest.mark.parametrize("kind", hostile.EXPOSITIONS)
async def test_hostile_exposition(url, kind):
    """
    200 MB of metrics, a million labels, a 10 MB label: the scrape's own failed visit.
    """
    seen, got = await visit("scrape", url(kind), timeout=3.0)
    assert not seen.up
    assert seen.reason in {"too_large", "protocol", "timeout"}, seen
    assert got["probe_success",] == 0


async def test_ok(url):
    """
    The same server, behaving, is up: what fails above fails for its answers alone.
    """
    seen, got = await visit("http", url("ok"), match="^up 1")
    assert seen.up, seen
    assert got["probe_http_status_code",] == 200
