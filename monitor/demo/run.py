"""
`zhiban demo`: hospital, phones, switchboard and daemon, started in this order, ended in reverse.

Only what this process started is ended. A daemon that dies stays dead until somebody asks.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
import webbrowser
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from monitor.clock import Clock
from monitor.demo import agents, page, postgres, siteconfig
from monitor.demo.control import Answer, Control, Note, RefusedError, home_state
from monitor.demo.daemon import DAEMON, Child, DaemonError, end_leftover
from monitor.demo.edge import HOST
from monitor.demo.hospital import Hospital, UnknownDeviceError
from monitor.demo.phone import Phones
from monitor.demo.places import DEVICES, PEOPLE, WATCHED
from monitor.demo.ports import free_port, is_free
from monitor.demo.words import changed, say
from monitor.model.person import ROLE_TITLES

CONSOLE_PORT = 8600
SWITCHBOARD_PORT = 8601
FIRST_ANSWER_SECONDS = 60.0
_HEAD_START = 1.0  # seconds the daemon has to end before its hospital goes


Launch = Callable[[], Awaitable[int]]
"""Start the daemon unless it runs, and write down its pid."""


class DemoError(Exception):
    """The demo cannot start; one line that says what would help."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says. ``port`` None: 8600, or a free one where that is taken."""

    state: Path | None = None
    speed: float = 1.0
    port: int | None = None
    browser: bool = True
    program: str = "zhiban"  # how to call us, for the hints
    daemon: tuple[str, ...] = DAEMON  # what is run with --config


async def serve(options: Options, clock: Clock) -> int:
    """Run until SIGINT, SIGTERM or SIGHUP; the exit code. Raises DemoError."""
    task = asyncio.current_task()
    stopping = False

    def stop() -> None:
        nonlocal stopping
        if task is not None and not stopping:  # a second signal must not stop the stopping
            stopping = True
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        async with contextlib.AsyncExitStack() as stack:
            await _start(options, clock, stack)
            await asyncio.Event().wait()
    except asyncio.CancelledError:
        if not stopping:
            raise
        say("ended; state is kept")
    except (postgres.PostgresError, agents.AgentsError, DaemonError) as e:
        raise DemoError(str(e)) from e
    return 0


async def _start(options: Options, clock: Clock, stack: contextlib.AsyncExitStack) -> None:
    state = state_folder(options.state)
    _lock(state, stack)
    console_port = _console_port(options.port)
    say(f"starting a PostgreSQL, {len(WATCHED)} devices and the daemon ...")
    if pid := await end_leftover(state):
        say(f"ended the daemon that an earlier demo left behind (pid {pid})")

    child = Child(state, lambda how: _gone(how, options.program), options.daemon)
    cluster = postgres.Cluster(state, postgres.find())
    await cluster.prepare()
    login = agents.login(state)
    hospital = Hospital(DEVICES, cluster, agents.Agents(state, login), clock)
    stack.push_async_callback(_end, child, hospital)
    await hospital.start()
    phones = Phones(state / "phone.jsonl")
    console = f"http://{HOST}:{console_port}/"

    async def launch() -> int:
        pid = await child.start()
        control.announce(Note(str(control.path), os.getpid(), pid, console, board, str(state)))
        return pid

    control = Control(state, Acts(hospital, phones, child, launch).do)
    daemon = page.Daemon(console, child.standing, lambda: not child.is_running, launch)
    people = tuple((name, phone, ROLE_TITLES[role]) for name, phone, role in PEOPLE)
    board = await _open(page.Desk(hospital, phones, people, daemon, clock), stack)

    secret, url = cluster.password_file, f"{board}phone"
    passwords = agents.password_files(state)
    site = siteconfig.Site(
        state, hospital.ports, console_port, url, secret, passwords, options.speed
    )
    siteconfig.write(site, DEVICES)
    stack.push_async_callback(control.close)
    await control.open()
    await launch()
    await child.answers(console, clock, within=FIRST_ANSWER_SECONDS)
    _greet(options, site, child, board)


class Acts:
    """What may be asked over the control socket."""

    def __init__(self, hospital: Hospital, phones: Phones, child: Child, launch: Launch) -> None:
        self._hospital = hospital
        self._phones = phones
        self._child = child
        self._launch = launch

    async def do(self, act: str, words: Mapping[str, str]) -> Answer:
        """Do one thing. Raises RefusedError."""
        match act:
            case "break" | "mend":
                return await self._change(act, words.get("name", "").split())
            case "status":
                rows = [page.standing_json(s) for s in self._hospital.standings()]
                return {"devices": rows, "daemon_pid": self._child.pid if self._up else None}
            case "phone":
                return page.phones_json(self._phones)
            case "restart-daemon":
                if self._up:
                    return {"text": f"the daemon runs already, pid {self._child.pid}"}
                return {"text": f"the daemon is started, pid {await self._launch()}"}
            case _:
                raise RefusedError(f"the demo knows no {act!r}")

    @property
    def _up(self) -> bool:
        return self._child.is_running

    async def _change(self, act: str, names: list[str]) -> Answer:
        try:
            for name in names:  # all or none
                self._hospital.known(name)
            change = self._hospital.break_ if act == "break" else self._hospital.mend
            lines = [changed(act, DEVICES[name], await change(name)) for name in names]
        except UnknownDeviceError as e:
            raise RefusedError(f"{e}; `status` lists them all") from e
        except (postgres.PostgresError, agents.AgentsError) as e:
            raise RefusedError(str(e), 1) from e
        return {"text": "\n".join(lines)}


def state_folder(wanted: Path | None) -> Path:
    """
    The folder, made if missing: the wanted one, .demo here, or one in the user's home.

    PostgreSQL's account must pass through it when we are root, so it is 0711 then.
    """
    mode = 0o711 if os.geteuid() == 0 else 0o700
    places = (wanted,) if wanted else (Path(".demo"), home_state())
    for place in places:
        with contextlib.suppress(OSError):
            place.mkdir(mode=mode, parents=True, exist_ok=True)
            if os.access(place, os.W_OK | os.X_OK):
                return place.resolve()
    raise DemoError(f"cannot write to {places[-1]}; give another folder with --state")


def _lock(state: Path, stack: contextlib.AsyncExitStack) -> None:
    """One demo a state folder; the kernel lets go of it even after kill -9."""
    held = stack.enter_context((state / "lock").open("a"))
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        raise DemoError(f"a demo runs in {state} already; give another folder with --state") from e


def _console_port(wanted: int | None) -> int:
    if wanted is None:
        return free_port(CONSOLE_PORT)
    if wanted and not is_free(wanted):
        raise DemoError(f"port {wanted} is in use by another program; give another with --port")
    return free_port(wanted)


async def _open(desk: page.Desk, stack: contextlib.AsyncExitStack) -> str:
    """Serve the switchboard; its URL."""
    runner = web.AppRunner(page.application(desk), access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    port = free_port(SWITCHBOARD_PORT)
    await web.TCPSite(runner, HOST, port).start()
    return f"http://{HOST}:{port}/"


async def _end(child: Child, hospital: Hospital) -> None:
    """End the daemon before its hospital, so that it does not see everything fail."""
    leaving = asyncio.create_task(child.stop())
    await asyncio.wait([leaving], timeout=_HEAD_START)
    await asyncio.gather(leaving, hospital.stop())


def _gone(how: str, program: str) -> None:
    say(f"the daemon {how}; start it again with: {program} demo restart-daemon")


def _greet(options: Options, site: siteconfig.Site, child: Child, switchboard: str) -> None:
    console = f"http://{HOST}:{site.web_port}/"
    program = options.program
    seconds = siteconfig.watch(options.speed).total_seconds() / options.speed
    say(
        f"Zhiban demo: a virtual hospital of {len(WATCHED)} devices is up on {HOST}\n"
        f"  console      {console}\n"
        f"  switchboard  {switchboard}  (network and pretend phones)\n"
        f"  daemon       pid {child.pid}, log {child.log}\n"
        f"  state        {site.state}\n"
        f"  speed        {options.speed:g} (divides the plan's durations only); "
        f"观察期 {seconds:g} s instead of the plan's 10 minutes\n"
        "Try, in another terminal:\n"
        f"  {program} demo break access-switch-3   six servers hang on it alone\n"
        f"  {program} demo break core-switch-1     half of a redundant pair: 隐患\n"
        f"  {program} demo break his-db            PostgreSQL really stops\n"
        f"  {program} demo break ups-1             mains gone, the battery runs down\n"
        f"  {program} demo break pacs lis room     DICOM, HL7 and Modbus\n"
        f"  {program} demo break uplink-access-2   one port of a switch\n"
        f"  {program} demo status | phone | mend NAME\n"
        f"  kill -9 {child.pid}; {program} demo restart-daemon\n"
        "Ctrl-C ends it."
    )
    screen = (
        sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if options.browser and screen and sys.stdout.isatty():
        webbrowser.open(switchboard)
