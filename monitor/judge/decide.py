"""
One turn's decision: incidents, events and notices from what is seen now. Pure.

The caller stores everything in one transaction, or nothing and asks again later.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from monitor.incidents import correlate as correlation
from monitor.incidents import lifecycle
from monitor.incidents.escalation import RECOVERED, Fired, advance, arm, recipients, scaled
from monitor.incidents.settling import settled
from monitor.incidents.sight import Sight
from monitor.incidents.topology import Topology
from monitor.model.incident import Event, Incident, Notice, State
from monitor.model.person import Person
from monitor.model.plan import Plan
from monitor.notify import message

US = "zhiban"


@dataclass(frozen=True)
class Book:
    """The rules of one configuration that deciding needs."""

    topology: Topology
    plan: Plan
    people: tuple[Person, ...]


@dataclass(frozen=True)
class Decision:
    """What one turn came to: every incident, changed or not, and what happened."""

    incidents: Mapping[int, Incident]
    events: tuple[Event, ...] = ()
    notices: tuple[Notice, ...] = ()


def decide(
    incidents: Mapping[int, Incident],
    last_id: int,
    sight: Sight,
    book: Book,
    *,
    blind: bool = False,
) -> Decision:
    """
    The state after this turn.

    ``blind``: just started, most targets not asked yet. Then only clocks run: what
    was known before the restart stands, and due steps are told on time.
    """
    events: list[Event] = []
    notices: list[Notice] = []
    now = dict(incidents)
    if not blind:
        now, events = correlation.correlate(incidents, sight, book.plan.settings, last_id)
    for i, incident in now.items():
        if incident.state not in (State.OPEN, State.WATCHING):
            continue
        if not blind:
            incident, rows = lifecycle.observe(incident, sight, book.plan.settings)  # noqa: PLW2901 -- refined in steps
            events += rows
        if settled(incident, sight, blind=blind):
            incident = replace(incident, settle_until=None)  # noqa: PLW2901 -- likewise
        now[i] = _clocks(incident, sight.now, book, events, notices)
        if not blind:
            now[i] = _recover(now[i], sight, book, events, notices)
    return Decision(now, tuple(events), tuple(notices))


def _clocks(
    incident: Incident, now: datetime, book: Book, events: list[Event], notices: list[Notice]
) -> Incident:
    """Arm, fire what is due; write what is owed."""
    incident = arm(incident, book.plan, now)
    incident, fired = advance(incident, book.plan, now)
    for one in fired:
        incident = tell(incident, one, now, book, events, notices)
    return incident


def _recover(
    incident: Incident, sight: Sight, book: Book, events: list[Event], notices: list[Notice]
) -> Incident:
    """Recovered when 观察期 is over, and exactly those who were told hear it."""
    now, watch = sight.now, scaled(book.plan, book.plan.settings.watch)
    incident, rows = lifecycle.recover(incident, watch, now, sight.seen_from)
    events += rows
    if rows and incident.told:
        incident = tell(incident, Fired(RECOVERED, (), incident.told), now, book, events, notices)
    return incident


def tell(
    incident: Incident,
    fired: Fired,
    now: datetime,
    book: Book,
    events: list[Event],
    notices: list[Notice],
) -> Incident:
    """Write a notice for everybody the step is owed to."""
    text = message.compose(
        fired.step, incident, book.topology, book.plan, now, was=fired.told_class
    )
    whom = recipients(fired, book.people)
    notices.extend(
        Notice(
            key=f"{incident.id}:{fired.step}:{person.name}",
            incident_id=incident.id,
            step=fired.step,
            person=person.name,
            channel=person.channels[0] if person.channels else "",
            title=text.title,
            text=text.body,
            created_at=now,
            next_try_at=now,
            facts=message.facts(incident, fired.step),
        )
        for person in whom
    )
    names = tuple(p.name for p in whom)
    events.append(Event(incident.id, now, US, "step", "", fired.step, "、".join(names)))
    return replace(incident, told=tuple(dict.fromkeys((*incident.told, *names))))
