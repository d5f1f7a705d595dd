"""
From rules and samples to alerts: one turn, at one slot.

    (nothing) --true--> pending --true for `for`--> firing
                          |  ^                      |    ^
          not true: dropped  +-- a gap in judging   |    +-- true again
                                 does not count     |    +-- no evidence: stale, stays
                                                    +-- not true, with evidence,
                                                    |   for `keep_firing_for`: resolved
                                                    +-- rule or target left the
                                                        configuration: withdrawn

Prometheus' semantics, but for two: a firing alert resolves only on evidence
(design.md 5.3), and a rule that cannot be judged keeps its state. Pure: no clock, no
I/O; the same turn twice at one instant changes nothing.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from monitor.alerting import results
from monitor.alerting.overlay import Overlay
from monitor.alerting.results import Found, RuleError
from monitor.alerting.ruleset import AlertRule, Group, RecordRule, Rule, RuleSet
from monitor.model.alert import Alert, AlertKey, AlertState
from monitor.model.reading import LabelPairs
from monitor.promql.evidence import has_evidence
from monitor.promql.storage import Storage

OWN = "zhiban"  # the instance of the daemon's own series: always in the configuration
MISSED = 4  # intervals without an evaluation: no lateness any more (Prometheus' EndsAt has 4)
Why = Literal["resolved", "withdrawn", "dropped"]
Rows = tuple[tuple[LabelPairs, float], ...]


@dataclass(frozen=True, slots=True)
class Context:
    """
    What a turn must know besides rules and samples.

    ``filled_since`` is the first snapshot's instant since this process started (seconds
    since 1970, None before it); ``polled`` says that every target was visited at least
    once; ``known`` are the names that ``instance`` and ``subject`` may hold (targets and
    systems; None: any); ``grid`` is the slot width in seconds; ``last_run`` is the
    ``last_run`` of the turn before. ``labels`` are what each target's series carry now: an
    alert that says otherwise is about series that are no more. ``missing_resolves`` is
    Prometheus' way, for rule tests.
    """

    filled_since: float | None
    polled: bool
    known: frozenset[str] | None
    grid: float
    last_run: Mapping[str, datetime] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    missing_resolves: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """An alert that is no more. Only a firing alert is resolved or withdrawn."""

    alert: Alert
    why: Why


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn found: all alerts that stand now, and what came and went."""

    alerts: Mapping[AlertKey, Alert]  # pending and firing
    ended: tuple[Ended, ...]
    records: tuple[tuple[str, Rows], ...]  # for Series.record
    problems: tuple[tuple[str, str, str], ...]  # group, rule, what was wrong
    judged: frozenset[str]  # groups that were due
    last_run: Mapping[str, datetime]


def turn(
    rules: RuleSet,
    storage: Storage,
    now: datetime,
    alerts: Mapping[AlertKey, Alert],
    context: Context,
) -> Turn:
    """Judge every group that is due at ``now``, in file order."""
    return _Turn(storage, now, context).run(rules, alerts)


def alerts_series(alerts: Iterable[Alert]) -> tuple[tuple[str, Rows], ...]:
    """ALERTS (1) and ALERTS_FOR_STATE (active_at, seconds since 1970) as Prometheus has them."""
    standing = list(alerts)
    states = (tuple(sorted((*a.labels, ("alertstate", a.state.value)))) for a in standing)
    # Two groups may hold alerts of one name and label set: one series each.
    since = {a.labels: a.active_at.timestamp() for a in reversed(standing)}
    return (
        ("ALERTS", tuple((labels, 1.0) for labels in dict.fromkeys(states))),
        ("ALERTS_FOR_STATE", tuple(since.items())),
    )


def interval(group: Group, grid: float) -> float:
    """Seconds between judgements: the group's interval, rounded up to the grid."""
    return max(1, math.ceil(round(group.interval / grid, 6))) * grid


def is_due(group: Group, now: datetime, context: Context) -> bool:
    """Whether the group's beat has come; also when the clock has stepped back."""
    last = context.last_run.get(group.name)
    if last is None or now < last:
        return True
    return (now - last).total_seconds() >= interval(group, context.grid) - context.grid / 2


def is_ready(rule: Rule, at: float, context: Context) -> bool:
    """Whether the samples that the rule looks at can be there yet."""
    if context.filled_since is None or at - context.filled_since < rule.window:
        return False
    return context.polled or not rule.absence


class _Turn:
    """One turn under way: what stands, what ended, what went wrong."""

    def __init__(self, storage: Storage, now: datetime, context: Context) -> None:
        self.now = now
        self.at = now.timestamp()
        self.context = context
        self.samples = Overlay(storage, self.at)
        self.standing: dict[AlertKey, Alert] = {}
        self.ended: list[Ended] = []
        self.problems: list[tuple[str, str, str]] = []

    def run(self, rules: RuleSet, alerts: Mapping[AlertKey, Alert]) -> Turn:
        owned = self._owned(rules, alerts)
        last_run = {g.name: t for g in rules.groups if (t := self.context.last_run.get(g.name))}
        due = [g for g in rules.groups if is_due(g, self.now, self.context)]
        for group in rules.groups:
            for i, rule in enumerate(group.rules):
                self._rule(group, rule, owned.get((group.name, i), {}), due=group in due)
        records = {name: tuple(rows.items()) for name, rows in self.samples.recorded.items()}
        return Turn(
            alerts=self.standing,
            ended=tuple(self.ended),
            records=tuple(records.items()),
            problems=tuple(self.problems),
            judged=frozenset(g.name for g in due),
            last_run=last_run | dict.fromkeys((g.name for g in due), self.now),
        )

    def _owned(
        self, rules: RuleSet, alerts: Mapping[AlertKey, Alert]
    ) -> dict[tuple[str, int], dict[AlertKey, Alert]]:
        """Give each alert to its rule; withdraw those that have lost their rule or target."""
        places: dict[tuple[str, str], list[tuple[int, AlertRule]]] = {}
        for group in rules.groups:
            for i, rule in enumerate(group.rules):
                if isinstance(rule, AlertRule):
                    places.setdefault((group.name, rule.name), []).append((i, rule))
        owned: dict[tuple[str, int], dict[AlertKey, Alert]] = {}
        for key, alert in alerts.items():
            candidates = places.get((alert.group, alert.alertname), [])
            place = next((i for i, r in candidates if r.owns(alert.labels)), None)
            if place is None or not self._known(alert.labels) or self._relabelled(alert):
                self._end(alert, "withdrawn")
            else:
                owned.setdefault((alert.group, place), {})[key] = alert
        return owned

    def _known(self, labels: LabelPairs) -> bool:
        if self.context.known is None:
            return True
        names = (value for name, value in labels if name in ("instance", "subject"))
        return all(n == OWN or n in self.context.known for n in names)

    def _relabelled(self, alert: Alert) -> bool:
        """Whether the configuration has given its target another title, level, system ..."""
        own = dict(alert.own_labels)
        carried = self.context.labels.get(own.get("instance", ""), {})
        return any(own.get(name, value) != value for name, value in carried.items())

    def _end(self, alert: Alert, why: Why) -> None:
        self.ended.append(Ended(alert, why if alert.state is AlertState.FIRING else "dropped"))

    def _rule(self, group: Group, rule: Rule, was: Mapping[AlertKey, Alert], *, due: bool) -> None:
        """Judge one rule; whatever goes wrong, its alerts stay as they were."""
        kept = len(self.ended)
        try:
            if due and is_ready(rule, self.at, self.context):
                was = self._judge(group, rule, was)
        except RuleError as error:
            self.problems.append((group.name, rule.name, str(error)))
        except Exception as error:  # noqa: BLE001 - a bug met by one rule must not blind the others
            wrong = f"is broken: {type(error).__name__}: {error}"
            self.problems.append((group.name, rule.name, wrong[:300]))
            del self.ended[kept:]
        self.standing.update(was)

    def _judge(
        self, group: Group, rule: Rule, was: Mapping[AlertKey, Alert]
    ) -> Mapping[AlertKey, Alert]:
        if isinstance(rule, RecordRule):
            self.samples.record(rule.name, results.rows(rule, self.samples, self.at, group.limit))
            return was
        found = results.found(rule, self.samples, self.at, group.limit)
        standing: dict[AlertKey, Alert] = {}
        for labels, sample in found.items():
            key = (group.name, rule.name, labels)
            if self._known(labels):
                standing[key] = self._true(rule, was.get(key), (group, labels, sample))
        for key, alert in was.items():
            if key not in standing and (still := self._not_true(rule, alert)):
                standing[key] = still
        return standing

    def _true(
        self, rule: AlertRule, was: Alert | None, new: tuple[Group, LabelPairs, Found]
    ) -> Alert:
        """Return the alert after an evaluation that returned it."""
        group, labels, sample = new
        active_at = was.active_at + self._gap(group, was) if was else self.now
        fired_at = was.fired_at if was else None
        if fired_at is None and self.now - active_at >= timedelta(seconds=rule.hold):
            fired_at = self.now
        return Alert(
            group=group.name,
            alertname=rule.name,
            labels=labels,
            annotations=results.annotations(rule, sample),
            state=AlertState.PENDING if fired_at is None else AlertState.FIRING,
            active_at=active_at,
            fired_at=fired_at,
            value=sample.value,
            last_true_at=self.now,
            own_labels=sample.own_labels,
        )

    def _gap(self, group: Group, was: Alert) -> timedelta:
        """
        Return how long nothing was judged, less one interval: it does not count towards `for`.

        A skipped beat or two is none: time goes on while the daemon is merely late.
        """
        gap = self.now - was.last_true_at
        step = timedelta(seconds=interval(group, self.context.grid))
        before = was.last_true_at.timestamp() < (self.context.filled_since or 0.0)
        if was.state is AlertState.PENDING and (before or gap > MISSED * step):
            return max(timedelta(0), gap - step)
        return timedelta(0)

    def _not_true(self, rule: AlertRule, alert: Alert) -> Alert | None:
        """Return the alert after an evaluation that did not return it; None when it ended."""
        evidence = self.context.missing_resolves or has_evidence(
            rule.expr, alert.own_labels, self.samples, self.at
        )
        if alert.state is AlertState.PENDING:
            if not evidence and not self.context.polled:
                return alert  # just started: its target has not been visited yet
            self._end(alert, "dropped")
            return None
        if not evidence:
            if rule.resolves_on_missing and self.context.polled:
                self._end(alert, "withdrawn")
                return None
            return replace(alert, stale=True, absent_since=None)
        since = alert.absent_since or self.now
        if self.now - since < timedelta(seconds=rule.keep):
            return replace(alert, stale=False, absent_since=since)
        self._end(alert, "resolved")
        return None
