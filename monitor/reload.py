"""
A new configuration, whole or not at all.

Reads it in a thread, checks all of it, then swaps it in with one call; whatever is
wrong keeps the old one in use and is said: metric, log, and through the rule
``ZhibanReloadFailed`` an incident.
"""

import asyncio
import logging
from collections.abc import Callable

from monitor.clock import Clock
from monitor.config import ConfigError, Site
from monitor.metrics import Vitals
from monitor.model.problem import Problem

log = logging.getLogger(__name__)


class Reload:
    """Loads, checks, swaps; one at a time."""

    def __init__(
        self,
        load: Callable[[], Site],
        swap: Callable[[Site], None],
        site: Callable[[], Site],
        vitals: Vitals,
        clock: Clock,
    ) -> None:
        self.problems: tuple[Problem, ...] = ()
        self._load = load
        self._swap = swap
        self._site = site
        self._vitals = vitals
        self._clock = clock
        self._one = asyncio.Lock()
        self._asked: set[asyncio.Task[tuple[Problem, ...]]] = set()
        self._done()

    def soon(self, by: str) -> None:
        """From a signal handler: reload in the background."""
        task = asyncio.get_running_loop().create_task(self.now(by), name="reload")
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)

    async def now(self, by: str) -> tuple[Problem, ...]:
        """The problems that kept the old configuration in use; none when it was swapped."""
        async with self._one:
            try:
                site = await asyncio.to_thread(self._load)
                self.problems = fixed(self._site(), site)
            except ConfigError as e:
                self.problems = e.problems
            if self.problems:
                self._vitals.reload_ok.set(0)
                for problem in self.problems:
                    log.error("configuration not taken over (asked by %s): %s", by, problem)
            else:
                self._swap(site)
                self._done()
                log.info("configuration taken over (asked by %s): %s", by, site.files[0])
            return self.problems

    def _done(self) -> None:
        self._vitals.reload_ok.set(1)
        self._vitals.reload_at.set(self._clock.now().timestamp())


def fixed(old: Site, new: Site) -> tuple[Problem, ...]:
    """What cannot change while the daemon runs."""
    pairs = {
        "daemon.grid": (old.daemon.grid, new.daemon.grid),
        "store.path": (old.store.path, new.store.path),
        "web": (old.web, new.web),
    }
    return tuple(
        Problem(str(new.files[0]), 0, key, "cannot change while the daemon runs", "restart it")
        for key, (was, now) in pairs.items()
        if was != now
    )
