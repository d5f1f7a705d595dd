"""
The page: every collector in a thread of its own, given up at a deadline.

A filesystem or a driver that hangs takes only its own figures away: its collector counts
as failed until its thread comes back, and is not started a second time meanwhile.
"""

import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from monitor.agent.families import Family, render, single
from monitor.clock import Clock

Collect = Callable[[], list[Family]]
DEADLINE = 3.0  # seconds for all collectors together; a scrape has 10 by default


def collectors(system: str = sys.platform) -> Mapping[str, Collect]:
    """The table of collectors, by operating system."""
    if system == "win32":
        from monitor.agent import windows  # noqa: PLC0415  one of two

        return {
            "cpu": windows.cpu,
            "memory": windows.memory,
            "logical_disk": windows.logical_disk,
            "physical_disk": windows.physical_disk,
            "net": windows.net,
            "service": windows.service,
            "system": windows.system,
        }
    from monitor.agent import timex, unix  # noqa: PLC0415  as above

    return {
        "cpu": unix.cpu,
        "meminfo": unix.memory,
        "filesystem": unix.filesystem,
        "diskstats": unix.disk,
        "netdev": unix.network,
        "loadavg": unix.load,
        "uname": unix.system,
        "timex": timex.timex,
    }


@dataclass(slots=True)
class Work:
    """One run of one collector."""

    thread: threading.Thread
    families: list[Family] | None = None  # None until it is done, and where it failed
    seconds: float = 0.0


class Page:
    """Makes the page anew for each request; remembers only the threads that hang."""

    def __init__(self, table: Mapping[str, Collect], clock: Clock, version: str) -> None:
        self._table = table
        self._clock = clock
        self._version = version
        self._hanging: dict[str, threading.Thread] = {}

    def make(self) -> bytes:
        """Ask every collector; blocks for DEADLINE seconds at most."""
        self._hanging = {name: t for name, t in self._hanging.items() if t.is_alive()}
        runs = {name: self._start(name) for name in self._table if name not in self._hanging}
        until = self._clock.monotonic() + DEADLINE
        for name, run in runs.items():
            run.thread.join(max(0.0, until - self._clock.monotonic()))
            if run.thread.is_alive():
                self._hanging[name] = run.thread
        return render([f for run in runs.values() for f in run.families or ()] + self._about(runs))

    def _start(self, name: str) -> Work:
        def work() -> None:
            began = self._clock.monotonic()
            try:
                run.families = self._table[name]()
            except Exception:  # noqa: BLE001  whatever it is, the others' figures go out
                run.families = None
            run.seconds = self._clock.monotonic() - began

        run = Work(threading.Thread(target=work, name=name, daemon=True))
        run.thread.start()
        return run

    def _about(self, runs: Mapping[str, Work]) -> list[Family]:
        kind = "windows_exporter" if "logical_disk" in self._table else "node_scrape"
        success = Family(f"{kind}_collector_success", "gauge", "Whether a collector succeeded")
        took = Family(f"{kind}_collector_duration_seconds", "gauge", "Duration of a collector")
        for name in self._table:
            run = runs.get(name)
            well = run is not None and run.families is not None and not run.thread.is_alive()
            success.put(well, collector=name)
            took.put(run.seconds if run and well else None, collector=name)
        info = Family("zhiban_agent_info", "gauge", "1, with the version of zhiban agent")
        info.put(1, version=self._version)
        found = [success, took, info]
        if kind == "node_scrape":
            now = self._clock.now().timestamp()
            text = "System time in seconds since 1970"
            found.append(single("node_time_seconds", "gauge", text, now))
        return found
