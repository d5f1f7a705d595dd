"""What the database says when it cannot, in a sentence with a remedy. Pure."""

import sqlite3
from pathlib import Path
from typing import Literal

from sqlalchemy.exc import DBAPIError

Kind = Literal["full", "locked", "corrupt", "readonly", "unopenable", "io", "refused", "closed"]

# Primary result codes of SQLite (sqlite.org/rescode.html); the low byte of an extended code.
_PRIMARY = 0xFF
_KINDS: dict[int, Kind] = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_CORRUPT: "corrupt",
    sqlite3.SQLITE_NOTADB: "corrupt",
    sqlite3.SQLITE_READONLY: "readonly",
    sqlite3.SQLITE_PERM: "readonly",
    sqlite3.SQLITE_CANTOPEN: "unopenable",
    sqlite3.SQLITE_IOERR: "io",
}
_REMEDIES: dict[Kind, str] = {
    "full": "the disk is full; free space where the database lies, nothing written before is lost",
    "locked": "another program holds the database; close it (a backup tool, a sqlite3 shell)",
    "corrupt": "the file is damaged or is no database; move it away and put a backup in its place",
    "readonly": "the file or its folder may not be written; check owner and mode",
    "unopenable": "the folder is missing or may not be entered; create it or check owner and mode",
    "io": "the disk failed to read or write; look at the kernel's log",
    "refused": "this is a bug of ours; nothing of this change was written",
    "closed": "the store was closed",
}


class StoreError(Exception):
    """The database could not do it, and nothing of it was done. ``kind`` says which way."""

    def __init__(self, kind: Kind, detail: str = "", remedy: str = "") -> None:
        text = remedy or _REMEDIES[kind]
        super().__init__(f"{detail}: {text}" if detail else text)
        self.kind = kind


def explain_os(path: Path, error: OSError) -> StoreError:
    """Our sentence for a folder or file that cannot be made."""
    return StoreError("unopenable", f"{path}: {error.strerror}")


def explain(error: Exception, path: Path | None = None) -> StoreError:
    """Our sentence for whatever a driver or a row mapping raised, about the file at path."""
    if isinstance(error, StoreError):
        return error
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    kind = _KINDS.get(code & _PRIMARY, "refused") if isinstance(code, int) else "refused"
    # Never str(error): SQLAlchemy adds the statement and its values, which are people's names.
    detail = str(cause)[:200] if isinstance(cause, sqlite3.Error) else type(cause).__name__
    return StoreError(kind, f"{path}: {detail}" if path else detail)
