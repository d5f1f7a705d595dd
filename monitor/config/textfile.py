"""Reading a text file that a person wrote: bounded, regular, UTF-8."""

import os
import stat
from pathlib import Path

from monitor.config.findings import Findings
from monitor.model.problem import Problem

MAX_BYTES = 8 << 20


# Path.is_dir and Path.is_file raise where a path is too long or a folder is shut to us.


def is_folder(path: Path) -> bool:
    """Whether it is a folder, as far as one can tell."""
    return os.path.isdir(path)  # noqa: PTH112 - see above


def is_file(path: Path) -> bool:
    """Whether it is a regular file, as far as one can tell."""
    return os.path.isfile(path)  # noqa: PTH113 - see above


def read_text(path: Path, findings: Findings) -> str | None:
    """The file's text; None, with the reason among the findings, where it cannot be had."""
    try:
        raw = _read(path)
    except OSError as e:
        why = (e.strerror or "cannot be read").lower()
        findings.add(Problem(str(path), 0, "", why, _remedy(e)))
        return None
    except ValueError as e:
        findings.add(Problem(str(path), 0, "", str(e)))
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        line = raw.count(b"\n", 0, e.start) + 1
        findings.add(Problem(str(path), line, "", "is not UTF-8 text", "save the file as UTF-8"))
        return None


def _remedy(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "look at the path"
    if isinstance(error, PermissionError):
        return "let the user that runs zhiban read it"
    return ""


def _read(path: Path) -> bytes:
    # Non-blocking, so that a pipe without a writer cannot hang a reload.
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ValueError("is not a regular file")
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise ValueError(f"is larger than {MAX_BYTES >> 20} MiB")
    return raw
