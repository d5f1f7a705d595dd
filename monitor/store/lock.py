"""One process per database: a lock file that the kernel lets go of when its holder dies."""

import fcntl
import os
from pathlib import Path

from monitor.store.errors import StoreError

PRIVATE = 0o600


class Lock:
    """``<database>.lock``, held from construction to ``release``. Its text is the holder's pid."""

    def __init__(self, database: Path) -> None:
        path = database.with_name(database.name + ".lock")
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
        except OSError as e:
            raise StoreError("unopenable", f"{path}: {e.strerror}") from e
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            pid = os.read(self._fd, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise StoreError(
                "locked", f"{database} is in use by process {pid}", "stop that one first"
            ) from e
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let the next one in. The file stays: removing it would let two in at once."""
        os.close(self._fd)
