"""Every target on its beat: start, swap, visits asked for, and a clean end."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from fakes import settle

from monitor.model.reading import Metric, Reading
from monitor.model.target import Target
from monitor.polling.poller import Poller
from monitor.probe import Options, Probe, ProbeError

EVERY = 60.0


def target(name, **more):
    every, timeout = timedelta(seconds=EVERY), timedelta(seconds=5)
    return Target(name, name, "fake", name, every, timeout, options=Options(), **more)


class World:
    """Targets that answer, or not, or not yet; and everything the poller handed over."""

    def __init__(self, clock, **more):
        self.clock = clock
        self.asked = []
        self.at_once = {}
        self.most = 0
        self.dead = set()
        self.gates = {}
        self.puts = []
        self.poller = Poller(clock, self.put, {"fake": self.probe(), "other": self.probe()}, **more)

    def probe(self):
        return Probe(Options, {"x": Metric("gauge", "x")}, self.run)

    async def run(self, address, options, io):
        self.asked.append((address, self.clock.monotonic()))
        self.at_once[address] = self.at_once.get(address, 0) + 1
        assert self.at_once[address] == 1, "two visits to one target at once"
        self.most = max(self.most, sum(self.at_once.values()))
        try:
            if address in self.gates:
                await self.gates[address].wait()
            if address in self.dead:
                raise ProbeError("refused", "connection refused")
            return [Reading("x", 1)]
        finally:
            self.at_once[address] -= 1

    def put(self, seen, metrics, readings, visit):
        assert "probe_success" in metrics
        assert "x" in metrics
        self.puts.append((seen.name, visit.up, {r.name for r in readings}))

    def swap(self, *targets):
        self.poller.swap({t.name: t for t in targets})

    def times(self, name):
        return [at for who, at in self.asked if who == name]


@pytest.fixture
async def world(clock):
    made = World(clock)
    task = asyncio.ensure_future(made.poller.run())
    yield made
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled(), task.exception()


async def test_visits(world, clock):
    """
    Each target is visited once per beat, and what came of it is handed over.
    """
    world.swap(target("a"), target("b"))
    await clock.advance(3 * EVERY)
    assert len(world.times("a")) == len(world.times("b")) == 3
    assert world.puts[0][1:] == (True, {"x", "probe_success", "probe_duration_seconds"})
    assert {n: v.up for n, v in world.poller.visits.items()} == {"a": True, "b": True}
    assert (world.poller.missed, world.poller.given_up) == (0, 0)


async def test_swap_keeps_the_unchanged(world, clock):
    """
    An unchanged target keeps its beat and since when it fails; a removed one is silent.
    """
    world.dead = {"a"}
    world.swap(target("a"), target("b"))
    await clock.advance(2 * EVERY)
    since, asked = world.poller.visits["a"].failing_since, len(world.times("a"))
    world.swap(target("a"), target("c"))
    await clock.advance(2 * EVERY)
    times = world.times("a")
    assert len(times) == asked + 2
    assert {round(b - a, 6) for a, b in pairwise(times)} == {EVERY}
    assert world.poller.visits["a"].failing_since == since
    assert len(world.times("b")) == 2
    assert set(world.poller.visits) == {"a", "c"}


async def test_swap_visits_the_changed(world, clock):
    """
    A changed target is visited at once; with another address it has not failed yet.
    """
    world.dead = {"a", "a2"}
    world.swap(target("a"))
    await clock.advance(EVERY)
    since = world.poller.visits["a"].failing_since
    world.swap(target("a", labels={"site": "east"}))
    await settle()
    assert len(world.puts) == 2
    assert world.poller.visits["a"].failing_since == since
    await clock.advance(1)
    world.swap(replace(target("a"), address="a2"))
    await settle()
    assert world.times("a2") == [clock.monotonic()]
    assert world.poller.visits["a"].failing_since > since


async def test_swap_to_another_kind(world, clock):
    """
    Another kind is another thing: it starts anew, after the old one has ended.
    """
    world.swap(target("a"))
    await clock.advance(EVERY)
    world.swap(replace(target("a"), kind="other"))
    await settle()
    assert world.poller.visits == {}
    await clock.advance(EVERY)
    assert len(world.times("a")) == 2


async def test_swap_during_a_visit(world, clock):
    """
    What a visit brings for a target that has changed or gone meanwhile is thrown away.
    """
    world.gates = {"a": asyncio.Event(), "b": asyncio.Event()}
    world.swap(target("a"), target("b"))
    await clock.advance(EVERY)
    assert [sorted(n for n, _ in world.asked)] == [["a", "b"]]
    world.swap(replace(target("a"), address="a2"))
    world.gates["a"].set()
    await settle()
    assert world.asked[-1][0] == "a2"
    assert [name for name, *_ in world.puts] == ["a"]
    assert "b" not in world.poller.visits


async def test_visit_soon(world, clock):
    """
    A visit asked for comes outside the beat, never beside another of the same target.
    """
    world.gates = {"a": asyncio.Event()}
    world.swap(target("a"), target("b"))
    await clock.advance(EVERY)
    world.poller.visit_soon(["a", "b", "nobody"])
    await settle()
    assert (len(world.times("a")), len(world.times("b"))) == (1, 2)
    world.gates["a"].set()
    await settle()
    assert len(world.times("a")) == 2


async def test_semaphore_per_kind(clock):
    """
    A fleet that hangs holds as many visits as its kind may have, no more.
    """
    world = World(clock, at_once=3)
    names = [f"t{n}" for n in range(10)]
    world.gates = dict.fromkeys(names, asyncio.Event())
    world.swap(*map(target, names), replace(target("quick"), kind="other"))
    task = asyncio.ensure_future(world.poller.run())
    await clock.advance(EVERY)
    assert world.most - len(world.times("quick")) <= 3
    assert ("quick", True) in {put[:2] for put in world.puts}
    task.cancel()
    await asyncio.wait({task})


async def test_a_beat_that_dies_takes_all(clock):
    """
    A poller that is half alive is worse than one that is dead.
    """

    def put(*_):
        raise RuntimeError("the store is gone")

    world = World(clock)
    poller = Poller(clock, put, {"fake": world.probe()})
    poller.swap({"a": target("a")})
    task = asyncio.ensure_future(poller.run())
    await clock.advance(EVERY)
    await asyncio.wait({task}, timeout=1)
    with pytest.raises(BaseExceptionGroup, match="unhandled errors"):
        task.result()


async def test_clean_end(clock):
    """
    After the end no task of ours is left.
    """
    world = World(clock)
    world.gates = {"a": asyncio.Event()}
    world.swap(target("a"), target("b"))
    task = asyncio.ensure_future(world.poller.run())
    await clock.advance(EVERY)
    task.cancel()
    await asyncio.wait({task})
    await settle()
    assert asyncio.all_tasks() == {asyncio.current_task()}
