"""
The moment a page is made for, its head, and rows of targets: plain values for templates.

Pure: no I/O and no clock. Every word comes from words.py; every time is given twice: as
people read it and as an instant that the browser counts from.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from monitor.incidents.sight import subject
from monitor.incidents.topology import members
from monitor.model.board import Board
from monitor.model.incident import FaultClass, Notice
from monitor.model.person import ON_DUTY
from monitor.store.waiting import Queue
from monitor.web import facts, words
from monitor.web.desk import SiteView

LATE = timedelta(seconds=60)  # a notice that waits longer than this is trouble
TONES = {
    FaultClass.CLASS1: "class1",
    FaultClass.CLASS2: "class2",
    FaultClass.CLASS3: "class3",
    FaultClass.OTHER: "other",
    FaultClass.HAZARD: "hazard",
}


def instant(at: datetime) -> str:
    """Write an instant as the browser reads it (RFC 3339, UTC)."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Scene:
    """The moment a page is made for: what is known, and the time on the wall."""

    site: SiteView
    board: Board
    now: datetime

    @cached_property
    def next_steps(self) -> Mapping[tuple[str, str], str]:
        """What a rule tells the engineer to do first, by alertname and subject."""
        return {
            (alert.alertname, subject(alert)): text
            for alert in self.board.alerts
            if (text := alert.annotations.get("next_step", ""))
        }

    def title(self, name: str) -> str:
        """Say a target's or a system's Chinese title; of a redundant pair, both."""
        found = [
            known.title if known else one
            for one in members(name)
            for known in [self.site.targets.get(one) or self.site.systems.get(one)]
        ]
        return "、".join(found)

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
    detail: str = ""  # the probe's own words, English
    level: str = ""
    insecure: bool = False  # read by SNMP without encryption, by the target's own choice


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
    trouble: tuple[str, ...] = ()
    speed: str = ""


def top(scene: Scene, trouble: Sequence[str], speed: float) -> Top:
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
        counts=tuple((TONES[c], title, live.count(c)) for c, title in words.CLASSES.items()),
        checked=checked,
        stale=stale,
        trouble=tuple(trouble),
        speed=f"演示：预案时限按 {speed:g} 倍速" if speed != 1 else "",
    )


def undelivered(
    queues: Mapping[str, Queue], notices: Iterable[Notice], now: datetime
) -> tuple[str, ...]:
    """Say what people should have heard and have not; nothing while it is only on its way."""
    refused = [n for n in notices if words.is_refused(n)]
    late = [queue for queue in queues.values() if now - queue.oldest_at > LATE]
    if not refused and not late:
        return ()
    number = sum(queue.count for queue in queues.values())
    whom = "、".join(dict.fromkeys(n.person for n in refused))
    said = f"{number} 条通知还没有送到{f'（{whom}）' if whom else ''}，正在重发，请电话联系"
    why = f"渠道应答：{refused[0].last_error}" if refused else ""
    return (f"{said}。{why}" if why else said,)


def target_row(scene: Scene, name: str) -> Row:
    """Make the row of one target, also of one that has left the configuration."""
    target = scene.site.targets.get(name)
    if target is None:
        return Row(name, name, "unknown", words.CONDITIONS["unknown"])
    visit = scene.board.visits.get(name)
    standing = facts.target_standing(target, visit, scene.now)
    failed = visit if visit and standing.state == "down" else None
    return Row(
        name=name,
        title=target.title,
        state=standing.state,
        word=words.CONDITIONS[standing.state],
        since=_since(scene, standing),
        reason=words.REASONS.get(failed.reason, failed.reason) if failed else "",
        detail=failed.detail if failed else "",
        level=words.LEVELS.get(target.level, ""),
        insecure=getattr(target.options, "insecure", False) is True,
    )


def optional(scene: Scene, at: datetime | None) -> str:
    """Write an instant that may be missing."""
    return scene.time(at) if at else ""


def _since(scene: Scene, standing: facts.Standing) -> str:
    if standing.since is None:
        return ""
    word = "上次检查" if standing.state == "unknown" else "起"
    time = scene.time(standing.since)
    return f"{word} {time}" if standing.state == "unknown" else f"{time} {word}"
