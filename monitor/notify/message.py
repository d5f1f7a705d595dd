"""
The words of a notice, as docs/on-call.md lists them. Pure.

Title first, then what, who is hit, the next threshold, the number; one SMS of 70
characters wherever it fits. The words follow the hospital's practice: 「拟」 until a
person has confirmed the class, 上报 and 时限, 接报, 观察期 (never called 已恢复).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from monitor.incidents.escalation import RAISED, RECOVERED, TOLD
from monitor.incidents.topology import Topology
from monitor.model.incident import ClockState, FaultClass, Incident, Scope, Severity
from monitor.model.plan import Plan, Threshold

LOCAL = ZoneInfo("Asia/Shanghai")
CLASS = {
    FaultClass.CLASS1: "一类",
    FaultClass.CLASS2: "二类",
    FaultClass.CLASS3: "三类",
    FaultClass.OTHER: "其它",
    FaultClass.HAZARD: "隐患",
}
NAMED = 3  # departments and systems named before 「等」
MINUTE = 60
SMS = 70  # characters of UCS-2 in one SMS (3GPP TS 23.040)


@dataclass(frozen=True, slots=True)
class Text:
    """A title, and what follows it."""

    title: str
    body: str


def badge(incident: Incident) -> str:
    """「拟一类」 until a person confirms the class; a hazard is no fault and needs no 拟."""
    name = said(incident.fault_class, confirmed=incident.class_confirmed)
    if incident.fault_class is FaultClass.HAZARD:
        return f"{name}·紧急" if incident.severity is Severity.CRITICAL else name
    if incident.scope is Scope.SYSTEM and incident.fault_class is FaultClass.CLASS1:
        return f"{name}·单系统"
    return name


def said(fault_class: FaultClass, *, confirmed: bool) -> str:
    """「拟一类」, 「一类」, 「隐患」."""
    name = CLASS[fault_class]
    return name if confirmed or fault_class is FaultClass.HAZARD else f"拟{name}"


def clock_time(instant: datetime, now: datetime) -> str:
    """「03:10」, with the day where it is not today: 「10月2日03:10」."""
    local, today = instant.astimezone(LOCAL), now.astimezone(LOCAL)
    text = f"{local:%H:%M}"
    return text if local.date() == today.date() else f"{local.month}月{local.day}日{text}"


def span(wait: timedelta) -> str:
    """「42分钟」, 「2小时10分钟」, 「45秒」: how long, to read aloud."""
    seconds = max(0, int(wait.total_seconds()))
    if seconds < MINUTE:
        return f"{seconds}秒"
    hours, minutes = divmod(seconds // MINUTE, MINUTE)
    if not hours:
        return f"{minutes}分钟"
    return f"{hours}小时{minutes}分钟" if minutes else f"{hours}小时"


def began(incident: Incident) -> datetime:
    """The instant that thresholds and texts count from."""
    return incident.interrupted_at or incident.started_at


def hit(incident: Incident, plan: Plan) -> tuple[str, ...]:
    """Titles of the departments that need a system which is down."""
    down = set(incident.systems)
    return tuple(d.title for d in plan.departments.values() if down.intersection(d.needs))


def _several(names: Sequence[str], unit: str) -> str:
    if len(names) <= NAMED:
        return "、".join(names)
    return f"{'、'.join(names[:NAMED])}等{len(names)}{unit}"


def impact(incident: Incident, topology: Topology, plan: Plan) -> tuple[str, ...]:
    """
    「LIS等2个系统、6台设备不通,检验科受影响」, then shorter forms of the same.

    Each is "" when nothing else is hit.
    """
    systems = [topology.title(n) for n in incident.systems if n != incident.root.instance]
    named = systems if len(systems) <= 1 else [f"{systems[0]}等{len(systems)}个系统"]
    devices = [f"{len(incident.impact)}台设备"] * bool(incident.impact)
    departments = hit(incident, plan)
    hits = f"{_several(departments, '个科室')}受影响" if departments else ""
    count = f"{len(departments)}个科室受影响" if departments else ""
    return tuple(
        ",".join(part for part in (f"{'、'.join(what)}不通" if what else "", who) if part)
        for what, who in (
            (named + devices, hits),
            (named or devices, hits),
            (named + devices, count),
            (named or devices, count),
        )
    )


def next_threshold(incident: Incident, plan: Plan) -> tuple[Threshold, datetime] | None:
    """The next threshold that is still due, and when."""
    rows = {c.step: c for c in incident.clocks if c.state is ClockState.DUE}
    for threshold in plan.thresholds:
        if row := rows.get(threshold.name):
            return threshold, row.due_at
    return None


def _line(*sentences: str) -> str:
    return "。".join(s for s in sentences if s) + "。"


def _fit(title: str, bodies: Iterable[str]) -> Text:
    """The first body that makes one SMS with the title; the last one where none does."""
    body = ""
    for body in bodies:
        if len(title) + len(body) <= SMS:
            break
    return Text(title, body)


def _since(incident: Incident, now: datetime) -> str:
    """「03:10核心交换机失联」, the instant the clock runs from; a space before figures."""
    title = incident.root.title
    gap = " " if title[:1].isascii() else ""
    return f"{clock_time(began(incident), now)}{gap}{title}"


def _due(incident: Incident, plan: Plan, now: datetime) -> str:
    found = next_threshold(incident, plan)
    return f"{clock_time(found[1], now)}满{found[0].title}" if found else ""


def compose(
    step: str,
    incident: Incident,
    topology: Topology,
    plan: Plan,
    now: datetime,
    was: str = "",
) -> Text:
    """The text that one step of one incident owes; ``was``: the class that was named before."""
    threshold = next((t for t in plan.thresholds if t.name == step), None)
    if threshold:
        return _threshold(threshold, incident, topology, plan, now)
    if step == RECOVERED:
        return _recovered(incident, plan, now)
    if step == TOLD or step.startswith(RAISED):
        rise = _rise(step, incident, was, now) if step.startswith(RAISED) else ""
        return _told(rise, incident, topology, plan, now)
    return _reported(incident, topology, plan, now)


def _rise(step: str, incident: Incident, was: str, now: datetime) -> str:
    if step == RAISED + Scope.WHOLE:
        return "故障扩大"
    before = f"由{said(FaultClass(was), confirmed=incident.class_confirmed)}" if was else ""
    cut = f",{clock_time(began(incident), now)}起业务中断" if incident.interrupted_at else ""
    return f"{before}变为{badge(incident)}{cut}"


def _told(rise: str, incident: Incident, topology: Topology, plan: Plan, now: datetime) -> Text:
    calm = "" if incident.interrupted_at else "业务未见中断"
    due, ask = _due(incident, plan, now), _ask(incident)
    if incident.watching_since:  # it came and went before it could be told
        due = f"{clock_time(incident.watching_since, now)}起已通,观察期内"
    return _fit(
        f"【{badge(incident)}】{_since(incident, now)}",
        (
            _line(rise, _past(hits, incident) or calm, due, ask)
            for hits in impact(incident, topology, plan)
        ),
    )


def _past(hits: str, incident: Incident) -> str:
    return f"曾{hits}" if hits and incident.watching_since else hits


def _ask(incident: Incident) -> str:
    if incident.acknowledged_by:
        return f"{incident.acknowledged_by}已接报,事件{incident.number}"
    return f"请接报{incident.number}"


def _reported(incident: Incident, topology: Topology, plan: Plan, now: datetime) -> Text:
    if incident.acknowledged_by and incident.acknowledged_at:
        state = f"{incident.acknowledged_by}{clock_time(incident.acknowledged_at, now)}已接报"
    else:
        state = "值班尚未接报"
    due, number = _due(incident, plan, now), f"事件{incident.number}"
    return _fit(
        f"【{badge(incident)}·上报】{_since(incident, now)}",
        (_line(hits, state, due, number) for hits in impact(incident, topology, plan)),
    )


def _threshold(
    threshold: Threshold, incident: Incident, topology: Topology, plan: Plan, now: datetime
) -> Text:
    since = clock_time(began(incident), now)
    named = proposed(threshold, incident, plan)
    asks = [f"预案此时限:{who}转手工,由信息科核实后通知" for who in _shorter(named)]
    due = _due(incident, plan, now)
    return _fit(
        f"【{badge(incident)}】{incident.number}已断{threshold.title}({since}起)",
        (
            _line(f"{incident.root.title},未恢复", ask, due)
            for ask in asks or impact(incident, topology, plan)
        ),
    )


def _shorter(names: Sequence[str]) -> tuple[str, ...]:
    """The names, then fewer of them, for texts that must be short."""
    if not names:
        return ()
    return (_several(names, "个科室"), f"{names[0]}等{len(names)}个科室")[: len(names)]


def proposed(threshold: Threshold, incident: Incident, plan: Plan) -> tuple[str, ...]:
    """Titles of the departments the plan names at this threshold for the incident's scope."""
    names = threshold.concerned(incident.scope, incident.systems, plan.departments)
    return tuple(plan.departments[n].title for n in names)


def _recovered(incident: Incident, plan: Plan, now: datetime) -> Text:
    name = f"{incident.root.title}(事件{incident.number})"
    if incident.parts and all(p.withdrawn for p in incident.parts):
        return Text(
            f"【不再监控】{name}",
            _line("对象或规则已从配置中移除,不等于恢复", "请到控制台核对后关闭"),
        )
    first, ended = began(incident), incident.watching_since or incident.recovered_at or now
    word = "中断" if incident.interrupted_at else "历时"
    when = f"{clock_time(first, now)}起,{clock_time(ended, now)}恢复,{word}{span(ended - first)}"
    watch = span(plan.settings.watch / plan.settings.speed)
    return _fit(
        f"【已恢复】{name}",
        (
            _line(when, f"已观察{watch}未再出现", "请到控制台关闭并补记经过"),
            _line(when, f"观察{watch}正常", "请关闭并补记"),
        ),
    )


def facts(incident: Incident, step: str) -> Mapping[str, str]:
    """What a webhook may want beside the text: no addresses, no patient data."""
    return {
        "number": str(incident.number),
        "fault_class": incident.fault_class,
        "class_confirmed": str(incident.class_confirmed).lower(),
        "scope": incident.scope,
        "severity": incident.severity,
        "state": incident.state,
        "root": incident.root.instance,
        "step": step,
        "started_at": incident.started_at.isoformat(),
    }
