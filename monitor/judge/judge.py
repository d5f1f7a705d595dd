"""
The loop that judges: per slot snapshot, evaluate, correlate, advance, one transaction.

State is swapped in only after its transaction has been committed: a turn that could
not be written is taken again at the next slot, from the same state. Between slots a
turn runs at the exact instant a step falls due, a settling ends, or a probe's answer
changes.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from monitor.alerting.machine import Context, Turn, alerts_series, turn
from monitor.clock import Clock
from monitor.incidents import lifecycle
from monitor.incidents.escalation import next_due
from monitor.incidents.settling import witnesses
from monitor.incidents.sight import SELF, Sight, part_key
from monitor.incidents.topology import Outage
from monitor.judge.decide import Decision, decide
from monitor.judge.law import Law, Poller, Writer
from monitor.judge.slots import Slots
from monitor.metrics import Vitals
from monitor.model.act import Act
from monitor.model.alert import Alert, AlertKey, AlertState
from monitor.model.board import Board
from monitor.model.incident import Changes, Incident, State
from monitor.model.target import Visit
from monitor.series.own import own_readings
from monitor.series.store import Series
from monitor.store import Saved, StoreError

log = logging.getLogger(__name__)

KEPT = (State.OPEN, State.WATCHING, State.RECOVERED)
BLIND = 30.0  # seconds after a start in which targets not asked yet hold correlation back
BREATH = 0.01  # seconds between two turns at the least
RETRY = 1.0  # seconds between turns while the store refuses


class Judge:
    """The only writer of incidents."""

    def __init__(  # noqa: PLR0913 -- the composition root hands over every neighbour once
        self,
        *,
        clock: Clock,
        store: Writer,
        series: Series,
        poller: Poller,
        vitals: Vitals,
        law: Law,
        saved: Saved,
        wake: Callable[[], None],
    ) -> None:
        self.clock = clock
        self.store = store
        self.series = series
        self.poller = poller
        self.vitals = vitals
        self.law = law
        self.wake = wake
        self.incidents: dict[int, Incident] = {i.id: i for i in saved.incidents}
        self.alerts: Mapping[AlertKey, Alert] = {a.key: a for a in saved.alerts}
        self.last_id = saved.last_incident_id
        self.last_run: Mapping[str, datetime] = {}
        self.slots = Slots(law.grid.total_seconds())
        self.judged_at: datetime | None = None
        self.started = clock.monotonic()
        self.trouble = ""
        self.seen_from: datetime | None = None  # the first turn that was not blind
        self._settling = any(i.settle_until for i in saved.incidents)
        self._withdrawn: frozenset[str] = frozenset()  # not yet seen by correlation
        self._up: dict[str, bool] = {}
        self._poked = asyncio.Event()
        self._turning = asyncio.Lock()

    # -- what others call

    async def run(self) -> None:
        """Judge until cancelled."""
        while True:
            await self._wait()
            wall = self.clock.now().timestamp()
            if self.slots.stepped_back(wall):
                log.warning("the wall clock stepped back; samples start anew")
                self.slots.last = 0.0
                self.seen_from = None
            slot = self.slots.due(wall)
            async with self._turning:
                if slot is not None:
                    await self._slot(slot)
                else:
                    await self._decide()

    async def submit(self, act: Act) -> Incident:
        """
        One person's act, committed when this returns.

        Raises KeyError (no such incident among those that are not closed),
        IllegalActError, StoreError.
        """
        async with self._turning:
            now = self.clock.now()
            incident, events = lifecycle.apply(self.incidents[act.incident_id], act, now)
            changes = Changes(incidents=(incident,), events=tuple(events))
            writing = asyncio.ensure_future(self._acted(incident, changes))
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                # Whoever asked has gone; the store writes it all the same.
                await asyncio.gather(writing, return_exceptions=True)
                raise
        self.poke()
        return incident

    async def _acted(self, incident: Incident, changes: Changes) -> None:
        await self.store.save(changes)
        self.incidents[incident.id] = incident
        if incident.state not in KEPT:
            del self.incidents[incident.id]

    def saw(self, visit: Visit) -> None:
        """A target was visited. Its first failure has what could explain it asked again."""
        changed = self._up.get(visit.target, True) is not visit.up
        self._up[visit.target] = visit.up
        if changed and not visit.up:
            names = witnesses(self.law.book.topology, (visit.target,))
            newest = self.poller.visits
            self.poller.visit_soon(
                n for n in names if n not in newest or newest[n].ended_at < visit.started_at
            )
        if changed or self._settling:
            self.poke()

    def swap(self, law: Law) -> None:
        """Judge by a new configuration from the next turn on."""
        self.law = law
        if self.slots.grid != law.grid.total_seconds():
            self.slots = Slots(law.grid.total_seconds(), self.slots.last)
        self.poke()

    def poke(self) -> None:
        """Take a turn soon."""
        self._poked.set()

    def board(self) -> Board:
        """What is known now."""
        return Board(
            now=self.judged_at,
            incidents=tuple(sorted(self.incidents.values(), key=lambda i: -i.id)),
            alerts=tuple(self.alerts.values()),
            visits=self.poller.visits,
            systems_down=frozenset(self._outage().systems_down),
            grid=self.law.grid,
        )

    # -- the loop

    async def _wait(self) -> None:
        """Until the next slot, the next due step, or a poke."""
        now = self.clock.now()
        pause = self.slots.wait(now.timestamp())
        plan, seen_from = self.law.book.plan, self.seen_from or now
        owed = [d for i in self.incidents.values() if (d := next_due(i, plan, seen_from))]
        if owed:
            soonest = (min(owed) - now).total_seconds()
            pause = min(pause, max(soonest, RETRY if self.trouble else BREATH))
        sleeper = asyncio.ensure_future(self.clock.sleep(pause))
        poked = asyncio.ensure_future(self._poked.wait())
        try:
            await asyncio.wait({sleeper, poked}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeper.cancel()
            poked.cancel()
        self._poked.clear()

    async def _slot(self, slot: float) -> None:
        began = self.clock.monotonic()
        metrics, readings = own_readings(self.vitals.registry)
        self.series.put(SELF, (("instance", SELF), ("job", SELF)), metrics, readings)
        self.series.snapshot(slot)
        self.slots.last = slot
        result = await self._evaluate(datetime.fromtimestamp(slot, UTC))
        for name, rows in (*result.records, *alerts_series(result.alerts.values())):
            self.series.record(name, rows)
        for group, rule, why in result.problems:
            self.vitals.rule_errors.labels(rule).inc()
            log.error("rule %s/%s: %s", group, rule, why)
        if await self._decide(result):
            self.last_run = result.last_run
            self.judged_at = self.clock.now()
            self.vitals.round_at.set(self.judged_at.timestamp())
        self.vitals.round.set(self.clock.monotonic() - began)

    async def _evaluate(self, at: datetime) -> Turn:
        """What the rules say; said again where a reload came in between."""
        while True:
            law = self.law
            result = await asyncio.to_thread(
                turn, law.rules, self.series.view(), at, self.alerts, self._context()
            )
            if law is self.law:
                return result

    def _context(self) -> Context:
        return Context(
            filled_since=self.series.filled_since,
            polled=self._polled(),
            known=frozenset((*self.law.targets, *self.law.book.topology.systems, SELF)),
            grid=self.slots.grid,
            last_run=self.last_run,
            labels=self.law.labels,
        )

    def _polled(self) -> bool:
        return all(name in self.poller.visits for name in self.law.targets)

    async def _decide(self, result: Turn | None = None) -> bool:
        """One turn over alerts as they are, or as the slot's evaluation left them."""
        alerts = self.alerts if result is None else result.alerts
        ended = () if result is None else result.ended
        withdrawn = frozenset(part_key(e.alert.key) for e in ended if e.why == "withdrawn")
        blind = not self._polled() and self.clock.monotonic() - self.started < BLIND
        sight = self._sight(alerts, self._withdrawn | withdrawn)
        decision = decide(self.incidents, self.last_id, sight, self.law.book, blind=blind)
        changes = self._changes(decision, alerts)
        if changes and not await self._save(changes):
            return False
        self.alerts = alerts
        self.incidents = {i: inc for i, inc in decision.incidents.items() if inc.state in KEPT}
        self.last_id = max((self.last_id, *decision.incidents))
        self._settling = any(i.settle_until for i in self.incidents.values())
        self._withdrawn = sight.withdrawn if blind else frozenset()
        if not blind and self.seen_from is None:
            self.seen_from = sight.now
        if decision.notices:
            self.wake()
        return True

    async def _save(self, changes: Changes) -> bool:
        try:
            await self.store.save(changes)
        except StoreError as e:
            self.vitals.store_errors.inc()
            self.trouble = str(e)
            log.error("could not write; the turn is taken again: %s", e)  # noqa: TRY400 -- no traceback: the sentence says it
            return False
        self.trouble = ""
        return True

    def _outage(self) -> Outage:
        visits = self.poller.visits
        failed = {
            name: visit.failing_since or visit.started_at
            for name in self.law.targets
            if (visit := visits.get(name)) and not visit.up
        }
        return Outage(self.law.book.topology, failed)

    def _sight(self, alerts: Mapping[AlertKey, Alert], withdrawn: frozenset[str]) -> Sight:
        now = self.clock.now()
        return Sight(
            now=now,
            outage=self._outage(),
            firing=tuple(a for a in alerts.values() if a.state is AlertState.FIRING),
            withdrawn=withdrawn,
            answered={n: v.ended_at for n, v in self.poller.visits.items()},
            uplink=self.law.uplink,
            seen_from=self.seen_from or now,
        )

    def _changes(self, decision: Decision, alerts: Mapping[AlertKey, Alert]) -> Changes:
        old = self.incidents
        return Changes(
            incidents=tuple(i for n, i in decision.incidents.items() if old.get(n) != i),
            events=decision.events,
            notices=decision.notices,
            alerts_put=tuple(a for k, a in alerts.items() if worth_writing(self.alerts.get(k), a)),
            alerts_gone=tuple(k for k in self.alerts if k not in alerts),
        )


def worth_writing(old: Alert | None, new: Alert) -> bool:
    """
    Whether a restart would need the new one.

    A pending alert's ``last_true_at`` counts, because downtime is taken off its
    ``for``; a firing alert's value and last sight change every slot and do not.
    """
    if old is None or new.state is AlertState.PENDING:
        return old != new
    same = replace(new, value=old.value, last_true_at=old.last_true_at, annotations=old.annotations)
    return same != old
