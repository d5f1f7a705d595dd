"""
What each route of /api/v1 answers.

A function here takes the desk and a checked call and gives back a shape; it knows nothing
of HTTP. ``routes.API`` lists them all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from monitor.model.act import Act, ActKind, IllegalActError
from monitor.model.incident import Incident, State, number_of
from monitor.web import answers, facts, shapes, words
from monitor.web.desk import Desk
from monitor.web.guard import Refusal

STATES: dict[str, tuple[State, ...]] = {
    "open": (State.OPEN, State.WATCHING),  # design 5.4: what is not over yet
    "watching": (State.WATCHING,),
    "recovered": (State.RECOVERED,),
    "closed": (State.CLOSED,),
    "merged": (State.MERGED,),
    "all": tuple(State),
}
NOTICES_MOST = 1000


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IncidentsQuery(_Query):
    """Which incidents, newest first."""

    state: Literal["open", "watching", "recovered", "closed", "merged", "all"] = "open"
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    before: Annotated[int, Field(ge=1, lt=1 << 63)] | None = None


class NoticesQuery(_Query):
    """Whose notices; all of them without ``incident``."""

    incident: Annotated[int, Field(ge=1, lt=1 << 63)] | None = None
    limit: Annotated[int, Field(ge=1, le=NOTICES_MOST)] = 200


@dataclass(frozen=True)
class Call:
    """A request after every check: path parameter, query and body."""

    id: int = 0
    query: BaseModel | None = None
    body: BaseModel | None = None


async def incidents(desk: Desk, call: Call) -> shapes.IncidentsOut:
    """List incidents."""
    query = call.query
    assert isinstance(query, IncidentsQuery)  # noqa: S101  # the route's own model
    found = await _found(desk, query)
    more = len(found) == query.limit
    return shapes.IncidentsOut(
        incidents=_listed(desk, found), next_before=found[-1].id if more else None
    )


async def _found(desk: Desk, query: IncidentsQuery) -> list[Incident]:
    states = STATES[query.state]
    if set(states) <= set(facts.LIVE):
        # What is not over is in memory: it can be read while the store cannot.
        live = (i for i in desk.board().incidents if i.state in states)
        kept = [i for i in live if query.before is None or i.id < query.before]
        return sorted(kept, key=lambda i: -i.id)[: query.limit]
    return list(await desk.store.incidents(states, query.limit, query.before))


def _listed(desk: Desk, found: Iterable[Incident]) -> list[shapes.IncidentOut]:
    board, targets, now = desk.board(), desk.site().targets, desk.clock.now()
    return [answers.incident(one, board, targets, now) for one in found]


async def find(desk: Desk, incident_id: int) -> Incident:
    """Find one incident, in memory or in the store; Refusal(404) where there is none."""
    for one in desk.board().incidents:
        if one.id == incident_id:
            return one
    stored = await desk.store.incident(incident_id)
    if stored is None:
        raise Refusal(404, f"there is no incident {incident_id}")
    return stored


async def incident(desk: Desk, call: Call) -> shapes.IncidentWhole:
    """Show one incident with its timeline, steps and notices."""
    return await _whole(desk, await find(desk, call.id))


async def _whole(desk: Desk, one: Incident) -> shapes.IncidentWhole:
    events = await desk.store.events(one.id)
    notices = await desk.store.notices(one.id, NOTICES_MOST)
    return answers.whole(one, _listed(desk, [one])[0], events, notices)


async def acknowledge(desk: Desk, call: Call) -> shapes.IncidentOut:
    """Acknowledge (接报): it stops repeats among people and moves no step."""
    body = call.body
    assert isinstance(body, shapes.AckAsk)  # noqa: S101  # the route's own model
    return await act(desk, Act(ActKind.ACK, call.id, body.by, body.text))


async def note(desk: Desk, call: Call) -> shapes.IncidentOut:
    """Add a line to the timeline."""
    body = call.body
    assert isinstance(body, shapes.NoteAsk)  # noqa: S101  # the route's own model
    return await act(desk, Act(ActKind.NOTE, call.id, body.by, body.text))


async def close(desk: Desk, call: Call) -> shapes.IncidentOut:
    """Close a recovered incident, with a word on how it ended."""
    body = call.body
    assert isinstance(body, shapes.NoteAsk)  # noqa: S101  # the route's own model
    return await act(desk, Act(ActKind.CLOSE, call.id, body.by, body.text))


async def act(desk: Desk, one: Act) -> shapes.IncidentOut:
    """Do one act and show the incident as it is after it."""
    must_be_known(desk, one.by)
    return _listed(desk, [await submit(desk, one)])[0]


async def submit(desk: Desk, one: Act) -> Incident:
    """Hand one act to the judge; it answers after the act is written."""
    try:
        return await desk.submit(one)
    except KeyError:
        # The judge holds what is not closed: tell "closed" from "never was".
        over = await find(desk, one.incident_id)
        if over.merged_into is not None:
            keeper = number_of(over.merged_into)
            said = f"#{facts.number(over)} 已并入#{keeper},请到那一事件上操作"
        else:
            said = f"#{facts.number(over)} {words.STATES[over.state]},不能再操作"
        raise IllegalActError(said) from None


def must_be_known(desk: Desk, by: str) -> None:
    """Refuse an act by nobody: ``by`` names a person of the configuration."""
    people = [person.name for person in desk.site().people]
    if by not in people:
        raise Refusal(400, f'"by" must name a person of the configuration: {", ".join(people)}')


async def targets(desk: Desk, _: Call) -> shapes.TargetsOut:
    """List every target and how it stands."""
    board, now = desk.board(), desk.clock.now()
    return shapes.TargetsOut(
        targets=[answers.target(t, board, now) for t in desk.site().targets.values()]
    )


async def systems(desk: Desk, _: Call) -> shapes.SystemsOut:
    """List every hospital system and how it stands."""
    site, board, now = desk.site(), desk.board(), desk.clock.now()
    return shapes.SystemsOut(
        systems=[answers.system(s, board, site.targets, now) for s in site.systems.values()]
    )


async def alerts(desk: Desk, _: Call) -> shapes.AlertsOut:
    """List every pending and firing alert."""
    return shapes.AlertsOut(alerts=[answers.alert(a) for a in desk.board().alerts])


async def notices(desk: Desk, call: Call) -> shapes.NoticesOut:
    """List notices and how far each came, newest first."""
    query = call.query
    assert isinstance(query, NoticesQuery)  # noqa: S101  # the route's own model
    found = await desk.store.notices(query.incident, query.limit)
    return shapes.NoticesOut(notices=[answers.notice(n) for n in found])


async def reload(desk: Desk, call: Call) -> shapes.ReloadOut:
    """Swap a whole valid configuration in, or keep the old one and say why."""
    body = call.body
    assert isinstance(body, shapes.ReloadAsk)  # noqa: S101  # the route's own model
    must_be_known(desk, body.by)
    problems = await desk.reload(body.by)
    return shapes.ReloadOut(reloaded=not problems, problems=[answers.problem(p) for p in problems])
