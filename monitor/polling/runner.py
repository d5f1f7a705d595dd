"""
One visit to one target. It never raises, and it ends by the deadline + 1 s.

Whatever a probe does (hangs, swallows cancellation, returns garbage, raises
anything), what comes out is a Visit and readings; a failed visit keeps only what
describes the failure.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from monitor.clock import Clock
from monitor.model.reading import Block, Metric, Reading, Readings
from monitor.model.target import Target, Visit
from monitor.polling.bounds import MAX_DETAIL, Bounds, BrokenProbeError, clean
from monitor.probe import REASONS, Io, Open, Probe, ProbeError

METRICS: Mapping[str, Metric] = {
    "probe_success": Metric("gauge", "Displays whether or not the probe was a success"),
    "probe_duration_seconds": Metric(
        "gauge", "Returns how long the probe took to complete in seconds"
    ),
    "zhiban_probe_failure_info": Metric(
        "gauge", "1 while the newest visit to the target failed, with the reason"
    ),
}
"""Written for every target; the first two are blackbox_exporter's."""

GRACE = 0.25  # seconds after the deadline in which Io may still say more than "timeout"
LET_GO = 0.5  # seconds a cancelled probe has to end; GRACE + LET_GO stay under 1 s
QUIET = 60.0  # seconds between two tracebacks of a broken probe

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one visit: everything the target's series are to hold now."""

    visit: Visit
    readings: Readings


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a visit failed, in a word and a line."""

    reason: str
    detail: str
    readings: Readings = ()


class Guard(Protocol):
    """An Io that the runner can close: sockets shut, threads given up."""

    @property
    def io(self) -> Io:
        """What the probe is given."""
        ...

    async def close(self) -> None:
        """Close whatever the probe left open; never waits for the other side."""
        ...


class Runner:
    """
    The visits to one target, one after the other.

    Between two visits it remembers only what bounds the next one: the label sets
    of tables, a probe that would not let go, and when it last wrote a traceback.
    """

    def __init__(self, probe: Probe, clock: Clock) -> None:
        self._probe = probe
        self._clock = clock
        self._bounds = Bounds(probe.metrics)
        self._stuck: asyncio.Task[object] | None = None
        self._spoke = -QUIET  # monotonic seconds of the newest traceback

    @property
    def stuck(self) -> bool:
        """Whether a cancelled probe has still not ended."""
        return self._stuck is not None and not self._stuck.done()

    async def visit(self, target: Target, guard: Guard, before: Visit | None) -> Outcome:
        """Ask the target once; ``before`` is the newest visit, for failing_since."""
        started_at = self._clock.now()
        started = self._clock.monotonic()
        found = await self._ask(target, guard)
        took = self._clock.monotonic() - started
        failing = found if isinstance(found, Failure) else None
        since = before.failing_since if before and not before.up else None
        visit = Visit(
            target=target.name,
            started_at=started_at,
            ended_at=self._clock.now(),
            up=failing is None,
            reason=failing.reason if failing else "",
            detail=failing.detail if failing else "",
            failing_since=(since or started_at) if failing else None,
        )
        readings = found.readings if isinstance(found, Failure) else found
        return Outcome(visit, [*readings, *self._own(visit, took)])

    async def _ask(self, target: Target, guard: Guard) -> Readings | Failure:
        if self._stuck and self.stuck:
            self._stuck.cancel()
            return Failure("timeout", "the visit before has not come to an end yet")
        timeout = target.timeout.total_seconds()
        task = asyncio.ensure_future(run(self._probe, target, guard.io))
        try:
            await asyncio.wait({task}, timeout=timeout + GRACE)
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=LET_GO)
        finally:
            task.cancel()
            task.add_done_callback(swallow)
            self._stuck = None if task.done() else task
            await guard.close()
        return self._judge(target, task, timeout)

    def _judge(
        self, target: Target, task: "asyncio.Task[object]", timeout: float
    ) -> Readings | Failure:
        late = Failure("timeout", f"no answer within {timeout:g} s")
        if not task.done():
            log.warning("probe does not let go", extra={"target": target.name})
            return late
        try:
            return self._bounds.check(task.result())
        except TimeoutError:
            return late
        except asyncio.CancelledError:
            ours = task.cancelling()
            return late if ours else self._broken(target, BrokenProbeError("cancelled itself"))
        except ProbeError as error:
            return self._failed(target, error)
        except Exception as error:  # noqa: BLE001  a bug in one probe must not blind the others
            return self._broken(target, error)

    def _failed(self, target: Target, error: ProbeError) -> Failure:
        try:
            if error.reason not in REASONS:
                raise BrokenProbeError(f"{error.reason!r} is no reason")  # noqa: TRY301  one place
            return Failure(
                error.reason,
                clean(str(error.detail), MAX_DETAIL),
                self._bounds.check(error.readings),
            )
        except Exception as bug:  # noqa: BLE001  as above
            return self._broken(target, bug)

    def _broken(self, target: Target, error: Exception) -> Failure:
        now = self._clock.monotonic()
        if now - self._spoke >= QUIET:
            self._spoke = now
            log.error("probe is broken", exc_info=error, extra={"target": target.name})
        text = str(error) if isinstance(error, BrokenProbeError) else type(error).__name__
        return Failure("broken", clean(f"a fault in zhiban's own probe: {text}", MAX_DETAIL))

    def _own(self, visit: Visit, took: float) -> Readings:
        info = "zhiban_probe_failure_info"
        reason = [] if visit.up else [Reading(info, 1.0, {"reason": visit.reason})]
        own = [
            Reading("probe_success", float(visit.up)),
            Reading("probe_duration_seconds", took),
            *reason,
        ]
        return [as_block(r) for r in own] if isinstance(self._probe.metrics, Open) else own


def as_block(reading: Reading) -> Block:
    """Put one of our own readings beside a scrape's: with its type and help."""
    labels = tuple(sorted(reading.labels.items()))
    metrics = {reading.name: METRICS[reading.name]}
    return Block((reading.name,), (labels,), ((reading.value,),), metrics)


def metrics_of(probe: Probe) -> Mapping[str, Metric]:
    """Return type and help of everything a visit may yield, blocks of a scrape aside."""
    return METRICS if isinstance(probe.metrics, Open) else {**probe.metrics, **METRICS}


async def run(probe: Probe, target: Target, io: Io) -> object:
    """Run the probe; what is no Exception (a driver's sys.exit) becomes one."""
    try:
        return await probe.run(target.address, target.options, io)
    except (Exception, asyncio.CancelledError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise BrokenProbeError(f"raised {type(error).__name__}") from error


def swallow(task: "asyncio.Task[object]") -> None:
    """Take the result of a probe that nobody waits for any more."""
    if not task.cancelled():
        task.exception()
