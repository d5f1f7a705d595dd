"""
The composition root: everything is made here, in dependency order, and torn down by
the blocks it sits in.

One TaskGroup: a loop that dies takes the daemon down and the service manager starts it
again, because a monitor that is half alive is worse than one that is dead.
"""

import asyncio
import logging
import signal
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack

from monitor.clock import Clock
from monitor.config import Site
from monitor.incidents.topology import Topology
from monitor.judge.decide import Book
from monitor.judge.gauges import hang
from monitor.judge.judge import Judge
from monitor.judge.law import Law
from monitor.metrics import Vitals
from monitor.model.reading import LabelPairs, Metric, Readings
from monitor.model.target import Target, Visit
from monitor.notify.outbox import Outbox
from monitor.polling.poller import Poller
from monitor.probe import Open
from monitor.reload import Reload
from monitor.series.exposition import render
from monitor.series.store import Series
from monitor.store import Store
from monitor.web.desk import Desk
from monitor.web.server import Web

log = logging.getLogger(__name__)

LAG_EVERY = 1.0  # seconds between two looks at the loop's lag
GRACE = 2.0  # seconds that sends under way get at the end; SIGTERM is out in 5 s


def law_of(site: Site) -> Law:
    """The part of the configuration that the judge goes by."""
    topology = Topology(site.targets, site.systems, site.plan.settings.settle)
    return Law(
        rules=site.rules,
        book=Book(topology, site.plan, site.people),
        uplink=site.daemon.uplink,
        grid=site.daemon.grid,
    )


class Daemon:
    """One configuration's daemon, from start to SIGTERM."""

    def __init__(self, load: Callable[[], Site], site: Site, clock: Clock) -> None:
        self.site = site
        self.clock = clock
        self.vitals = Vitals()
        self.series = Series(site.daemon.grid.total_seconds())
        self.poller = Poller(clock, self.put)
        self.labels: dict[str, tuple[Target, LabelPairs]] = {}
        self.reload = Reload(load, self.swap, lambda: self.site, self.vitals, clock)
        self.stop = asyncio.Event()
        self.store: Store
        self.judge: Judge
        self.outbox: Outbox
        self.web: Web

    async def run(self) -> None:
        """
        Start everything, run until ``stop`` is set, write everything, leave.

        Raises StoreError and WebError, each one line, where the daemon cannot start.
        """
        async with AsyncExitStack() as stack:
            self.store = await Store.open(self.site.store.path)
            stack.push_async_callback(self.store.close)
            await self._compose(stack)
            stopper = asyncio.create_task(self.stop.wait())
            loops = asyncio.create_task(self._loops())
            done, _ = await asyncio.wait({stopper, loops}, return_when=asyncio.FIRST_COMPLETED)
            self._hush()
            if loops not in done:
                await self.outbox.stop(GRACE)
                loops.cancel()
            stopper.cancel()
            await asyncio.gather(loops, stopper, return_exceptions=loops not in done)
        log.info("stopped")

    async def _compose(self, stack: AsyncExitStack) -> None:
        site = self.site
        self.outbox = Outbox(
            self.store, site.channels, site.people, self.clock, on_change=self._tried
        )
        saved = await self.store.load()
        self.judge = Judge(
            clock=self.clock,
            store=self.store,
            series=self.series,
            poller=self.poller,
            vitals=self.vitals,
            law=law_of(site),
            saved=saved,
            wake=self.outbox.wake,
        )
        self._gauges()
        self.poller.swap(site.targets)
        self.web = Web(self._desk(), site.web.host, site.web.port, site.web.allowed_hosts)
        await self.web.start()
        stack.push_async_callback(self.web.stop)
        self._listen()
        log.info(
            "started: %d targets, %d incidents not closed, console http://%s:%d/",
            len(site.targets),
            len(saved.incidents),
            site.web.host,
            self.web.port,
        )

    async def _loops(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.poller.run(), name="poller")
            tasks.create_task(self.judge.run(), name="judge")
            tasks.create_task(self.outbox.run(), name="outbox")
            tasks.create_task(self._lag(), name="lag")

    async def _lag(self) -> None:
        """How late the loop wakes: the first thing to look at when anything is late."""
        while True:
            began = self.clock.monotonic()
            await self.clock.sleep(LAG_EVERY)
            self.vitals.loop_lag.set(max(0.0, self.clock.monotonic() - began - LAG_EVERY))

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop.set)
        loop.add_signal_handler(signal.SIGHUP, self.reload.soon, "SIGHUP")

    def _hush(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_signal_handler(signal.SIGHUP)

    # -- what the loops hand on

    def put(
        self, target: Target, metrics: Mapping[str, Metric] | Open, readings: Readings, visit: Visit
    ) -> None:
        """A visit has ended: its readings go into the series, its outcome to the judge."""
        if target.name not in self.site.targets:
            return  # a visit that was under way when its target left the configuration
        cached = self.labels.get(target.name)
        if cached is None or cached[0] is not target:
            cached = self.labels[target.name] = (target, tuple(sorted(target.carried().items())))
        known = {} if isinstance(metrics, Open) else metrics
        refused = self.series.put(target.name, cached[1], known, readings)
        if refused:
            self.vitals.rows_refused.labels(target.name).inc(refused)
        self.judge.saw(visit)

    def _tried(self, channel: str, ok: bool) -> None:  # noqa: FBT001 -- the hook's own signature
        (self.vitals.sent if ok else self.vitals.failed).labels(channel).inc()

    def _oldest(self) -> float:
        at = self.outbox.oldest_at
        return (self.clock.now() - at).total_seconds() if at else 0.0

    def swap(self, site: Site) -> None:
        """Take a whole new configuration at once."""
        for name in self.site.targets.keys() - site.targets.keys():
            self.series.end(name)
            self.labels.pop(name, None)
        self.site = site
        self.poller.swap(site.targets)
        self.outbox.swap(site.channels, site.people)
        self.judge.swap(law_of(site))

    def _desk(self) -> Desk:
        return Desk(
            submit=self.judge.submit,
            board=self.judge.board,
            site=lambda: self.site,
            store=self.store,
            metrics=lambda accept: render(self.series, accept, self.vitals.registry),
            reload=self.reload.now,
            ready=lambda: "" if self.judge.judged_at else "the first round is not over yet",
            clock=self.clock,
            speed=self.site.plan.settings.speed,
            trouble=self._trouble,
        )

    def _trouble(self) -> tuple[str, ...]:
        said = []
        if self.judge.trouble:
            said.append(f"状态写不进硬盘,请立即检查磁盘空间:{self.judge.trouble}")
        if self.reload.problems:
            said.append(f"新配置有{len(self.reload.problems)}处错误,未启用,仍按原配置运行")
        return tuple(said)

    def _gauges(self) -> None:
        live = self.vitals.live
        hang(live, self.judge.board, lambda: self.site)
        live.add(
            "zhiban_threshold",
            "Limits that people tune, from rules/plan/thresholds.yml",
            ("name",),
            lambda: (((limit.name,), limit.value) for limit in self.site.thresholds),
        )
        live.add(
            "zhiban_state_free_bytes",
            "Room on the disk that the database lies on, for the user that runs the daemon",
            (),
            lambda: [((), float(free)) for free in self.store.room()],
        )
        live.add(
            "zhiban_outbox_oldest_seconds",
            "Age of the oldest notice that no channel has confirmed; 0 when all are",
            (),
            lambda: [((), self._oldest())],
        )
        live.add(
            "zhiban_outbox_queued",
            "Notices that the channel still owes",
            ("channel",),
            lambda: (((name,), float(q.count)) for name, q in self.outbox.queues.items()),
        )
        live.add(
            "zhiban_probes_given_up",
            "Probes and driver threads that did not end at their deadline and still hang",
            (),
            lambda: [((), float(self.poller.given_up))],
        )
        live.add(
            "zhiban_missed_beats_total",
            "Visits skipped since the start because the one before ran long",
            (),
            lambda: [((), float(self.poller.missed))],
        )
