"""
Every target on its own beat, from start to swap to cancellation.

What changes hands is frozen: ``swap`` takes a whole new inventory, and a visit that
was under way for a target as it was before is thrown away.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from exporters import PROBES
from monitor.clock import Clock
from monitor.model.reading import Metric, Readings
from monitor.model.target import Target, Visit
from monitor.polling.io import Net
from monitor.polling.runner import Runner, metrics_of
from monitor.polling.schedule import Beat
from monitor.probe import Open, Probe

AT_ONCE = 128  # visits of one kind; a fleet that hangs must not eat every socket

Put = Callable[[Target, Mapping[str, Metric] | Open, Readings, Visit], None]

log = logging.getLogger(__name__)


class Watch:
    """One target's beat, its runner and its task."""

    def __init__(self, target: Target, probe: Probe, clock: Clock) -> None:
        self.target = target
        self.probe = probe
        self.beat = Beat(target.name, target.every.total_seconds(), clock)
        self.runner = Runner(probe, clock)
        self.task: asyncio.Task[None] | None = None


class Poller:
    """Starts, swaps and stops the watches; hands every visit to ``put``, in the loop."""

    def __init__(
        self, clock: Clock, put: Put, probes: Mapping[str, Probe] = PROBES, at_once: int = AT_ONCE
    ) -> None:
        self.visits: Mapping[str, Visit]
        """The newest visit of each target: a live view, to be read in the loop."""
        self._visits: dict[str, Visit] = {}
        self.visits = MappingProxyType(self._visits)
        self._clock = clock
        self._put = put
        self._probes = probes
        self._slots: defaultdict[str, asyncio.Semaphore]
        self._slots = defaultdict(lambda: asyncio.Semaphore(at_once))
        self._watches: dict[str, Watch] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}  # cancelled, and not yet out
        self._missed_by_gone = 0
        self._running: tuple[asyncio.TaskGroup, Net] | None = None

    @property
    def missed(self) -> int:
        """Beats that were skipped since the start, over all targets."""
        return self._missed_by_gone + sum(w.beat.missed for w in self._watches.values())

    @property
    def lateness(self) -> float:
        """Seconds by which the newest visit on a beat began late: the worst of all targets."""
        return max((w.beat.lateness for w in self._watches.values()), default=0.0)

    @property
    def given_up(self) -> int:
        """Threads and probes that were left behind and have not come back."""
        threads = self._running[1].threads.given_up.total() if self._running else 0
        return threads + sum(w.runner.stuck for w in self._watches.values())

    def swap(self, targets: Mapping[str, Target]) -> None:
        """
        Take a whole new inventory.

        An unchanged target keeps its beat; a changed one is visited soon; one whose
        kind or address changed is another thing, which has not failed yet.
        """
        for name in self._watches.keys() - targets.keys():
            self._stop(name)
        for name, target in targets.items():
            watch = self._watches.get(name)
            if watch is None or watch.target.kind != target.kind:
                self._stop(name)
                self._start(target)
            elif watch.target != target:
                if watch.target.address != target.address:
                    self._visits.pop(name, None)
                watch.target = target
                watch.beat.every = target.every.total_seconds()
                watch.beat.soon()

    async def run(self) -> None:
        """Visit until cancelled. A beat that dies takes the daemon with it."""
        async with Net(self._clock) as net, asyncio.TaskGroup() as tasks:
            self._running = (tasks, net)
            try:
                for watch in self._watches.values():
                    self._launch(watch)
                await asyncio.get_running_loop().create_future()  # until cancelled
            finally:
                self._running = None

    def visit_soon(self, names: Iterable[str]) -> None:
        """Visit now, outside the beat; names that are no targets are passed over."""
        for name in names:
            if name in self._watches:
                self._watches[name].beat.soon()

    def _start(self, target: Target) -> None:
        watch = Watch(target, self._probes[target.kind], self._clock)
        self._watches[target.name] = watch
        self._launch(watch)

    def _launch(self, watch: Watch) -> None:
        if self._running is None or watch.task is not None:
            return
        tasks, net = self._running
        after = self._ending.pop(watch.target.name, None)

        async def run() -> None:
            if after is not None:
                await asyncio.wait({after})
            await watch.beat.run(lambda: self._visit(watch, net))

        watch.task = tasks.create_task(run(), name=f"target {watch.target.name}")

    def _stop(self, name: str) -> None:
        watch = self._watches.pop(name, None)
        if watch is None:
            return
        self._missed_by_gone += watch.beat.missed
        self._visits.pop(name, None)
        if watch.task is not None:
            watch.task.cancel()
            self._ending[name] = watch.task
            watch.task.add_done_callback(lambda done: self._ended(name, done))

    def _ended(self, name: str, done: "asyncio.Task[None]") -> None:
        if self._ending.get(name) is done:
            del self._ending[name]

    async def _visit(self, watch: Watch, net: Net) -> None:
        async with self._slots[watch.target.kind]:
            target = watch.target
            before = self.visits.get(target.name)
            outcome = await watch.runner.visit(target, net.guard(target), before)
        if watch.target is not target:
            return  # changed meanwhile; swap has asked for another visit
        self._visits[target.name] = outcome.visit
        self._put(target, metrics_of(watch.probe), outcome.readings, outcome.visit)
