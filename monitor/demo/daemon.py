"""
The daemon as a child process: started, watched, never started again by itself.

Its own session, so that Ctrl-C in the terminal reaches the demo only, which then ends
the daemon properly; its output goes to a file in the state folder.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import aiohttp

from monitor.clock import Clock

ROOT = Path(__file__).resolve().parents[2]  # what `python -m monitor` must be able to import
DAEMON = (sys.executable, "-m", "monitor", "run")
STOP_SECONDS = 4.0  # the daemon promises to be out in 5; so do we
_TAIL = 2000  # bytes of the log that are shown when it does not start

Gone = Callable[[str], None]
"""Told once, in one line, when the daemon ends without having been asked to."""


class DaemonError(Exception):
    """The daemon did not come up; the message ends with what it said last."""


class Child:
    """One daemon process at a time."""

    def __init__(self, state: Path, gone: Gone, program: Sequence[str] = DAEMON) -> None:
        self.log = state / "daemon.log"
        self._words = (*program, "--config", str(state / "zhiban.yml"))
        self._pid_file = state / "daemon.pid"
        self._gone = gone
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._asked = False
        self._one = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """Of the newest process, also after it ended."""
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        """Whether it runs now."""
        return self._process is not None and self._process.returncode is None

    def standing(self) -> str:
        """One Chinese line for the switchboard."""
        if self.is_running:
            return f"值班程序运行中（进程 {self.pid}）"
        return f"值班程序已退出：{_how(self._process)[1]}" if self._process else "值班程序未启动"

    async def start(self) -> int:
        """Start it unless it runs; its pid."""
        async with self._one:
            if not self.is_running:
                self._asked = False
                path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
                with self.log.open("ab") as out:
                    self._process = await asyncio.create_subprocess_exec(
                        *self._words,
                        stdin=asyncio.subprocess.DEVNULL,
                        stdout=out,
                        stderr=asyncio.subprocess.STDOUT,
                        env={**os.environ, "PYTHONPATH": path},
                        start_new_session=True,
                    )
                self._pid_file.write_text(f"{self._process.pid}\n")
                self._watch = asyncio.create_task(self._wait(self._process))
            if self._process is None:
                raise DaemonError("the daemon has no process")
            return self._process.pid

    async def answers(self, console: str, clock: Clock, *, within: float) -> None:
        """Wait until the console answers. Raises DaemonError after that many seconds."""
        deadline = clock.monotonic() + within
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
            while clock.monotonic() < deadline:
                if not self.is_running:
                    how = _how(self._process)[0]
                    raise DaemonError(f"the daemon {how} at start; {self._said()}")
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with http.get(f"{console}healthz") as answer:
                        if answer.ok:
                            return
                await clock.sleep(0.1)
        raise DaemonError(f"the console did not answer within {within:g} s; {self._said()}")

    async def stop(self) -> None:
        """Ask it to end, and after STOP_SECONDS make it."""
        async with self._one:
            self._asked = True
            if self._process and self._watch:
                await _end(self._process, self._watch)
            self._pid_file.unlink(missing_ok=True)

    async def _wait(self, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        if not self._asked:
            self._gone(_how(process)[0])

    def _said(self) -> str:
        try:
            tail = self.log.read_bytes()[-_TAIL:].decode(errors="replace").strip()
        except OSError:
            tail = ""
        return f"{self.log} ends with:\n{tail}" if tail else "it said nothing"


async def _end(process: asyncio.subprocess.Process, watch: Awaitable[None]) -> None:
    with contextlib.suppress(ProcessLookupError):
        if process.returncode is None:
            process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    await watch


def _how(process: asyncio.subprocess.Process | None) -> tuple[str, str]:
    """How it ended: English for the terminal, Chinese for the page."""
    code = process.returncode if process else None
    if code is None:
        return "runs", "运行中"
    if code < 0:
        name = signal.Signals(-code).name
        return f"was killed by {name}", f"被 {name} 结束"
    return f"ended with exit code {code}", f"退出码 {code}"


async def end_leftover(state: Path) -> int | None:
    """End the daemon that a killed demo left behind on this state folder; its pid."""
    import psutil  # noqa: PLC0415  only the demo and the agent need it

    file = state / "daemon.pid"
    try:
        process = psutil.Process(int(file.read_text()))
        # After a reboot the number may be anybody's: only ours names our configuration.
        if str(state / "zhiban.yml") not in process.cmdline():
            return None
        process.terminate()
        _, alive = await asyncio.to_thread(psutil.wait_procs, [process], STOP_SECONDS)
        for one in alive:
            one.kill()
    except (OSError, ValueError, psutil.Error):
        return None
    else:
        return process.pid
    finally:
        file.unlink(missing_ok=True)
