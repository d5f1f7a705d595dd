"""
A daemon cut down to store and outbox, which kills itself where it is told to.

Run as a zygote: each line on stdin is one JSON order, answered by one JSON line when the
forked child that carried it out has ended. Forking saves a second of imports per run; the
child is a process of its own, and SIGKILL ends it as it would any other. The places to die
are put in from outside, by wrapping the store's engine and its methods and the channel:
nothing in the product knows of them.
"""

import asyncio
import json
import os
import random
import signal
import sys
import traceback
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

from pydantic import SecretStr
from sqlalchemy import event

from monitor.clock import SystemClock
from monitor.model.incident import (
    Changes,
    Event,
    FaultClass,
    Incident,
    Notice,
    Root,
    RootKind,
    Scope,
    Severity,
    State,
    StepClock,
)
from monitor.model.person import Person
from monitor.notify import channels
from monitor.notify.outbox import Outbox
from monitor.store import Store

STEPS = {"t30m": 30, "t6h": 360, "t24h": 1440}  # minutes
T0 = datetime(2026, 10, 1, 19, 10, tzinfo=UTC)


class Places:
    """Counts the boundaries that are passed, and dies at the one it was given."""

    def __init__(self, die_at):
        self.die_at = die_at
        self.passed = []

    def pass_(self, name):
        self.passed.append(name)
        if len(self.passed) == self.die_at:
            os.kill(os.getpid(), signal.SIGKILL)


class Wired:
    """A channel between two boundaries."""

    def __init__(self, channel, places):
        self.channel, self.places = channel, places
        self.timeout = channel.timeout

    async def send(self, notice, person):
        self.places.pass_("before send")
        await self.channel.send(notice, person)
        self.places.pass_("after send")


def wire(store, places):
    """Boundaries around every COMMIT, named by what is being committed."""
    doing = Counter()
    for name in ("save", "claim", "mark_sent", "mark_failed", "release"):

        def wrap(call, name=name):
            async def wrapped(*args, **more):
                doing[name] += 1
                answer = await call(*args, **more)
                doing[name] -= 1
                places.pass_(f"after {name}")
                return answer

            return wrapped

        setattr(store, name, wrap(getattr(store, name)))

    def before_commit(_):
        # Several may share it: a commit is named by everything that waits for one.
        places.pass_(f"before commit of {' '.join(sorted(+doing))}")

    event.listen(store._write.sync_engine, "commit", before_commit)


def opened(number):
    root = Root("core-1", "CoreDown", RootKind.RULE, "核心交换机失联")
    clocks = tuple(
        StepClock(number, step, T0 + timedelta(minutes=after)) for step, after in STEPS.items()
    )
    plain = (FaultClass.CLASS1, Scope.WHOLE, Severity.CRITICAL)
    return Incident(number, number, State.OPEN, root, *plain, T0, T0, None, clocks=clocks)


def turn(number):
    """What the judge writes when a fault is seen: incident, clocks, event, two notices."""
    notices = tuple(
        Notice(f"{number}:{step}:张工", number, step, "张工", "hook", "拟一类", "正文", T0)
        for step in ("told", "t30m")
    )
    return Changes((opened(number),), (Event(number, T0, "zhiban", "opened"),), notices)


async def work(order, places):
    """Open incidents up to ``count`` and tell everything that is owed."""
    person = Person("张工", "1", ("on_duty",), ("hook",))
    config = SimpleNamespace(
        kind="webhook", url=SecretStr(order["url"]), timeout=timedelta(seconds=5), headers={}
    )
    ledger = os.open(order["acknowledged"], os.O_WRONLY | os.O_APPEND)
    async with await Store.open(Path(order["path"])) as store:
        wire(store, places)
        saved = await store.load()
        outbox = Outbox(
            store,
            {"hook": config},
            [person],
            SystemClock(),
            build=lambda config, session: Wired(channels.build(config, session), places),
        )
        running = asyncio.create_task(outbox.run())
        for number in range(saved.last_incident_id + 1, order["count"] + 1):
            await store.save(turn(number))
            os.write(ledger, f"{number}\n".encode())
            outbox.wake()
        while await store.lines():  # noqa: ASYNC110 - only the database knows when it is done
            await asyncio.sleep(0.002)
        await outbox.stop(1.0)
        await running


def carry_out(order):
    """In the child: do it, write down which boundaries were passed, end."""
    places = Places(order.get("die_at"))
    if order.get("die_after") is not None:
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        signal.setitimer(signal.ITIMER_REAL, order["die_after"])
    try:
        asyncio.run(work(order, places))
        if "passed" in order:
            Path(order["passed"]).write_text(json.dumps(places.passed))
    except BaseException:  # noqa: BLE001 - a fork must never return into its parent's code
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main():
    for line in sys.stdin:
        order = json.loads(line)
        random.seed(order.get("seed", 0))
        child = os.fork()
        if child == 0:
            carry_out(order)
        _, status = os.waitpid(child, 0)
        print(json.dumps(os.waitstatus_to_exitcode(status)), flush=True)


if __name__ == "__main__":
    main()
