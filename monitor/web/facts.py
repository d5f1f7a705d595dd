"""
What pages and API both say about a board: is it up, since when, what is due next.

Pure: no I/O and no clock. A target that was not visited lately is unknown, never up.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from monitor.model.board import Board
from monitor.model.incident import ClockState, Incident, State, StepClock
from monitor.model.target import Needs, System, Target, Visit

Condition = Literal["up", "down", "unknown"]
MISSED = 3  # beats without a visit after which a target's state is not known any more
_USER = re.compile(r"^([A-Za-z][\w+.-]*://)?[^/?#]*@")  # RFC 3986 3.2.1, up to the last @
LIVE = (State.OPEN, State.WATCHING)
_ALL_DONE = (State.RECOVERED, State.CLOSED)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a target or a system stands, and since when (None: not known)."""

    state: Condition
    since: datetime | None = None


def target_standing(target: Target, visit: Visit | None, now: datetime) -> Standing:
    """Up or down by the newest visit; unknown without one in the last three beats."""
    if visit is None or now - visit.ended_at > target.every * MISSED + target.timeout:
        return Standing("unknown", visit.ended_at if visit else None)
    if visit.up:
        return Standing("up")
    return Standing("down", visit.failing_since or visit.started_at)


def system_standing(
    system: System, targets: Mapping[str, Target], board: Board, now: datetime
) -> Standing:
    """Down when the judge says so; unknown while a need is neither met nor known failed."""
    standings = {
        name: target_standing(targets[name], board.visits.get(name), now)
        for name in names(system.needs)
        if name in targets
    }
    if system.name in board.systems_down:
        down = [s.since for s in standings.values() if s.state == "down" and s.since]
        return Standing("down", min(down, default=None))
    for need in system.needs:
        states = {standings[n].state for n in need if n in standings}
        if "up" not in states and "unknown" in states:
            return Standing("unknown")
    return Standing("up")


def names(needs: Needs) -> tuple[str, ...]:
    """Every name that occurs in the needs, once, in order."""
    return tuple(dict.fromkeys(name for need in needs for name in need))


def elapsed(incident: Incident, now: datetime) -> timedelta:
    """
    From the cut of service (else the start) to now, or to the end of the outage.

    观察期 is no outage (hospital-practice section 4: the 断点 ends when it begins); what
    fails again within it opens the incident again, and the whole time counts.
    """
    start = incident.interrupted_at or incident.started_at
    end = None if incident.state is State.OPEN else incident.watching_since
    if incident.state in _ALL_DONE:
        end = end or incident.recovered_at or incident.closed_at
    return max(timedelta(0), (end or now) - start)


def next_step(incident: Incident, only: frozenset[str] | None = None) -> StepClock | None:
    """Find the step that falls due first, of ``only`` those names where given."""
    due = [
        clock
        for clock in incident.clocks
        if clock.state is ClockState.DUE and (only is None or clock.step in only)
    ]
    return min(due, key=lambda clock: (clock.due_at, clock.step), default=None)


def number(incident: Incident) -> str:
    """Write the four digits that people say."""
    return f"{incident.number:04}"


def is_stale(board: Board, now: datetime) -> bool:
    """Whether the judge has not finished a slot for three grids."""
    return board.now is None or now - board.now > board.grid * MISSED


def shown_address(address: str) -> str:
    """Leave out user information: a password in an address is nobody's to read."""
    return _USER.sub(r"\1", address)
