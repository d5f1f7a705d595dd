"""
The pretend phones: what the daemon's webhook delivered, to whom, when.

A message is kept only when it was taken: refused and unanswered ones are counted, not
shown. Taken ones are appended to a file before the answer goes out, so that a reader
finds after a kill exactly what was confirmed.
"""

import json
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

KEPT = 300  # newest messages in memory; the file keeps all
MAX_TEXT = 4000  # characters; a notice is far shorter, a runaway sender is cut
_SHORT = 200  # characters of every other field


class Mode(StrEnum):
    """How the channel behaves: it takes, refuses (HTTP 200 with an errcode), or is mute."""

    NORMAL = "normal"
    REFUSE = "refuse"
    SILENT = "silent"


MODE_TITLES = {Mode.NORMAL: "正常", Mode.REFUSE: "拒绝", Mode.SILENT: "不应答"}


@dataclass(frozen=True, slots=True)
class Message:
    """One message on one person's phone."""

    key: str  # the notice's own key; the same twice is a repeated delivery
    person: str
    phone: str
    title: str
    text: str
    number: str
    step: str
    received_at: str  # RFC 3339, UTC
    repeated: bool = False


class MalformedMessageError(Exception):
    """What was posted is no message; the sentence says what is missing."""


class Phones:
    """All phones of the demo. Reads what an earlier run with the same state was sent."""

    def __init__(self, file: Path) -> None:
        self.mode = Mode.NORMAL
        self.turned_away: Counter[str] = Counter()  # attempts per mode that kept none
        self._file = file
        self._kept: deque[Message] = deque(_read(file), maxlen=KEPT)
        self._keys = {message.key for message in self._kept}

    @property
    def messages(self) -> tuple[Message, ...]:
        """Newest first."""
        return tuple(reversed(self._kept))

    def turn_away(self) -> None:
        """Count an attempt that the mode of the moment kept from arriving."""
        self.turned_away[self.mode] += 1

    def take(self, posted: object, now: datetime) -> Message:
        """Keep one message. Raises MalformedMessageError."""
        message = _message(posted, now, self._keys)
        with self._file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(asdict(message), ensure_ascii=False) + "\n")
        self._kept.append(message)
        self._keys.add(message.key)
        return message


def _message(posted: object, now: datetime, known: set[str]) -> Message:
    if not isinstance(posted, Mapping):
        raise MalformedMessageError("a message is one JSON object")
    for field in ("key", "person", "title"):
        if not isinstance(posted.get(field), str) or not posted[field]:
            raise MalformedMessageError(f"the message has no {field}")
    key = _clean(posted["key"], _SHORT)
    return Message(
        key=key,
        person=_clean(posted["person"], _SHORT),
        phone=_clean(posted.get("phone", ""), _SHORT),
        title=_clean(posted["title"], _SHORT),
        text=_clean(posted.get("text", ""), MAX_TEXT),
        number=_clean(posted.get("number", ""), _SHORT),
        step=_clean(posted.get("step", ""), _SHORT),
        received_at=now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        repeated=key in known,
    )


def _clean(value: object, most: int) -> str:
    """Bounded, and without control characters other than line breaks."""
    text = "".join(c for c in str(value)[:most] if c == "\n" or c.isprintable())
    return text.strip()


def _read(file: Path) -> list[Message]:
    """The file's last messages; a line cut short by a kill is passed over."""
    names = {field.name for field in fields(Message)}
    found = []
    if file.exists():
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines()[-KEPT:]:
            try:
                row: Any = json.loads(line)
                found.append(Message(**{name: row[name] for name in names}))
            except (ValueError, TypeError, KeyError):
                continue
    return found
