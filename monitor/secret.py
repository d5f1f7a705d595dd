"""
Secrets in a configuration are written as where they are, never as what they are.

``file:/path``, ``env:NAME`` or ``credential:NAME`` (systemd's LoadCredential). In memory
they are ``SecretStr``; no error text of this module holds a secret or a part of one.
"""

import os
import re
import stat
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, SecretStr

MAX_BYTES = 64 * 1024  # a private key with its chain fits; a file like /dev/zero does not
FORMS = "write file:/path, env:NAME or credential:NAME"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def resolve(value: object) -> SecretStr:
    """
    Fetch the secret that ``value`` points to, without its trailing newline.

    Raises ValueError with a sentence that names the place and never the content.
    """
    if isinstance(value, SecretStr):
        return value
    if not isinstance(value, str):
        raise ValueError(f"a secret stands here as itself; {FORMS}")  # noqa: TRY004 - pydantic turns ValueError into an error of the field
    form, _, rest = value.partition(":")
    match form:
        case "file":
            return _from_file(rest)
        case "env":
            return _from_env(rest)
        case "credential":
            return _from_credential(rest)
        case _:
            raise ValueError(f"a secret stands here as itself; {FORMS}")


def _from_file(text: str) -> SecretStr:
    path = Path(text)
    if not path.is_absolute():
        raise ValueError("the secret's file is not an absolute path; write file:/path")
    return _read(path, private=True)


def _from_env(name: str) -> SecretStr:
    if not _NAME.fullmatch(name):
        raise ValueError("that is no name of an environment variable; write env:NAME")
    value = os.environ.get(name, "")
    if not value:
        raise ValueError(f"the environment variable {name} is not set, or empty")
    return SecretStr(value)


def _from_credential(name: str) -> SecretStr:
    if not _NAME.fullmatch(name):
        raise ValueError("that is no name of a systemd credential; write credential:NAME")
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    if not folder:
        raise ValueError(
            f"credential {name}: CREDENTIALS_DIRECTORY is not set; "
            f"systemd sets it where the unit says LoadCredential={name}:/path"
        )
    # systemd guards this folder itself; with ACLs the mode bits show a group that has no access.
    return _read(Path(folder) / name, private=False)


def _read(path: Path, *, private: bool) -> SecretStr:
    try:
        # Non-blocking, so that a pipe without a writer cannot hang a reload.
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as e:
        raise ValueError(f"secret file {path}: {_why(e)}") from None
    try:
        mode = os.fstat(fd).st_mode
        if not stat.S_ISREG(mode):
            raise ValueError(f"secret file {path}: is not a regular file")
        if private and os.name == "posix" and mode & _OTHERS:
            raise ValueError(
                f"secret file {path}: others than its owner may read it; chmod 600 {path}"
            )
        raw = os.read(fd, MAX_BYTES + 1)
    except OSError as e:
        raise ValueError(f"secret file {path}: {_why(e)}") from None
    finally:
        os.close(fd)
    return _decode(raw, path)


def _decode(raw: bytes, path: Path) -> SecretStr:
    if len(raw) > MAX_BYTES:
        raise ValueError(f"secret file {path}: is larger than 64 KiB")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"secret file {path}: is not UTF-8 text") from None
    text = text.rstrip("\r\n")
    if not text:
        raise ValueError(f"secret file {path}: is empty")
    return SecretStr(text)


def _why(error: OSError) -> str:
    return (error.strerror or "cannot be read").lower()


Secret = Annotated[SecretStr, BeforeValidator(resolve)]
"""The type of every option that is a secret; ``.get_secret_value()`` where it is used."""
