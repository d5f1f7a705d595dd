"""What the judge goes by, and the neighbours it needs: one configuration, a poller, a store."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Protocol

from monitor.alerting.ruleset import RuleSet
from monitor.judge.decide import Book
from monitor.model.incident import Changes
from monitor.model.target import Target, Visit


class Poller(Protocol):
    """What the judge needs of polling."""

    @property
    def visits(self) -> Mapping[str, Visit]: ...
    def visit_soon(self, names: Iterable[str]) -> None:
        """Ask these again now, outside the beat."""
        ...


class Writer(Protocol):
    """What the judge needs of the store."""

    async def save(self, changes: Changes) -> None:
        """One transaction; StoreError leaves nothing behind."""
        ...


@dataclass(frozen=True)
class Law:
    """What one configuration says: rules, plan, topology, people, first hop, grid."""

    rules: RuleSet
    book: Book
    uplink: tuple[str, ...]
    grid: timedelta

    @property
    def targets(self) -> Mapping[str, Target]:
        """The targets by name."""
        return self.book.topology.targets

    @cached_property
    def labels(self) -> Mapping[str, Mapping[str, str]]:
        """What each target's series carry."""
        return {name: target.carried() for name, target in self.targets.items()}
