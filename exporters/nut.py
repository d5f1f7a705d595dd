"""
A UPS behind a NUT server (Network UPS Tools): upsd's text protocol on TCP port 3493.

It only reads (LIST VAR). With a user it says USERNAME and PASSWORD, but never LOGIN: that
would count us among the machines upsd waits for before it switches the UPS off. Stale
data is a failed visit, so a UPS that is not heard of is unknown and never recovered.
Source: NUT developer guide, chapter 9, network protocol.
"""

import re
from collections.abc import Mapping

from pydantic import Field, model_validator

from exporters import _nut_variables as variables
from exporters._address import split
from monitor.model.reading import Reading
from monitor.probe import Io, Probe, ProbeError, Stream
from monitor.probe import Options as ProbeOptions
from monitor.secret import Secret

PORT = 3493  # IANA: nut
MAX_LINE = 4096  # bytes
MAX_VARIABLES = 1000  # of one UPS; drivers have 20 to 200
UPS_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
VARIABLE = re.compile(r'VAR (\S+) (\S+) "((?:[^"\\]|\\.)*)"')
ERRORS: Mapping[str, tuple[str, str]] = {
    "ACCESS-DENIED": ("status", "upsd does not let us read: allow this machine, or set user"),
    "UNKNOWN-UPS": ("mismatch", "upsd has no UPS of that name; LIST UPS shows which it has"),
    "DRIVER-NOT-CONNECTED": ("status", "upsd runs, but its driver for this UPS does not"),
    "DATA-STALE": ("status", "the driver has lost the UPS: its data is stale"),
    "USERNAME-REQUIRED": ("status", "upsd wants a user; set user and password"),
    "PASSWORD-REQUIRED": ("status", "upsd wants a password; set user and password"),
    "INVALID-USERNAME": ("status", "upsd does not take the user"),
    "INVALID-PASSWORD": ("status", "upsd does not take the password"),
    "TLS-NOT-ENABLED": ("status", "upsd wants TLS, which it has not been given a certificate for"),
    "UNKNOWN-COMMAND": ("protocol", "the server does not know NUT's LIST VAR"),
}
"""Error names of NUT's protocol to reason and detail."""
WAITING = "upsd has no data of the UPS yet (WAIT): its driver has just started"


class Options(ProbeOptions):
    """A user only where upsd asks for one; NUT sends both in the clear."""

    user: str | None = Field(default=None, pattern=r'^[^\s"\\]{1,64}$')
    password: Secret | None = None

    @model_validator(mode="after")
    def _both(self) -> "Options":
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password go together")
        if self.password and not self.password.get_secret_value().isprintable():
            raise ValueError("the password holds a character that NUT's protocol cannot carry")
        return self


async def run(address: str, options: Options, io: Io) -> list[Reading]:
    """Ask for all variables of one UPS."""
    ups, host, port = parts(address)
    stream = await io.tcp(host, port)
    if options.user is not None and options.password is not None:
        await command(stream, f"USERNAME {options.user}")
        await command(stream, f"PASSWORD {quoted(options.password.get_secret_value())}")
    found = await listed(stream, ups)
    await stream.write(b"LOGOUT\n")
    state = found.get("ups.status", "").split()
    if not state:
        raise ProbeError("mismatch", "the driver says nothing of ups.status")
    if state == ["WAIT"]:
        raise ProbeError("status", WAITING)
    return variables.readings(found)


async def command(stream: Stream, line: str) -> None:
    """Send one line that is answered by OK; the line itself is in no error."""
    await stream.write(f"{line}\n".encode())
    answer = await heard(stream)
    if answer != "OK" and not answer.startswith("OK "):
        raise refused(answer)


async def listed(stream: Stream, ups: str) -> dict[str, str]:
    """LIST VAR: the variables of one UPS, whole or not at all."""
    await stream.write(f"LIST VAR {ups}\n".encode())
    answer = await heard(stream)
    if answer != f"BEGIN LIST VAR {ups}":
        raise refused(answer)
    found: dict[str, str] = {}
    while (line := await heard(stream)) != f"END LIST VAR {ups}":
        name, value = variable(line, ups)
        found[name] = value
        if len(found) > MAX_VARIABLES:
            raise ProbeError("too_large", f"a UPS with more than {MAX_VARIABLES} variables")
    return found


async def heard(stream: Stream) -> str:
    """One line; drivers pass on what bytes the UPS has, in whatever encoding."""
    return (await stream.read_until(b"\n", MAX_LINE)).decode(errors="replace").rstrip("\r\n")


def variable(line: str, ups: str) -> tuple[str, str]:
    """Cut ``VAR ups name "value"``; a quotation mark and a backslash come escaped."""
    found = VARIABLE.fullmatch(line)
    if not found or found[1] != ups:
        raise refused(line)
    return found[2], re.sub(r"\\(.)", r"\1", found[3])


def refused(line: str) -> ProbeError:
    """Say what an answer means that is not the one awaited."""
    word, _, rest = line.partition(" ")
    if word != "ERR":
        return ProbeError("protocol", "does not speak NUT's protocol")
    name = rest.partition(" ")[0]
    if name in ERRORS:
        return ProbeError(*ERRORS[name])
    return ProbeError("protocol", "upsd answered with an error that NUT's protocol does not name")


def quoted(text: str) -> str:
    """Quote as upsd's parser reads it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parts(address: str) -> tuple[str, str, int]:
    """Cut ``ups@host[:port]``, as upsc has it; ValueError with what would be right."""
    ups, at, place = address.partition("@")
    if not at or not UPS_NAME.fullmatch(ups):
        raise ValueError(f"names no UPS: {address!r}; write for example ups1@10.1.2.3:3493")
    if not re.search(r":[0-9]+$", place) or place.endswith("]"):
        place = f"{place}:{PORT}"
    return ups, *split(place)


def check_address(text: str) -> str:
    """Return "" for ``ups@host[:port]``, else what is wrong with it."""
    try:
        parts(text)
    except ValueError as error:
        return str(error)
    return ""


PROBE = Probe(Options, variables.METRICS, run, check_address)
