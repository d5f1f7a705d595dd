"""
What the console shows, as plain values ready for the templates.

Pure: no I/O and no clock. Every word comes from words.py; every time is given twice: as
people read it and as an instant that the browser counts from.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from monitor.model.board import Board
from monitor.model.incident import Event, FaultClass, Incident, Notice, NoticeState, Root, State
from monitor.model.person import ON_DUTY
from monitor.model.plan import Plan
from monitor.web import facts, words
from monitor.web.desk import SiteView

LATE = timedelta(seconds=60)  # a notice not tried for so long is trouble, too
_TONES = {
    FaultClass.CLASS1: "class1",
    FaultClass.CLASS2: "class2",
    FaultClass.CLASS3: "class3",
    FaultClass.OTHER: "other",
    FaultClass.HAZARD: "hazard",
}


def instant(at: datetime) -> str:
    """Write an instant as the browser reads it (RFC 3339, UTC)."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Scene:
    """The moment a page is made for: what is known, and the time on the wall."""

    site: SiteView
    board: Board
    now: datetime

    def title(self, name: str) -> str:
        """Say a target's or a system's Chinese title."""
        known = self.site.targets.get(name) or self.site.systems.get(name)
        return known.title if known else name

    def time(self, at: datetime) -> str:
        """Write an instant as the wall clock shows it."""
        return words.clock_time(at, self.now)


@dataclass(frozen=True, slots=True)
class Count:
    """A number that the browser keeps counting: up from, or down to, an instant."""

    label: str
    text: str
    at: str  # instant; "" stands still
    down: bool = True
    over: bool = False  # the instant has passed


@dataclass(frozen=True, slots=True)
class Row:
    """One target or system in a list."""

    name: str
    title: str
    state: str  # up, down, unknown
    word: str
    since: str = ""
    reason: str = ""
    level: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a timeline."""

    at: str
    who: str
    what: str
    text: str


@dataclass(frozen=True, slots=True)
class Sent:
    """One notice and how far it came."""

    at: str
    step: str
    person: str
    channel: str
    title: str
    text: str
    state: str  # queued, refused, sending, sent
    word: str
    why: str


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of an incident's clock."""

    title: str
    due: str
    state: str
    word: str
    fired: str


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
    interrupted: str
    recovered: str
    closed: str
    systems: tuple[str, ...]
    impact: tuple[Row, ...]
    causes: tuple[str, ...]
    steps: tuple[StepRow, ...]
    lines: tuple[Line, ...] = ()
    notices: tuple[Sent, ...] = ()
    unsent: int = 0


@dataclass(frozen=True, slots=True)
class Top:
    """The head of every page."""

    now: str
    clock: str
    on_duty: tuple[str, ...]
    people: tuple[str, ...]
    counts: tuple[tuple[str, str, int], ...]  # tone, title, number of incidents not over
    checked: str
    stale: str  # the sentence of the red bar, "" while all is well
    trouble: tuple[str, ...] = field(default=())
    speed: str = ""


def top(scene: Scene, notices: Sequence[Notice], trouble: Iterable[str], speed: float) -> Top:
    """Make the head: who is on duty, how many faults, whether the data is alive."""
    board, people = scene.board, scene.site.people
    live = [i.fault_class for i in board.incidents if i.state in facts.LIVE]
    checked = scene.time(board.now) if board.now else ""
    stale = ""
    if facts.is_stale(board, scene.now):
        last = f"最后一次检查 {checked}" if checked else "启动后尚未完成第一次检查"
        stale = f"监控数据已停止更新：{last}，以下内容可能不是现状"
    return Top(
        now=instant(scene.now),
        clock=f"{words.local(scene.now):%m月%d日 %H:%M:%S}",
        on_duty=tuple(p.name for p in people if ON_DUTY in p.roles),
        people=tuple(p.name for p in people),
        counts=tuple((_TONES[c], title, live.count(c)) for c, title in words.CLASSES.items()),
        checked=checked,
        stale=stale,
        trouble=(*trouble, *_undelivered(notices, scene.now)),
        speed=f"演示：预案时限按 {speed:g} 倍速" if speed != 1 else "",
    )


def _undelivered(notices: Sequence[Notice], now: datetime) -> tuple[str, ...]:
    waiting = [n for n in notices if n.state is not NoticeState.SENT]
    late = [n for n in waiting if n.attempts or now - n.created_at > LATE]
    if not late:
        return ()
    whom = "、".join(dict.fromkeys(n.person for n in late))
    why = next((n.last_error for n in late if n.last_error), "")
    said = f"{len(late)} 条通知还没有送到（{whom}），正在重发，请电话联系"
    return (f"{said}。渠道应答：{why}" if why else said,)


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
        tone=_TONES[one.fault_class],
        badge=words.badge(one.fault_class, confirmed=one.class_confirmed),
        state=one.state.value,
        state_word=words.STATES[one.state],
        title=one.root.title,
        root=_root(scene, one.root),
        scope=words.SCOPES[one.scope],
        severity=words.SEVERITIES[one.severity],
        started=scene.time(one.started_at),
        elapsed=Count(
            "共" if over else "已",
            words.span(passed.total_seconds()),
            "" if over else instant(started),
            down=False,
        ),
        big=_big(scene, one, titles),
        then=_then(scene, one, titles),
        acknowledged=_acknowledged(scene, one),
        can_ack=one.state in facts.LIVE and not one.acknowledged_by,
        can_close=one.state is State.RECOVERED,
        drill=one.drill,
        watching=one.state is State.WATCHING,
        interrupted=_optional(scene, one.interrupted_at),
        recovered=_optional(scene, one.recovered_at),
        closed=f"{_optional(scene, one.closed_at)} {one.closed_by}".strip(),
        systems=tuple(scene.title(name) for name in one.systems),
        impact=tuple(target_row(scene, name) for name in one.impact),
        causes=tuple(dict.fromkeys(p.summary or p.what or p.alertname for p in one.parts)),
        steps=_steps(scene, one, titles),
        lines=tuple(line(scene, e, titles) for e in events),
        notices=tuple(sent(scene, n, titles) for n in notices),
        unsent=sum(n.state is not NoticeState.SENT for n in notices),
    )


def _root(scene: Scene, root: Root) -> str:
    title = scene.title(root.instance)
    return title if title == root.instance else f"{title}（{root.instance}）"


def _optional(scene: Scene, at: datetime | None) -> str:
    return scene.time(at) if at else ""


def _acknowledged(scene: Scene, one: Incident) -> str:
    if not one.acknowledged_by:
        return ""
    return f"{one.acknowledged_by} {_optional(scene, one.acknowledged_at)}".strip()


def _big(scene: Scene, one: Incident, titles: dict[str, str]) -> Count | None:
    """Choose the figure that matters: the next time limit, or the end of 观察期."""
    plan: Plan = scene.site.plan
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


def _steps(scene: Scene, one: Incident, titles: dict[str, str]) -> tuple[StepRow, ...]:
    return tuple(
        StepRow(
            words.step(c.step, titles),
            scene.time(c.due_at),
            c.state.value,
            words.CLOCK_STATES[c.state],
            _optional(scene, c.fired_at),
        )
        for c in sorted(one.clocks, key=lambda c: (c.due_at, c.step))
    )


def line(scene: Scene, event: Event, titles: dict[str, str]) -> Line:
    """Put one event in words."""
    who = words.OWN_NAME if event.who == "zhiban" else event.who
    what = words.EVENTS.get(event.what, event.what)
    return Line(scene.time(event.at), who, what, _event_text(scene, event, titles))


def _event_text(scene: Scene, event: Event, titles: dict[str, str]) -> str:
    if event.what == "step":
        return f"{words.step(event.after, titles)}：{event.detail or '无人'}"
    if event.what in {"class_raised", "class_changed", "scope_changed"}:
        return f"{words.value(event.before)} → {words.value(event.after)} {event.detail}".strip()
    if event.what == "reparented":
        return f"{scene.title(event.before)} → {scene.title(event.after)}"
    if event.what == "opened":
        return scene.title(event.detail)
    return event.detail


def sent(scene: Scene, notice: Notice, titles: dict[str, str]) -> Sent:
    """Put one notice in words."""
    state = notice.state.value
    if notice.state is NoticeState.QUEUED and notice.attempts:
        state = "refused"
    return Sent(
        at=scene.time(notice.sent_at or notice.created_at),
        step=words.step(notice.step, titles),
        person=notice.person,
        channel=notice.channel,
        title=notice.title,
        text=notice.text,
        state=state,
        word=words.delivery(notice),
        why="" if notice.state is NoticeState.SENT else notice.last_error,
    )


def target_row(scene: Scene, name: str) -> Row:
    """Make the row of one target, also of one that has left the configuration."""
    target = scene.site.targets.get(name)
    if target is None:
        return Row(name, name, "unknown", words.CONDITIONS["unknown"])
    visit = scene.board.visits.get(name)
    standing = facts.target_standing(target, visit, scene.now)
    reason = ""
    if visit and standing.state == "down":
        reason = words.REASONS.get(visit.reason, visit.reason)
        reason = f"{reason}（{visit.detail}）" if visit.detail else reason
    return Row(
        name=name,
        title=target.title,
        state=standing.state,
        word=words.CONDITIONS[standing.state],
        since=_since(scene, standing),
        reason=reason,
        level=words.LEVELS.get(target.level, ""),
    )


def _since(scene: Scene, standing: facts.Standing) -> str:
    if standing.since is None:
        return ""
    word = "上次检查" if standing.state == "unknown" else "起"
    time = scene.time(standing.since)
    return f"{word} {time}" if standing.state == "unknown" else f"{time} {word}"
