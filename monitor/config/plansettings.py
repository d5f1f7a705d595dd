"""Which plan files hold, and what this hospital's own settings change in the plan."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from monitor.config import shipped, textfile
from monitor.config.models import PlanShape
from monitor.config.planfile import DIRECTOR_STEP
from monitor.model.incident import FaultClass
from monitor.model.plan import ChainStep, Plan


def paths(folder: Path, said: object) -> tuple[Path, Path]:
    """
    The plan and the table of limits, for ``daemon.plan`` as written or not.

    A plan of the hospital's own may stand without a table: then the shipped one holds.
    """
    ours = shipped.rules() / "plan"
    if not isinstance(said, str):
        return ours / "plan.yml", ours / "thresholds.yml"
    named = folder / said
    plan = named / "plan.yml" if textfile.is_folder(named) else named
    beside = plan.parent / "thresholds.yml"
    return plan, beside if textfile.is_file(beside) else ours / "thresholds.yml"


def director_steps(plan: Plan) -> list[ChainStep]:
    """The steps that ``director_after`` is about."""
    chain = plan.classes[FaultClass.CLASS1].chain
    return [step for step in chain if step.name == DIRECTOR_STEP]


def overridden(plan: Plan, own: PlanShape) -> Plan:
    """The plan with this hospital's own settings."""
    said = own.model_dump(exclude_none=True, exclude={"director_after"})
    settings = replace(plan.settings, **said)
    if own.director_after is None:
        return replace(plan, settings=settings)
    first = plan.classes[FaultClass.CLASS1]
    chain = tuple(
        replace(step, after=own.director_after) if step.name == DIRECTOR_STEP else step
        for step in first.chain
    )
    classes = {**plan.classes, FaultClass.CLASS1: replace(first, chain=chain)}
    return replace(plan, settings=settings, classes=classes)


def spelt(plan: Plan, systems: Iterable[str]) -> Plan:
    """The departments' needs as the inventory spells its systems: HIS or his."""
    spelling = {name.casefold(): name for name in systems}
    departments = {
        name: replace(d, needs=tuple(spelling.get(n.casefold(), n) for n in d.needs))
        for name, d in plan.departments.items()
    }
    return replace(plan, departments=departments)
