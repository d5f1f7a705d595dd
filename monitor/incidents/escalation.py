"""
Who is owed a word about an incident, and when. Pure: no I/O and no clock.

Every step is a row with a UTC instant. ``arm`` writes the rows that the class's
chain and the thresholds demand; ``next_due`` says when the next one is owed;
``advance`` fires what is due. Rows never move later, and of those that only an act
may bring forward, acknowledgement touches the chain alone: never a threshold.
Steps missed together collapse into the highest.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitor.incidents.lifecycle import watched
from monitor.model.incident import ClockState, FaultClass, Incident, Scope, State, StepClock
from monitor.model.person import ON_DUTY, Person
from monitor.model.plan import ChainStep, Plan

TOLD = "told"
RAISED = "raised-"  # followed by class or scope: somebody was told a lower one
RECOVERED = "recovered"
RUNNING = (State.OPEN, State.WATCHING)


@dataclass(frozen=True, slots=True)
class Fired:
    """A step that fell due: who by role, who because they were told before, and of what."""

    step: str
    roles: tuple[str, ...]
    people: tuple[str, ...] = ()
    told_class: str = ""  # the class that the word before this one named


def scaled(plan: Plan, wait: timedelta) -> timedelta:
    """A duration of the plan; the demo's speed divides it."""
    return wait / plan.settings.speed


def chain(plan: Plan, fault_class: FaultClass) -> tuple[ChainStep, ...]:
    """The class's chain; the first step is always the one that tells 值班."""
    return plan.classes[fault_class].chain


def arm(incident: Incident, plan: Plan, now: datetime) -> Incident:
    """Write the rows that are owed by now; a row that stands is only ever brought forward."""
    if incident.state not in RUNNING or incident.settle_until:
        return incident
    rows = {c.step: c for c in incident.clocks}
    for step, due in _owed(incident, plan, now, fresh=not rows):
        old = rows.get(step)
        if old is None:
            rows[step] = StepClock(incident.id, step, due)
        elif old.state is ClockState.DUE and due < old.due_at:
            rows[step] = replace(old, due_at=due)
    clocks = tuple(sorted(rows.values(), key=lambda c: (c.due_at, c.step)))
    return replace(incident, clocks=clocks) if clocks != incident.clocks else incident


def _owed(
    incident: Incident, plan: Plan, now: datetime, *, fresh: bool
) -> Iterator[tuple[str, datetime]]:
    raised = not fresh and _raised(incident)
    if raised:
        yield RAISED + incident.fault_class, now
    known = {c.step for c in incident.clocks}
    base = min(incident.opened_at, now) if fresh else now  # the wall clock may have stepped back
    for step in chain(plan, incident.fault_class):
        if fresh or raised or step.name not in known:
            yield step.name, base + scaled(plan, step.after)
        if step.on_ack and incident.acknowledged_at:
            yield step.name, incident.acknowledged_at
    if plan.classes[incident.fault_class].thresholds:
        began = incident.interrupted_at or incident.started_at
        for threshold in plan.thresholds:
            yield threshold.name, began + scaled(plan, threshold.after)


def _raised(incident: Incident) -> bool:
    """Whether somebody was told of a lower class than the incident has now."""
    return incident.told_class not in ("", incident.fault_class)


def widened(
    old: Incident, new: Incident, failed_at: datetime | None, now: datetime, wait: timedelta
) -> Incident:
    """
    With the word that is owed where a later fault reaches further than what was told.

    A root found later is the fault that was told: nobody hears of it again. A root that
    *failed* after the last word is another one: an access switch is mended, and in its
    观察期 both cores die, and the house (整体) with them. ``wait``: until what hangs on it
    was asked too.
    """
    if old.scope is new.scope or new.scope is not Scope.WHOLE:
        return new
    rises = [c for c in new.clocks if c.step.startswith(RAISED)]
    said = [c.fired_at for c in new.clocks if c.fired_at and (c.step == TOLD or c in rises)]
    if not said or failed_at is None or failed_at <= max(said):
        return new
    step = RAISED + new.scope
    if _raised(new) or any(c.step == step or c.state is ClockState.DUE for c in rises):
        return new
    return replace(new, clocks=(*new.clocks, StepClock(new.id, step, now + wait)))


def next_due(incident: Incident, plan: Plan, seen_from: datetime | None = None) -> datetime | None:
    """
    When ``advance`` or ``recover`` will have something to do; None when nothing is owed.

    ``seen_from``: since when this process sees; 观察期 before it does not count.
    """
    if incident.state not in RUNNING:
        return None
    if incident.settle_until:
        return incident.settle_until
    instants = [c.due_at for c in _open_rows(incident)]
    if over := watched(incident, scaled(plan, plan.settings.watch), seen_from):
        instants.append(over)
    return min(instants, default=None)


def _open_rows(incident: Incident) -> Iterator[StepClock]:
    """Rows that may fire: while watching only the first word, the rest is held."""
    for row in incident.clocks:
        if row.state is ClockState.DUE and (incident.state is State.OPEN or row.step == TOLD):
            yield row


def advance(incident: Incident, plan: Plan, now: datetime) -> tuple[Incident, list[Fired]]:
    """Fire what is due. Safe to call late, early, or twice at one instant."""
    if incident.state not in RUNNING or incident.settle_until:
        return incident, []
    due = {c.step for c in _open_rows(incident) if c.due_at <= now}
    if not due:
        return incident, []
    swallowed = _collapsed(incident, plan, due)
    firing = [c.step for c in incident.clocks if c.step in due and c.step not in swallowed]
    clocks = tuple(
        c
        if c.step not in due or c.state is not ClockState.DUE
        else replace(
            c,
            state=ClockState.COLLAPSED if c.step in swallowed else ClockState.FIRED,
            fired_at=now,
        )
        for c in incident.clocks
    )
    before = incident.told_class
    fired = [Fired(step, *_whom(incident, plan, step), before) for step in firing]
    return replace(incident, clocks=clocks, told_class=incident.fault_class), fired


def _collapsed(incident: Incident, plan: Plan, due: set[str]) -> set[str]:
    """Lower thresholds, and words of the chain that the highest says to the same people."""
    heights = [t for t in plan.thresholds if t.name in due]
    if not heights:
        return {TOLD} & due if any(s.startswith(RAISED) for s in due) else set()
    top = heights[-1]
    low = {t.name for t in heights[:-1]}
    roles = set(top.roles)
    for step in due - {t.name for t in heights}:
        by_role, _ = _whom(incident, plan, step)
        if roles.issuperset(by_role):
            low.add(step)
    return low


def _whom(incident: Incident, plan: Plan, step: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    for threshold in plan.thresholds:
        if threshold.name == step:
            return threshold.roles, ()
    if step.startswith(RAISED):
        return (ON_DUTY,), incident.told
    for link in chain(plan, incident.fault_class):
        if link.name == step:
            return link.roles, ()
    for other in plan.classes.values():  # a step of the class it had before it rose
        for link in other.chain:
            if link.name == step:
                return link.roles, ()
    return (ON_DUTY,), ()


def recipients(fired: Fired, people: tuple[Person, ...]) -> tuple[Person, ...]:
    """The people a step is owed to, each once, in the configuration's order."""
    wanted = set(fired.roles)
    return tuple(p for p in people if wanted.intersection(p.roles) or p.name in fired.people)
