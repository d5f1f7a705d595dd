"""The gauges the wall stands on, read off the board at each scrape."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from monitor.incidents.escalation import RUNNING
from monitor.metrics import Live, Row
from monitor.model.board import Board
from monitor.model.incident import ClockState, FaultClass, Incident, Scope, State
from monitor.model.person import ON_DUTY, Person
from monitor.model.target import System, Target


class Limit(Protocol):
    """One line of the table of thresholds that people tune."""

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> float: ...


class Shown(Protocol):
    """The part of the configuration that becomes gauges."""

    @property
    def targets(self) -> Mapping[str, Target]: ...
    @property
    def systems(self) -> Mapping[str, System]: ...
    @property
    def people(self) -> tuple[Person, ...]: ...


def hang(live: Live, board: Callable[[], Board], site: Callable[[], Shown]) -> None:
    """Add every family to the registry's live collector."""
    live.add(
        "zhiban_incidents_open",
        "Incidents open or watching",
        ("fault_class", "scope"),
        lambda: _open(board()),
    )
    live.add(
        "zhiban_incident_info",
        "One row for each incident open or watching",
        ("number", "title", "root", "fault_class", "scope", "state", "acknowledged_by"),
        lambda: (_info(i) for i in _running(board())),
    )
    live.add(
        "zhiban_incident_next_due_timestamp_seconds",
        "When the incident's next step falls due",
        ("number", "step"),
        lambda: (row for i in _running(board()) for row in _due(i)),
    )
    live.add(
        "zhiban_incident_started_timestamp_seconds",
        "When the fault began",
        ("number",),
        lambda: (((str(i.number),), i.started_at.timestamp()) for i in _running(board())),
    )
    live.add(
        "zhiban_system_up",
        "1 while every need of the system holds",
        ("system", "title"),
        lambda: _systems(board(), site()),
    )
    live.add(
        "zhiban_on_duty_info",
        "Who is on duty",
        ("person",),
        lambda: (((p.name,), 1.0) for p in site().people if ON_DUTY in p.roles),
    )
    live.add(
        "zhiban_targets", "Targets in the configuration", (), lambda: [((), len(site().targets))]
    )


def _running(board: Board) -> Iterator[Incident]:
    return (i for i in board.incidents if i.state in RUNNING)


def _open(board: Board) -> Iterator[Row]:
    found = Counter((i.fault_class, i.scope) for i in _running(board))
    for fault_class in FaultClass:
        for scope in Scope:
            yield (fault_class, scope), float(found[fault_class, scope])


def _info(i: Incident) -> Row:
    return (
        (
            str(i.number),
            i.root.title,
            i.root.instance,
            i.fault_class,
            i.scope,
            i.state,
            i.acknowledged_by,
        ),
        1.0,
    )


def _due(i: Incident) -> Iterator[Row]:
    rows = [c for c in i.clocks if c.state is ClockState.DUE and i.state is State.OPEN]
    if rows:
        first = min(rows, key=lambda c: (c.due_at, c.step))
        yield (str(i.number), first.step), first.due_at.timestamp()


def _systems(board: Board, site: Shown) -> Iterator[Row]:
    if board.now is None:
        return
    for name, system in site.systems.items():
        yield (name, system.title), float(name not in board.systems_down)
