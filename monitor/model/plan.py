"""The hospital's emergency plan as data: classes, chains, thresholds, departments."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

from monitor.model.incident import FaultClass, Scope


@dataclass(frozen=True, slots=True)
class ChainStep:
    """Somebody in the chain of a class: told `after` the start, or at once on `early_on`."""

    name: str  # the step's name: told, director ...
    roles: tuple[str, ...]
    after: timedelta
    on_ack: bool = False  # an acknowledgement brings it forward


@dataclass(frozen=True, slots=True)
class ClassPlan:
    """One fault class: its title, causes as the documents name them, and its chain."""

    fault_class: FaultClass
    title: str  # 一类, 二类 ...
    causes: tuple[str, ...]
    chain: tuple[ChainStep, ...]
    thresholds: bool  # whether t30m, t6h, t24h run
    source: str


@dataclass(frozen=True, slots=True)
class Department:
    """A department as a record: what it needs, who answers for it."""

    name: str
    title: str
    needs: tuple[str, ...]  # system names
    coordinator: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Threshold:
    """
    A point on the clock: when, who of 信息科 hears it, which departments by scope.

    In a scope that stands in ``by_need`` the departments are candidates: only those
    that need a system which is down are meant.
    """

    name: str  # t30m, t6h, t24h
    after: timedelta
    title: str  # 30分钟
    roles: tuple[str, ...]
    departments: Mapping[Scope, tuple[str, ...]]  # names; a scope that is not here has none
    source: str
    by_need: frozenset[Scope] = frozenset()

    def concerned(
        self, scope: Scope, systems_down: Collection[str], departments: Mapping[str, Department]
    ) -> tuple[str, ...]:
        """The departments this threshold means in a scope while these systems are down."""
        names = self.departments.get(scope, ())
        if scope not in self.by_need:
            return names
        return tuple(n for n in names if set(departments[n].needs).intersection(systems_down))


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """What practice leaves open, with its defaults ([P] in the plan's comments)."""

    class1_requires_interruption: bool = True
    settle: timedelta = timedelta(seconds=10)
    watch: timedelta = timedelta(minutes=10)  # 观察期
    whole_share: float = 0.5  # share of all systems down that makes 整体
    speed: float = 1.0  # demo only: divides the plan's durations


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole plan. Frozen; a reload brings a new one."""

    classes: Mapping[FaultClass, ClassPlan]
    thresholds: tuple[Threshold, ...]  # ascending
    departments: Mapping[str, Department]
    settings: PlanSettings
