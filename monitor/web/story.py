"""An incident's timeline, steps and notices in words. Pure: no I/O and no clock."""

from dataclasses import dataclass

from monitor.model.incident import Event, Incident, Notice, NoticeState
from monitor.web import words
from monitor.web.view import Scene, optional


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


def steps(scene: Scene, one: Incident, titles: dict[str, str]) -> tuple[StepRow, ...]:
    """Put an incident's clock in words, in the order the steps fall due."""
    return tuple(
        StepRow(
            words.step(c.step, titles),
            scene.time(c.due_at),
            c.state.value,
            words.CLOCK_STATES[c.state],
            optional(scene, c.fired_at),
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
    state = "refused" if words.is_refused(notice) else notice.state.value
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
