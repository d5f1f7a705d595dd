"""
The emergency plan as a file: ``plan.yml`` to ``model.plan.Plan``.

What the file may not say is refused here: a role outside 信息科 in a chain, a class
left out, thresholds for anything but class 1 (the departments' clock belongs to it, 004 五.2).
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from monitor.config.durations import Duration, between, text
from monitor.config.fields import Name, Number, Shape, StepName, SystemName, Text, Title, YesNo
from monitor.config.findings import Findings
from monitor.config.fit import entries, fit, section
from monitor.config.sentences import nearest, shown
from monitor.config.yamlpos import Document, Where
from monitor.model.incident import FaultClass, Scope
from monitor.model.person import ROLE_TITLES
from monitor.model.plan import (
    ChainStep,
    ClassPlan,
    Department,
    Plan,
    PlanSettings,
    Threshold,
)
from monitor.model.problem import Problem

FIRST = "told"
DIRECTOR_STEP = "director"
RESERVED = ("recovered", "reparented")  # words of the incident's own life
KEYS = ("settings", "classes", "thresholds", "departments")

Settle = Annotated[Duration, between("0s", "60s")]
Watch = Annotated[Duration, between("1s", "2h")]
Share = Annotated[Number, Field(gt=0, le=1)]
After = Annotated[Duration, between("0s", "7d")]


class SettingsShape(Shape):
    """What practice leaves open."""

    class1_requires_interruption: YesNo = True
    settle: Settle = timedelta(seconds=10)
    watch: Watch = timedelta(minutes=10)
    whole_share: Share = 0.5


class StepShape(Shape):
    """One step of a class's chain."""

    step: StepName
    roles: Annotated[list[str], Field(min_length=1)]
    after: After
    on_ack: YesNo = False


class ClassShape(Shape):
    """One fault class."""

    title: Title
    source: Text
    causes: list[Text]
    chain: Annotated[list[StepShape], Field(min_length=1)]
    thresholds: YesNo


class ThresholdShape(Shape):
    """One threshold; its departments are read by themselves."""

    name: StepName
    after: Annotated[Duration, between("1m", "7d")]
    title: Title
    roles: Annotated[list[str], Field(min_length=1)]
    source: Text
    departments: object


class DepartmentShape(Shape):
    """One department."""

    name: Name
    title: Title
    needs: list[SystemName]
    coordinator: Text = ""
    source: Text = ""


def plan(document: Document, findings: Findings) -> Plan | None:
    """The whole plan, or None with every reason among the findings."""
    before = len(findings)
    if not isinstance(document.data, dict):
        findings.add(document.problem((), "holds no plan", f"write {', '.join(KEYS)}"))
        return None
    for key in document.data.keys() - set(KEYS):
        findings.add(document.problem((key,), "unknown key", nearest(key, KEYS, "key")))
    settings = fit(
        SettingsShape,
        section(document.data, "settings", document, (), findings),
        document,
        ("settings",),
        findings,
    )
    departments = _departments(document, findings)
    thresholds = _thresholds(document, findings, departments)
    classes = _classes(document, findings, {t.name for t in thresholds})
    if settings is None or len(findings) > before:
        return None
    return Plan(classes, thresholds, departments, PlanSettings(**settings.model_dump()))


def _list(document: Document, name: str, findings: Findings) -> list[object]:
    value = document.data.get(name) if isinstance(document.data, dict) else None
    return entries(value, document, (name,), findings)


def _departments(document: Document, findings: Findings) -> dict[str, Department]:
    found: dict[str, Department] = {}
    for n, value in enumerate(_list(document, "departments", findings)):
        where: Where = ("departments", n)
        shape = fit(DepartmentShape, value, document, where, findings)
        if shape and shape.name in found:
            findings.add(twice(document, (*where, "name"), "department", shape.name))
        elif shape:
            fields = shape.model_dump() | {"needs": tuple(shape.needs)}
            found[shape.name] = Department(**fields)
    return found


def twice(document: Document, where: Where, what: str, name: str) -> Problem:
    """Something that must be one of a kind stands there again."""
    return document.problem(where, f"there is already a {what} {name}", "rename one of the two")


def _thresholds(
    document: Document, findings: Findings, departments: Mapping[str, Department]
) -> tuple[Threshold, ...]:
    found: list[Threshold] = []
    for n, value in enumerate(_list(document, "thresholds", findings)):
        where: Where = ("thresholds", n)
        shape = fit(ThresholdShape, value, document, where, findings)
        if shape is None:
            continue
        if shape.name in {t.name for t in found}:
            findings.add(twice(document, (*where, "name"), "threshold", shape.name))
        if found and shape.after <= found[-1].after:
            wrong = f"{text(shape.after)} is not later than the threshold before it"
            right = f"put the thresholds in order, after {text(found[-1].after)}"
            findings.add(document.problem((*where, "after"), wrong, right))
        roles = check_roles(shape.roles, document, (*where, "roles"), findings)
        lists, by_need = _by_scope(shape.departments, document, where, findings, departments)
        found.append(
            Threshold(shape.name, shape.after, shape.title, roles, lists, shape.source, by_need)
        )
    if not found:
        findings.add(document.problem(("thresholds",), "has no threshold", "write t30m, t6h, t24h"))
    return tuple(found)


def _by_scope(
    value: object,
    document: Document,
    where: Where,
    findings: Findings,
    departments: Mapping[str, Department],
) -> tuple[dict[Scope, tuple[str, ...]], frozenset[Scope]]:
    place = (*where, "departments")
    if not isinstance(value, dict) or "whole" not in value:
        right = "write whole: [...] or whole: all; system: by_need; local: by_need"
        findings.add(document.problem(place, "does not say whom the scope 整体 means", right))
        return {}, frozenset()
    whole = _whole(value["whole"], document, (*place, "whole"), findings, departments)
    lists, by_need = {Scope.WHOLE: whole}, set()
    for key, said in value.items():
        if key == "whole":
            continue
        if key not in (Scope.SYSTEM, Scope.LOCAL):
            right = nearest(str(key), ("whole", "system", "local"), "key")
            findings.add(document.problem((*place, key), "unknown key", right))
        elif said != "by_need":
            wrong = f"expected by_need, found {shown(said)}"
            findings.add(document.problem((*place, key), wrong))
        else:
            lists[Scope(key)] = whole
            by_need.add(Scope(key))
    return lists, frozenset(by_need)


def _whole(
    value: object,
    document: Document,
    where: Where,
    findings: Findings,
    departments: Mapping[str, Department],
) -> tuple[str, ...]:
    if value == "all":
        return tuple(departments)
    names: dict[str, None] = {}
    for n, name in enumerate(entries(value, document, where, findings)):
        if not isinstance(name, str) or name not in departments:
            wrong = f"there is no department {shown(name)}"
            right = nearest(str(name), departments, "department")
            findings.add(document.problem((*where, n), wrong, right))
        else:
            names[name] = None
    return tuple(names)


def _classes(
    document: Document, findings: Findings, thresholds: set[str]
) -> dict[FaultClass, ClassPlan]:
    written = section(document.data, "classes", document, (), findings)
    for key in written.keys() - set(FaultClass):
        right = nearest(key, FaultClass)
        findings.add(document.problem(("classes", key), "unknown fault class", right))
    found: dict[FaultClass, ClassPlan] = {}
    for name in FaultClass:
        where: Where = ("classes", str(name))
        if name not in written:
            findings.add(document.problem(where, "is missing", "the plan needs all five classes"))
            continue
        shape = fit(ClassShape, written[name], document, where, findings)
        if shape is None:
            continue
        if shape.thresholds and name is not FaultClass.CLASS1:
            wrong = "only class1 has thresholds for departments (004 五.2)"
            findings.add(document.problem((*where, "thresholds"), wrong, "write false"))
        chain = _chain(shape, document, (*where, "chain"), findings, thresholds)
        found[name] = ClassPlan(
            name, shape.title, tuple(shape.causes), chain, shape.thresholds, shape.source
        )
    return found


def _chain(
    shape: ClassShape,
    document: Document,
    where: Where,
    findings: Findings,
    thresholds: set[str],
) -> tuple[ChainStep, ...]:
    steps: list[ChainStep] = []
    for n, step in enumerate(shape.chain):
        place = (*where, n)
        roles = check_roles(step.roles, document, (*place, "roles"), findings)
        if step.step in {s.name for s in steps} or step.step in thresholds:
            findings.add(twice(document, (*place, "step"), "step", step.step))
        if step.step in RESERVED:
            findings.add(document.problem((*place, "step"), f"{step.step} is a word of our own"))
        if steps and step.after < steps[-1].after:
            wrong = f"{text(step.after)} is earlier than the step before it"
            findings.add(document.problem((*place, "after"), wrong, "put the steps in order"))
        steps.append(ChainStep(step.step, roles, step.after, step.on_ack))
    if steps[0].name != FIRST or steps[0].after:
        wrong = f"the first step is {steps[0].name} after {text(steps[0].after)}"
        findings.add(document.problem((*where, 0), wrong, "begin with step: told, after: 0s"))
    return tuple(steps)


def check_roles(
    roles: list[str], document: Document, where: Where, findings: Findings
) -> tuple[str, ...]:
    """Roles of 信息科; anybody else is told by a person, never by the machine."""
    for n, role in enumerate(roles):
        if role not in ROLE_TITLES:
            wrong = f"unknown role {shown(role)}; nobody outside 信息科 is told by the machine"
            right = nearest(role, ROLE_TITLES, "role")
            findings.add(document.problem((*where, n), wrong, right))
    return tuple(dict.fromkeys(roles))
