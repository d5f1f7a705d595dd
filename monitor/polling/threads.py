"""
Blocking calls in daemon threads that can be given up, and never hold up the exit.

A given-up thread runs on until its call returns; how many of them one owner (a
target, a name to resolve) may have is bounded, and past the bound it fails at once.
"""

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from monitor.probe import ProbeError

MAX_GIVEN_UP = 2  # threads per owner that may be left behind
MAX_THREADS = 128  # over all owners; each costs a stack

T = TypeVar("T")


class Threads:
    """Threads that somebody waits for, or has given up."""

    def __init__(self) -> None:
        self.running = 0
        self.given_up: Counter[str] = Counter()

    async def run(self, owner: str, call: Callable[[], T]) -> T:
        """
        Run a blocking call; cancelled, the thread is given up.

        ProbeError("timeout") at once while ``owner`` has MAX_GIVEN_UP threads that
        have not come back, or all owners together MAX_THREADS.
        """
        if self.given_up[owner] >= MAX_GIVEN_UP:
            count = self.given_up[owner]
            raise ProbeError("timeout", f"{count} earlier calls have not come back")
        if self.running >= MAX_THREADS:
            raise ProbeError("timeout", f"{self.running} threads are waiting for other targets")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self.running += 1
        threading.Thread(
            target=work, args=(loop, call, self._finish(owner, answer)), daemon=True, name=owner
        ).start()
        try:
            return await answer
        except asyncio.CancelledError:
            if answer.cancelled():
                self.given_up[owner] += 1
            raise

    def _finish(self, owner: str, answer: "asyncio.Future[T]") -> "Finish[T]":
        def finish(result: T | None, error: BaseException | None) -> None:
            self.running -= 1
            if answer.cancelled():
                self.given_up[owner] -= 1
                self.given_up += Counter()  # drops the zeros
            elif error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)  # type: ignore[arg-type]  # None only where T has it

        return finish


Finish = Callable[[T | None, BaseException | None], None]


def work(loop: asyncio.AbstractEventLoop, call: Callable[[], T], finish: "Finish[T]") -> None:
    """In the thread: call, and bring the answer back if there still is a loop."""
    result: T | None = None
    error: BaseException | None = None
    try:
        result = call()
    except BaseException as e:  # noqa: BLE001  whatever it is, the waiting visit gets it
        error = e if fit(e) else RuntimeError(f"raised {type(e).__name__}")
    with contextlib.suppress(RuntimeError):  # the loop has closed: we are on our way out
        loop.call_soon_threadsafe(finish, result, error)


def fit(error: BaseException) -> bool:
    """Whether a future may carry it: no StopIteration, and nothing that would end the loop."""
    return isinstance(error, Exception) and not isinstance(error, StopIteration)


def bind(call: Callable[..., T], *args: Any) -> Callable[[], T]:
    """Close over the arguments."""
    return lambda: call(*args)
