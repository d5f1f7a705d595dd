"""
The JSON of the API: what goes in and what comes out, as pydantic models.

The OpenAPI document is made of these same models, so that it cannot drift from the
answers. Times are RFC 3339 in UTC; names are the model's own words.
"""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

TEXT_MOST = 500  # characters of a note: what the lifecycle keeps of one, so that none is cut


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _clean(text: object) -> object:
    """Keep line feeds, drop what could forge a log line or hide text (controls, bidi)."""
    if not isinstance(text, str):
        return text
    kept = (c for c in text if c == "\n" or (c.isprintable() and c not in _HIDING))
    return "".join(kept).strip()


# Bidirectional controls (UAX 9): not printable to people, but printable to Python in part.
_HIDING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

Time = Annotated[
    datetime,
    PlainSerializer(
        _rfc3339, return_type=Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    ),
]
# Cleaned before it is measured: a note of nothing but controls is empty.
Text = Annotated[str, Field(max_length=TEXT_MOST), BeforeValidator(_clean)]
SomeText = Annotated[str, Field(min_length=1, max_length=TEXT_MOST), BeforeValidator(_clean)]
By = Annotated[str, Field(min_length=1, max_length=64, description="a person's name")]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class AckAsk(_In):
    """接报."""

    by: By
    text: Text = ""


class NoteAsk(_In):
    """A line for the timeline; also what closing needs: how it ended."""

    by: By
    text: SomeText


class ReloadAsk(_In):
    """Swap the configuration in."""

    by: By


class ErrorBody(_Out):
    """What went wrong: a word for programs, a sentence for people."""

    code: str
    message: str


class ErrorOut(_Out):
    """Every error answer."""

    error: ErrorBody


class RootOut(_Out):
    """故障点."""

    instance: str
    alertname: str
    kind: Literal["rule", "trap", "phone", "quorum", "self"]
    title: str


class ImpactOut(_Out):
    """One target that is cut because of the root; ``state`` is its own true state."""

    instance: str
    alertname: str
    since: Time | None
    state: Literal["up", "down", "unknown"]


class ClockOut(_Out):
    """Seconds since service was cut (else since the start), and the next step owed."""

    elapsed_seconds: int
    next_step: str | None
    next_due_at: Time | None


class DepartmentOut(_Out):
    """A department's part in the incident."""

    name: str
    step: str
    state: str
    at: Time


class IncidentOut(_Out):
    """One root cause and all that it explains."""

    id: int
    number: Annotated[str, Field(pattern=r"^\d{4,}$")]
    title: str
    fault_class: Literal["class1", "class2", "class3", "other", "hazard"]
    class_confirmed: bool
    scope: Literal["whole", "system", "local", "single"]
    severity: Literal["critical", "warning", "info"]
    state: Literal["open", "watching", "recovered", "closed", "merged"]
    drill: bool
    merged_into: int | None
    root: RootOut
    impact: list[ImpactOut]
    started_at: Time
    opened_at: Time
    acknowledged_by: str | None
    owner: str | None
    eta: Time | None
    clock: ClockOut
    departments: list[DepartmentOut]


class EventOut(_Out):
    """One row of the timeline."""

    at: Time
    who: str
    what: str
    before: str
    after: str
    detail: str


class StepOut(_Out):
    """One step of the incident's clock."""

    step: str
    due_at: Time
    state: Literal["due", "fired", "collapsed", "cancelled"]
    fired_at: Time | None


class NoticeOut(_Out):
    """One message owed to one person."""

    id: int
    incident_id: int
    step: str
    person: str
    channel: str
    title: str
    text: str
    state: Literal["queued", "sending", "sent"]
    attempts: int
    last_error: str
    created_at: Time
    next_try_at: Time | None
    sent_at: Time | None


class IncidentWhole(IncidentOut):
    """One incident with everything that was said and done."""

    systems: list[str]  # names of the systems that are down because of it
    interrupted_at: Time | None
    acknowledged_at: Time | None
    watching_since: Time | None
    recovered_at: Time | None
    closed_at: Time | None
    closed_by: str | None
    events: list[EventOut]
    steps: list[StepOut]
    notices: list[NoticeOut]


class TargetOut(_Out):
    """One target and what its newest visit found."""

    name: str
    title: str
    kind: str
    address: str
    level: int
    labels: dict[str, str]
    state: Literal["up", "down", "unknown"]
    since: Time | None
    reason: str
    detail: str
    visited_at: Time | None


class SystemOut(_Out):
    """A hospital system."""

    name: str
    title: str
    level: int
    state: Literal["up", "down", "unknown"]
    since: Time | None


class AlertOut(_Out):
    """A rule that is pending or firing for one label set."""

    group: str
    alertname: str
    state: Literal["pending", "firing"]
    stale: bool
    labels: dict[str, str]
    annotations: dict[str, str]
    active_at: Time
    fired_at: Time | None
    value: str


class ProblemOut(_Out):
    """One thing wrong in a configuration file."""

    file: str
    line: int
    key: str
    wrong: str
    right: str


class IncidentsOut(_Out):
    """``before`` of the next page; null at the end."""

    incidents: list[IncidentOut]
    next_before: int | None


class TargetsOut(_Out):
    """All targets."""

    targets: list[TargetOut]


class SystemsOut(_Out):
    """All systems."""

    systems: list[SystemOut]


class AlertsOut(_Out):
    """All alerts."""

    alerts: list[AlertOut]


class NoticesOut(_Out):
    """Notices, newest first."""

    notices: list[NoticeOut]


class ReloadOut(_Out):
    """``reloaded`` false: the old configuration stays, and the problems say why."""

    reloaded: bool
    problems: list[ProblemOut]
