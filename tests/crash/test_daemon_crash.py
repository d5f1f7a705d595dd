"""
kill -9 at every commit, send and mark of a whole daemon: nothing lost, no clock missing.

What is asserted is at least once: a notice may come twice after a kill, once a kill.
"""

import asyncio
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from crash_steps import STEPS

from monitor.model.incident import ClockState, NoticeState, State
from monitor.store import Store

HERE = Path(__file__).parent
AT_ONCE = 5  # zygotes; their children mostly wait


class Collector:
    """The phone: a ledger of every notice key that arrived."""

    def __init__(self):
        self.arrived = Counter()
        self.runner = None
        self.url = ""

    async def start(self):
        app = web.Application()
        app.router.add_post("/{run}", self.take)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}/"

    async def take(self, request):
        body = await request.json()
        self.arrived[request.match_info["run"], body["key"]] += 1
        return web.json_response({"errcode": 0})

    def of(self, run):
        return {key: n for (r, key), n in self.arrived.items() if r == run}


class Zygote:
    """A process that holds the imports and forks a daemon for every life."""

    async def start(self):
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(HERE / "daemon_worker.py"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={"PYTHONPATH": f"{HERE.parent}:{HERE.parents[1]}", "PATH": "/usr/bin:/bin"},
        )

    async def life(self, folder, crash_at, collector):
        self.process.stdin.write(f"{folder} {crash_at} {collector}\n".encode())
        line = (await self.process.stdout.readline()).decode().split()
        return int(line[1])

    async def stop(self):
        self.process.stdin.close()
        await self.process.stdout.read()
        await self.process.wait()


@pytest.fixture
async def collector():
    collector = Collector()
    await collector.start()
    yield collector
    await collector.runner.cleanup()


async def lives(zygote, folder, crash_at, collector):
    """One kill, then lives until the story is over. The number of kills."""
    folder.mkdir()
    for kills in range(3):
        code = await zygote.life(folder, crash_at, collector.url + folder.name)
        if code == 0:
            return kills
        why = folder / "error"
        assert code == 9, why.read_text() if why.exists() else f"ended with {code}"
        crash_at = 0
    raise AssertionError("never came to its end")


async def verdict(folder, collector, kills):
    """What the database and the phone say of one story."""
    async with await Store.open(folder / "zhiban.db") as store:
        found = await store.incidents(list(State), 100)
        notices = await store.notices(limit=1000)
    assert not await integrity(folder)
    alive = {i.root.instance: i for i in found if i.state is not State.MERGED}
    assert set(alive) == {"access-3", "core-1"}, "an incident is lost, or there is one too many"
    switch, core = alive["access-3"], alive["core-1"]
    assert (switch.fault_class, core.fault_class) == ("class1", "hazard")
    due = {c.step: c for c in switch.clocks}
    assert set(due) == {"told", "director", *STEPS}
    assert {c.step for c in core.clocks} == {"told", "director"}
    for step, after in STEPS.items():
        assert due[step].due_at - switch.interrupted_at == timedelta(milliseconds=after)
    assert not [c for i in found for c in i.clocks if c.state is ClockState.DUE]
    assert all(n.state is NoticeState.SENT for n in notices), "a notice is unsent"
    fired = {f"{i.id}:{c.step}" for i in found for c in i.clocks if c.state is ClockState.FIRED}
    assert {n.key.rsplit(":", 1)[0] for n in notices} - {
        f"{i.id}:recovered" for i in found
    } == fired
    arrived = collector.of(folder.name)
    assert set(arrived) == {n.key for n in notices}, "owed and not told, or told and not owed"
    twice = sum(arrived.values()) - len(arrived)
    assert twice <= kills, arrived
    return twice


async def integrity(folder):
    async with await Store.open(folder / "zhiban.db") as store:
        return await store.integrity_problems()


@pytest.mark.timeout(300)
async def test_every_boundary_once(tmp_path, collector):
    """
    0 lost incidents, 0 missing or extra clocks, 0 unsent notices, at most one double a kill.
    """
    zygotes = [Zygote() for _ in range(AT_ONCE)]
    await asyncio.gather(*(z.start() for z in zygotes))
    whole = tmp_path / "whole"
    assert await lives(zygotes[0], whole, 0, collector) == 0
    assert await verdict(whole, collector, 0) == 0
    boundaries = int((whole / "boundaries").read_text())
    assert boundaries > 20

    points = iter(range(1, boundaries + 1))
    killed, doubles = [], []

    async def work(zygote):
        for point in points:
            folder = tmp_path / f"at{point}"
            kills = await lives(zygote, folder, point, collector)
            killed.append(kills)
            doubles.append(await verdict(folder, collector, kills))

    try:
        await asyncio.gather(*(work(z) for z in zygotes))
    finally:
        await asyncio.gather(*(z.stop() for z in zygotes))
    print(f"\n{boundaries} boundaries, {sum(killed)} kills, {sum(doubles)} doubles, 0 lost")
    assert sum(killed) > boundaries * 0.8
