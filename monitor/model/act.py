"""What a person may do to an incident: one act each, never one button for several."""

from dataclasses import dataclass
from enum import StrEnum


class ActKind(StrEnum):
    """The acts this part carries; the lifecycle refuses the ones it does not know."""

    ACK = "ack"  # 接报
    NOTE = "note"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Act:
    """One act by one person."""

    kind: ActKind
    incident_id: int
    by: str
    text: str = ""


class IllegalActError(Exception):
    """The incident's state does not allow the act; the message says why, in Chinese."""
