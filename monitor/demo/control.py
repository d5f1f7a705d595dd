"""
How a second terminal reaches the running demo: one JSON line each way on a unix socket.

The socket is the owner's only. A note (demo.json) says where it is: in the state folder,
and once more in a well-known place, so that `zhiban demo break NAME` needs no arguments.
"""

import asyncio
import contextlib
import json
import os
import socket
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NOTE = "demo.json"
MAX_LINE = 1 << 20
_LONGEST = 100  # bytes of a socket's path; the kernel takes 107 (unix(7))

Answer = dict[str, object]
Act = Callable[[str, Mapping[str, str]], Awaitable[Answer]]
"""Does one thing by its name and words. Raises RefusedError."""


class RefusedError(Exception):
    """The demo will not do it: a sentence and the exit code it means."""

    def __init__(self, sentence: str, code: int = 2) -> None:
        super().__init__(sentence)
        self.code = code


class NotRunningError(Exception):
    """There is no demo to talk to."""


@dataclass(frozen=True, slots=True)
class Note:
    """Where a running demo is."""

    control: str  # path of the socket
    pid: int
    daemon_pid: int
    console: str
    switchboard: str
    state: str


class Control:
    """The demo's end. ``open()`` after the state folder is locked."""

    def __init__(self, state: Path, act: Act) -> None:
        self.path = _socket_path(state)
        self._state = state
        self._act = act
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen. A socket left by a killed demo is replaced: the state's lock is ours."""
        self.path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        old = os.umask(0o177)  # between bind and chmod nobody else may connect
        try:
            listener.bind(str(self.path))
        finally:
            os.umask(old)
        self._server = await asyncio.start_unix_server(self._talk, sock=listener, limit=MAX_LINE)

    def announce(self, note: Note) -> None:
        """Write where we are, for the other terminals."""
        for file in (self._state / NOTE, shared_note()):
            with contextlib.suppress(OSError):  # the well-known place may be closed to us
                file.parent.mkdir(parents=True, exist_ok=True)
                text = json.dumps({name: getattr(note, name) for name in note.__slots__}, indent=2)
                fresh = file.with_suffix(".new")
                fresh.write_text(text + "\n")
                fresh.replace(file)

    async def close(self) -> None:
        """Stop listening and take our notes away; another demo's note stays."""
        if self._server is not None:
            self._server.close()
        self.path.unlink(missing_ok=True)
        if self.path.parent != self._state:
            self.path.parent.rmdir()
        for file in (self._state / NOTE, shared_note()):
            note = read_note(file)
            if note and note.control == str(self.path):
                file.unlink(missing_ok=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer: Answer
        try:
            async with asyncio.timeout(30):
                asked = json.loads(await reader.readline())
                answer = {"ok": True, **await self._act(str(asked.pop("do", "")), asked)}
        except RefusedError as e:
            answer = {"ok": False, "error": str(e), "code": e.code}
        except (ValueError, AttributeError, TypeError, TimeoutError) as e:
            answer = {"ok": False, "error": f"not understood: {e}", "code": 2}
        with contextlib.suppress(OSError):
            writer.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
            await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def shared_note() -> Path:
    """The well-known place: the session's runtime folder, else the user's state folder."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) / "zhiban-demo.json" if runtime else home_state() / "running.json"


def home_state() -> Path:
    """Where the demo's state is kept when the current folder cannot take it."""
    return Path("~/.local/state/zhiban-demo").expanduser()


def read_note(file: Path) -> Note | None:
    """A note, or None where there is none that can be read."""
    try:
        row = json.loads(file.read_text())
        return Note(**{name: row[name] for name in Note.__slots__})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def ask(state: Path | None, do: str, **words: str) -> dict[str, Any]:
    """
    Ask the running demo. ``state`` None: the one of this folder, else the newest one.

    Raises NotRunningError, or RefusedError with the demo's own sentence.
    """
    for note in _notes(state):
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            answer = _exchange(note.control, {"do": do, **words})
            if not answer.get("ok"):
                raise RefusedError(str(answer.get("error")), int(answer.get("code", 2)))
            return answer
    where = f" in {state}" if state else ""
    raise NotRunningError(f"no demo is running{where}; start one with: zhiban demo")


def _notes(state: Path | None) -> Iterator[Note]:
    places = (
        (state / NOTE,) if state else (Path(".demo") / NOTE, shared_note(), home_state() / NOTE)
    )
    for place in places:
        if note := read_note(place):
            yield note


def _exchange(path: str, asked: Mapping[str, str]) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(35)
        line.connect(path)
        line.sendall(json.dumps(asked).encode() + b"\n")
        with line.makefile("rb") as incoming:
            said = incoming.readline()
    try:
        answer = json.loads(said)
    except ValueError as e:
        raise NotRunningError("the demo ended while it was asked") from e
    return dict(answer)


def _socket_path(state: Path) -> Path:
    path = state / "control.sock"
    if len(os.fsencode(path)) > _LONGEST:
        path = Path(tempfile.mkdtemp(prefix="zhiban-demo-")) / "control.sock"
    return path
