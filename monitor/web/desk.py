"""
All that the web sees of the daemon. The composition root fills it in.

The web holds no state of its own: every answer is made from what the desk says now,
and every act goes through ``submit``.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from monitor.clock import Clock
from monitor.model.act import Act
from monitor.model.board import Board
from monitor.model.incident import Event, Incident, Notice, State
from monitor.model.person import Person
from monitor.model.plan import Plan
from monitor.model.problem import Problem
from monitor.model.target import System, Target
from monitor.store.waiting import Queue


class SiteView(Protocol):
    """The part of the configuration that is shown."""

    @property
    def targets(self) -> Mapping[str, Target]: ...
    @property
    def systems(self) -> Mapping[str, System]: ...
    @property
    def people(self) -> tuple[Person, ...]: ...
    @property
    def plan(self) -> Plan: ...


class Records(Protocol):
    """The store's queries: what was, beside what is."""

    async def incidents(
        self, states: Collection[State], limit: int, before_id: int | None = None
    ) -> Sequence[Incident]:
        """Newest first (descending id), ids below ``before_id``."""
        ...

    async def incident(self, incident_id: int) -> Incident | None:
        """One incident in any state; None when there is none of that id."""
        ...

    async def events(self, incident_id: int) -> Sequence[Event]:
        """Its events, oldest first."""
        ...

    async def queues(self) -> Mapping[str, Queue]:
        """Per channel: how many notices are unsent, and since when the oldest is."""
        ...

    async def notices(self, incident_id: int | None = None, limit: int = 200) -> Sequence[Notice]:
        """Notices of one incident or of all, newest first."""
        ...


@dataclass(frozen=True)
class Desk:
    """What the web may read and do."""

    submit: Callable[[Act], Awaitable[Incident]]  # IllegalActError; KeyError: no such incident
    board: Callable[[], Board]
    site: Callable[[], SiteView]
    store: Records
    metrics: Callable[[str], tuple[bytes, str]]  # Accept -> body, content type
    reload: Callable[[str], Awaitable[tuple[Problem, ...]]]  # by whom; empty: swapped in
    ready: Callable[[], str]  # "" or why not, in one English sentence
    clock: Clock
    speed: float = 1.0  # of the demo: what the plan's durations are divided by
    trouble: Callable[[], tuple[str, ...]] = tuple
    """The daemon's own troubles, each one Chinese sentence for the red bar (a reload that
    was refused, a store that cannot write). Undelivered notices need no mention: the web
    reads them from the store."""
