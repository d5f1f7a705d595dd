"""What the demo says on a terminal: English sentences, aligned tables with Chinese titles."""

import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from monitor.demo.network import Break, Device

SHANGHAI = ZoneInfo("Asia/Shanghai")
_DONE = {
    Break.CUT: "is cut off",
    Break.ERROR: "answers HTTP 500",
    Break.STOP: "is stopped",
    Break.MAINS: "has lost its mains and runs on battery",
    Break.PORT: "is down",
    Break.NOISE: "lets broken frames through",
    Break.WORN: "is to be replaced",
    Break.HEAT: "gets hot",
}


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def changed(act: str, device: Device, also: Sequence[str]) -> str:
    """What a break or a mend did, in one line."""
    done = _DONE[device.breaks] if act == "break" else "is mended"
    with_it = f", and with it {len(also)}: {', '.join(also)}" if also else ""
    return f"{device.name} ({device.title}) {done}{with_it}"


def status(answer: Mapping[str, Any]) -> str:
    """The table of all devices."""
    rows = [("NAME", "TITLE", "STATE", "ADDRESS")]
    for row in answer["devices"]:
        state = row["condition"]
        if row["by"]:
            state += f" by {'、'.join(row['by'])}"
        rows.append(("  " * row["depth"] + row["name"], row["title"], state, row["address"]))
    pid = answer["daemon_pid"]
    daemon = f"daemon: pid {pid}" if pid else "daemon: not running (demo restart-daemon)"
    return f"{_table(rows)}\n{daemon}"


def phone(answer: Mapping[str, Any]) -> str:
    """All messages, oldest first, as they came in."""
    lines = []
    for message in reversed(answer["messages"]):
        at = datetime.fromisoformat(message["received_at"]).astimezone(SHANGHAI)
        again = "  (delivered again)" if message["repeated"] else ""
        lines.append(f"{at:%m-%d %H:%M:%S}  {message['person']}  {message['title']}{again}")
        lines += [f"    {line}" for line in message["text"].splitlines()]
    if not lines:
        lines.append("no messages yet")
    if answer["mode"] != "normal":
        lines.append(f"(the phones are in mode {answer['mode']}: nothing arrives)")
    return "\n".join(lines)


def _table(rows: Iterable[Sequence[str]]) -> str:
    rows = list(rows)
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = (cell + " " * (w - width(cell)) for cell, w in zip(row, widths, strict=True))
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def width(text: str) -> int:
    """Columns on a terminal: Chinese characters take two (UAX #11)."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
