"""
Incidents that turn out to have one root become one, which keeps the oldest number. Pure.

Nothing that was said is said again, and nothing that was owed is lost: the keeper takes
over everybody who was told and every step's row, fired before due, the earlier instant
before the later. Where somebody was told of a lower class only, the rise is owed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from monitor.incidents.classify import RANK, highest, most_severe, wider
from monitor.model.incident import ClockState, Event, FaultClass, Incident, State, StepClock

US = "zhiban"
_SPOKEN = (ClockState.FIRED, ClockState.COLLAPSED)


def merge(
    now: dict[int, Incident], roots: dict[int, str], at: datetime, events: list[Event]
) -> None:
    """Join in place whatever shares a root; ``roots`` keeps the keepers only."""
    groups: dict[str, list[int]] = {}
    for i in sorted(roots):
        groups.setdefault(roots[i], []).append(i)
    for keeper, *others in groups.values():
        if not others:
            continue
        for i in others:
            one = now[i]
            what = f"#{one.number} {one.root.title}"
            events.append(Event(keeper, at, US, "merged_in", "", str(i), what))
            events.append(Event(i, at, US, "merged", one.state, str(keeper), what))
        now[keeper] = _joined([now[keeper], *(now[i] for i in others)])
        for i in others:
            now[i] = replace(now[i], state=State.MERGED, merged_into=keeper, settle_until=None)
            del roots[i]


def _joined(all_of: Sequence[Incident]) -> Incident:
    """The oldest, with everything the others had."""
    keeper = all_of[0]
    live = {p.key for i in all_of for p in i.parts if p.ended_at is None}
    parts = {
        (p.key, p.ended_at): p
        for i in all_of
        for p in i.parts
        if p.ended_at is None or p.key not in live
    }
    acknowledged = next((i for i in all_of if i.acknowledged_by), keeper)
    is_open = any(i.state is State.OPEN for i in all_of)
    told = [i for i in all_of if i.told_class]
    return replace(
        keeper,
        parts=tuple(parts.values()),
        state=State.OPEN if is_open else keeper.state,
        watching_since=None if is_open else keeper.watching_since,
        started_at=min(i.started_at for i in all_of),
        interrupted_at=earliest(i.interrupted_at for i in all_of),
        settle_until=None if told else keeper.settle_until,
        fault_class=highest(i.fault_class for i in all_of),
        severity=most_severe(i.severity for i in all_of),
        scope=wider(i.scope for i in all_of),
        impact=union(*(i.impact for i in all_of)),
        systems=union(*(i.systems for i in all_of)),
        told=union(*(i.told for i in all_of)),
        told_class=_told_class(told),
        clocks=_clocks(keeper.id, all_of),
        acknowledged_by=acknowledged.acknowledged_by,
        acknowledged_at=acknowledged.acknowledged_at,
    )


def _told_class(told: Sequence[Incident]) -> str:
    """The highest class that everybody has heard; a lower one where somebody has not."""
    if not told:
        return ""
    everybody = {name for i in told for name in i.told}
    by_rank = sorted({FaultClass(i.told_class) for i in told}, key=RANK.__getitem__, reverse=True)
    heard: set[str] = set()
    for fault_class in by_rank:
        heard.update(name for i in told if i.told_class == fault_class for name in i.told)
        if heard >= everybody:
            return fault_class
    return by_rank[-1]


def _clocks(keeper: int, all_of: Iterable[Incident]) -> tuple[StepClock, ...]:
    """One row for each step: what was said stands, else what is due first."""
    rows: dict[str, StepClock] = {}
    for clock in (c for i in all_of for c in i.clocks):
        known = rows.get(clock.step)
        if known is None or _order(clock) < _order(known):
            rows[clock.step] = replace(clock, incident_id=keeper)
    return tuple(sorted(rows.values(), key=lambda c: (c.due_at, c.step)))


def _order(clock: StepClock) -> tuple[bool, datetime]:
    return clock.state not in _SPOKEN, clock.due_at


def union(*names: Iterable[str]) -> tuple[str, ...]:
    """Every name once, in the order of its first sight."""
    return tuple(dict.fromkeys(n for group in names for n in group))


def earliest(instants: Iterable[datetime | None]) -> datetime | None:
    """The first of those that are known."""
    return min((x for x in instants if x), default=None)
