"""
One incident as a card or a page. Pure: no I/O and no clock.

Times are given twice: as people read them, and as instants that the browser counts from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from monitor.incidents.topology import members
from monitor.model.incident import Event, Incident, Notice, NoticeState, Root, State
from monitor.notify.message import hit
from monitor.web import facts, words
from monitor.web.story import Line, Sent, StepRow, line, sent, steps
from monitor.web.view import TONES, Count, Row, Scene, instant, optional, target_row

IMPACT_MOST = 100  # rows of one card; the number is always whole


@dataclass(frozen=True, slots=True)
class Card:
    """One incident."""

    id: int
    number: str
    tone: str
    badge: str
    state: str
    state_word: str
    title: str
    root: str
    scope: str
    severity: str
    started: str
    elapsed: Count
    big: Count | None
    then: str  # the step before the big one, if any
    acknowledged: str
    can_ack: bool
    can_close: bool
    drill: bool
    watching: bool
    calm: bool  # service was never cut
    interrupted: str
    outage: str  # 停机时段: from the cut of service to the beginning of 观察期
    recovered: str
    closed: str
    systems: tuple[str, ...]
    departments: tuple[str, ...]  # that need one of these systems; a fact, not a proposal
    impact: tuple[Row, ...]
    impact_count: int
    causes: tuple[str, ...]  # what the root's own alerts say; the impact has its list
    first: tuple[str, ...]  # what the rules tell the engineer to look at first
    steps: tuple[StepRow, ...]
    lines: tuple[Line, ...] = ()
    notices: tuple[Sent, ...] = ()
    unsent: int = 0


def card(
    scene: Scene,
    one: Incident,
    events: Sequence[Event] = (),
    notices: Sequence[Notice] = (),
) -> Card:
    """Make one incident's card, or page."""
    titles = {t.name: t.title for t in scene.site.plan.thresholds}
    over = one.state not in facts.LIVE
    started = one.interrupted_at or one.started_at
    passed = facts.elapsed(one, scene.now)
    return Card(
        id=one.id,
        number=facts.number(one),
        tone="over" if over else TONES[one.fault_class],
        badge=words.badge(one.fault_class, confirmed=one.class_confirmed),
        state=one.state.value,
        state_word=words.state(one),
        title=one.root.title,
        root=_root(scene, one.root),
        scope=words.SCOPES[one.scope],
        severity=words.SEVERITIES[one.severity],
        started=scene.time(one.started_at),
        elapsed=Count(
            ("共" if over else "已") + ("中断" if one.interrupted_at else "持续"),
            words.span(passed.total_seconds()),
            instant(started) if one.state is State.OPEN else "",
            down=False,
        ),
        big=_big(scene, one, titles),
        then=_then(scene, one, titles),
        acknowledged=_acknowledged(scene, one),
        can_ack=one.state in facts.LIVE and not one.acknowledged_by,
        can_close=one.state is State.RECOVERED,
        drill=one.drill,
        watching=one.state is State.WATCHING,
        calm=one.interrupted_at is None,
        interrupted=optional(scene, one.interrupted_at),
        outage=_outage(scene, one) if over else "",
        recovered=optional(scene, one.recovered_at),
        closed=f"{optional(scene, one.closed_at)} {one.closed_by}".strip(),
        systems=tuple(scene.title(name) for name in one.systems),
        departments=hit(one, scene.site.plan),
        impact=tuple(target_row(scene, name) for name in one.impact[:IMPACT_MOST]),
        impact_count=len(one.impact),
        causes=_causes(one),
        first=() if over else _first(scene, one),
        steps=steps(scene, one, titles),
        lines=tuple(line(scene, e, titles) for e in events),
        notices=tuple(sent(scene, n, titles) for n in notices),
        unsent=sum(n.state is not NoticeState.SENT for n in notices),
    )


def _root(scene: Scene, root: Root) -> str:
    title = scene.title(root.instance)
    named = title == root.instance or len(members(root.instance)) > 1
    return title if named else f"{title}（{root.instance}）"


def _outage(scene: Scene, one: Incident) -> str:
    if not one.interrupted_at or not one.watching_since:
        return ""
    return f"{scene.time(one.interrupted_at)}—{scene.time(one.watching_since)}"


def _causes(one: Incident) -> tuple[str, ...]:
    root = members(one.root.instance)
    said = (p.summary or p.what or p.alertname for p in one.parts if p.instance in root)
    return tuple(dict.fromkeys(said))


def _first(scene: Scene, one: Incident) -> tuple[str, ...]:
    """The annotation ``next_step`` of the root's own alerts, while they fire."""
    root = members(one.root.instance)
    said = (
        scene.next_steps.get((p.alertname, p.instance), "")
        for p in one.parts
        if p.instance in root and p.ended_at is None
    )
    return tuple(dict.fromkeys(text for text in said if text))


def _acknowledged(scene: Scene, one: Incident) -> str:
    if not one.acknowledged_by:
        return "" if one.state in facts.LIVE else "无人接报"
    return f"{one.acknowledged_by} {optional(scene, one.acknowledged_at)}".strip()


def _big(scene: Scene, one: Incident, titles: dict[str, str]) -> Count | None:
    """Choose the figure that matters: the next time limit, or the end of 观察期."""
    plan = scene.site.plan
    if one.state is State.WATCHING and one.watching_since:
        until = one.watching_since + plan.settings.watch / plan.settings.speed
        return _down("观察期还剩", until, scene.now)
    if one.state is not State.OPEN:
        return None
    due = facts.next_step(one, frozenset(titles))
    return _down(f"距{titles[due.step]}", due.due_at, scene.now) if due else None


def _down(label: str, until: datetime, now: datetime) -> Count:
    left = (until - now).total_seconds()
    return Count(label, words.span(left), instant(until), over=left <= 0)


def _then(scene: Scene, one: Incident, titles: dict[str, str]) -> str:
    due = facts.next_step(one)
    if one.state is not State.OPEN or due is None:
        return ""
    return f"{scene.time(due.due_at)} {words.step(due.step, titles)}"
