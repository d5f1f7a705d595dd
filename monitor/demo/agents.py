"""
The virtual SNMP agents as the demo holds them: one child process, one line a change.

pysnmp takes its time, so it never runs in the demo's own loop. The child ends when its
standard input does: a demo that is killed leaves none behind.
"""

import asyncio
import contextlib
import json
import os
import secrets
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from monitor.demo.daemon import ROOT
from monitor.demo.edge import HOST, Address

PROGRAM = (sys.executable, "-m", "monitor.demo.snmpd")
USER = "zhiban"
START_SECONDS = 40.0  # ten engines take 2 s here; a loaded machine takes its time
ANSWER_SECONDS = 20.0
_TAIL = 2000  # bytes of its log that are shown when it does not start


class AgentsError(Exception):
    """The agents do not run, or do not do as they are told; the message says why."""


@dataclass(frozen=True, slots=True)
class Login:
    """The SNMPv3 user of all agents, for authPriv (RFC 3414: at least 8 characters each)."""

    auth: str = field(repr=False)
    priv: str = field(repr=False)
    user: str = USER


def password_files(state: Path) -> tuple[Path, Path]:
    """Where the passwords stand: for authentication, for privacy."""
    return state / "snmp.auth", state / "snmp.priv"


def login(state: Path) -> Login:
    """Take the passwords kept in the state folder, made at the first start; owner's only."""
    auth, priv = password_files(state)
    return Login(_kept(auth), _kept(priv))


def _kept(file: Path) -> str:
    if not file.exists():
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
            out.write(secrets.token_urlsafe(24) + "\n")
    return file.read_text().strip()


class Agents:
    """All agents of the demo. ``start()`` first, ``stop()`` last."""

    def __init__(self, state: Path, login: Login) -> None:
        self._state = state
        self._login = login
        self._process: asyncio.subprocess.Process | None = None
        self._one = asyncio.Lock()
        self._ports: Mapping[str, int] = {}

    @property
    def pid(self) -> int | None:
        """Of the child process."""
        return self._process.pid if self._process else None

    def address(self, name: str) -> Address:
        """Where an agent listens (UDP); valid after start()."""
        return (HOST, self._ports[name])

    async def start(self, roles: Iterable[tuple[str, str]]) -> None:
        """Start an agent for each (name, role). Raises AgentsError."""
        boots = self._state / "snmp"  # each engine counts its boots in a file below it
        boots.mkdir(mode=0o700, exist_ok=True)
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        with (self._state / "snmp.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *PROGRAM,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(boots)},
                start_new_session=True,  # Ctrl-C is for the demo, which then ends it
            )
        who = {"user": self._login.user, "auth": self._login.auth, "priv": self._login.priv}
        agents = [{"name": name, "role": role} for name, role in roles]
        self._ports = await self._ask({"login": who, "agents": agents}, START_SECONDS)

    async def boot(self, name: str) -> None:
        """Switch an agent off and on: its counters, its engine's boots. Raises AgentsError."""
        await self._do({"agent": name, "do": "start"})

    async def change(self, name: str, what: str, *, on: bool) -> None:
        """Let something happen to a device (virtual.py names what). Raises AgentsError."""
        await self._do({"agent": name, "do": what, "on": on})

    async def stop(self) -> None:
        """End the child."""
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(2):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _do(self, said: Mapping[str, object]) -> None:
        answer = await self._ask(said, ANSWER_SECONDS)
        if not answer["ok"]:
            raise AgentsError(f"the virtual agents refuse: {answer['error']}")

    async def _ask(self, said: Mapping[str, object], seconds: float) -> dict[str, int]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise AgentsError("the virtual agents are not started")
        try:
            async with self._one, asyncio.timeout(seconds):
                process.stdin.write(json.dumps(said).encode() + b"\n")
                await process.stdin.drain()
                return dict(json.loads(await process.stdout.readline()))
        except (OSError, ValueError, TimeoutError) as e:
            raise AgentsError(f"the virtual SNMP agents do not answer; {self._said()}") from e

    def _said(self) -> str:
        log = self._state / "snmp.log"
        try:
            tail = log.read_bytes()[-_TAIL:].decode(errors="replace").strip()
        except OSError:
            tail = ""
        return f"{log} ends with:\n{tail}" if tail else "they said nothing"
