"""
A daemon that kills itself at its n-th boundary: a real judge, store and outbox around a
scripted hospital. One process holds the imports and forks a child for every run, so that
a run costs its own second and no more.

Standard input: one line a run, "FOLDER CRASH_AT COLLECTOR"; CRASH_AT 0 is never.
Standard output: one line a run, "FOLDER CODE BOUNDARIES"; CODE is the wait status.
"""

import asyncio
import os
import signal
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp
from crash_steps import STEPS
from hospital import BOOK, PEOPLE, PLAN, TARGETS
from pydantic import SecretStr

from monitor.alerting.files import load as load_rules
from monitor.clock import SystemClock
from monitor.config.channels import WebhookConfig
from monitor.judge.decide import Book
from monitor.judge.judge import Judge
from monitor.judge.law import Law
from monitor.metrics import Vitals
from monitor.model.incident import State
from monitor.model.reading import Metric, Reading
from monitor.model.target import Visit
from monitor.notify import turns
from monitor.notify.channels import build
from monitor.notify.outbox import Outbox
from monitor.series.store import Series
from monitor.store import Store

GRID = 0.05
LONGEST = 60.0  # seconds a run may take before it gives up
turns.PATIENCE = LONGEST  # a slow machine is not a slow channel
RULES = """
groups:
  - name: test
    rules:
      - alert: Down
        expr: probe_success == 0
        labels: {fault_class: class1, severity: critical}
        annotations: {what: 失联}
"""


def small_plan():
    """The plan in fractions of a second."""
    classes = {
        name: replace(
            one,
            chain=tuple(
                replace(s, after=timedelta(milliseconds=150)) if s.name == "director" else s
                for s in one.chain
            ),
        )
        for name, one in PLAN.classes.items()
    }
    thresholds = tuple(
        replace(t, after=timedelta(milliseconds=STEPS[t.name])) for t in PLAN.thresholds
    )
    settings = replace(
        PLAN.settings, settle=timedelta(milliseconds=100), watch=timedelta(milliseconds=150)
    )
    return replace(PLAN, classes=classes, thresholds=thresholds, settings=settings)


class Boundaries:
    """Counts what must not be interrupted, and interrupts it."""

    def __init__(self, crash_at):
        self.crash_at = crash_at
        self.passed = 0

    def pass_one(self):
        self.passed += 1
        if self.passed == self.crash_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, call):
        async def guarded(*args, **kwargs):
            self.pass_one()
            answer = await call(*args, **kwargs)
            self.pass_one()
            return answer

        return guarded


class Poller:
    """Everything is visited just before each slot; what fails, fails since the script says."""

    def __init__(self, clock, series):
        self.clock = clock
        self.series = series
        self.visits = {}

    def visit_soon(self, names):
        pass

    def visit_all(self, failed):
        now = self.clock.now()
        for name in TARGETS:
            up = name not in failed
            before = self.visits.get(name)
            since = None if up else (before.failing_since if before and not before.up else now)
            self.visits[name] = Visit(name, now, now, up, "", "", since)
            labels = (("instance", name), ("job", "tcp"))
            metrics = {"probe_success": Metric("gauge", "")}
            self.series.put(name, labels, metrics, [Reading("probe_success", float(up))])


async def run(folder, crash_at, collector):
    """One life of the daemon, until everything is told or a boundary kills it."""
    clock, at = SystemClock(), Boundaries(crash_at)
    store = await Store.open(folder / "zhiban.db")
    for name in ("save", "mark_sent", "mark_failed"):
        setattr(store, name, at.around(getattr(store, name)))

    def built(config, session):
        channel = build(config, session)
        channel.send = at.around(channel.send)
        return channel

    phone = WebhookConfig.model_construct(
        kind="webhook", url=SecretStr(collector), headers={}, timeout=timedelta(seconds=5)
    )
    rules = folder / "rules.yml"
    rules.write_text(RULES, encoding="utf-8")
    series = Series(GRID)
    poller = Poller(clock, series)
    outbox = Outbox(store, {"phone": phone}, PEOPLE, clock, build=built)
    judge = Judge(
        clock=clock,
        store=store,
        series=series,
        poller=poller,
        vitals=Vitals(),
        law=Law(
            load_rules([rules]),
            Book(BOOK.topology, small_plan(), PEOPLE),
            (),
            timedelta(seconds=GRID),
        ),
        saved=await store.load(),
        wake=outbox.wake,
    )
    async with asyncio.timeout(LONGEST), asyncio.TaskGroup() as tasks:
        loops = [tasks.create_task(judge.run()), tasks.create_task(outbox.run())]
        await script(judge, poller, store)
        await outbox.stop(1.0)
        for loop in loops:
            loop.cancel()
    await store.close()
    return at.passed


def over(judge, count):
    """Whether so many incidents have been seen through to the end."""
    done = [i for i in judge.incidents.values() if i.state is State.RECOVERED]
    return len(done) == count == len(judge.incidents)


async def script(judge, poller, store):
    """
    A switch and what is behind it fail, and one core; they are mended once every step of
    theirs has been told. A life that starts in the middle goes on from what was stored.
    """
    while not over(judge, 2):
        told = [
            c.state != "due"
            for i in judge.incidents.values()
            for c in i.clocks
            if i.state in (State.OPEN, State.WATCHING, State.RECOVERED)
        ]
        mended = len(told) == 7 and all(told)
        poller.visit_all(() if mended else ("access-3", "lis", "emr", "core-1"))
        await asyncio.sleep(GRID)
    while await store.oldest_unsent() is not None:  # noqa: ASYNC110 -- a row, not an event
        await asyncio.sleep(GRID / 2)


def child(folder, crash_at, collector):
    """Run in a fork of its own; the exit code says whether it came to its end."""
    code = 3
    try:
        passed = asyncio.run(run(folder, crash_at, collector))
        (folder / "boundaries").write_text(str(passed))
        code = 0
    except BaseException as error:  # noqa: BLE001 -- whatever it is, the parent reads it
        (folder / "error").write_text(repr(error))
    finally:
        os._exit(code)


def main():
    """Fork a child for every line; several may run at once."""
    assert threading.active_count() == 1
    assert aiohttp.__version__
    running = {}
    lines = iter(sys.stdin.readline, "")
    for line in lines:
        folder, crash_at, collector = line.split()
        pid = os.fork()
        if not pid:
            child(Path(folder), int(crash_at), collector)
        running[pid] = folder
        pid, status = os.waitpid(pid, 0)
        print(running.pop(pid), status, flush=True)


if __name__ == "__main__":
    main()
