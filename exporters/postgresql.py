"""
A PostgreSQL server: up, connections, replication, longest transaction.

One short read-only connection per visit. asyncpg opens its own socket, so everything
runs under what the visit has left, and ``Answer`` counts what the server sends; no row
of any user's table is ever read.
"""

import asyncio
import functools
import ssl
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from exporters import _options
from exporters._address import split
from exporters._pg_queries import METRICS, SERVER, of_rows, of_server, wanted
from monitor import faults
from monitor.model.reading import Reading
from monitor.probe import Io, Probe, ProbeError
from monitor.probe import Options as ProbeOptions
from monitor.secret import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DOWN = (Reading("pg_up", 0.0),)
GOODBYE = 0.5  # seconds at most for a polite close; without it the server logs a lost client
MAX_BYTES = 2 << 20  # of one visit's answers; the widest, pg_stat_database, has 200 per database

STATES: Mapping[str, tuple[str, str]] = {
    "28P01": ("status", "login failed: wrong user or password"),
    "28000": ("status", "login refused: no such role, or pg_hba.conf does not let it in"),
    "3D000": ("status", "there is no such database"),
    "42501": ("status", "not allowed: GRANT pg_monitor, and CONNECT on the database"),
    "53300": ("status", "too many connections"),
    "57P01": ("status", "the server is shutting down"),
    "57P02": ("status", "the server has crashed and is starting again"),
    "57014": ("timeout", "a statistics query took longer than statement_timeout"),
}
"""PostgreSQL's SQLSTATE (manual, appendix A) to reason and detail."""
NOT_NOW = "57P03"  # starting up, shutting down, in recovery: only the message tells


class Options(ProbeOptions):
    """Whom to log in as, and how far to trust the connection."""

    user: str = "zhiban"
    password: Secret | None = None
    tls: Literal["off", "prefer", "require", "verify"] = "prefer"
    ca_file: str | None = None  # for tls: verify
    statement_timeout: _options.Seconds = Field(default=3.0, ge=0.1, le=60.0)
    sizes: bool = False  # pg_database_size reads every file's size: slow on large databases


@dataclass(slots=True)
class Answer:
    """What one visit has received so far, in bytes, over all its connections."""

    size: int = 0


ANSWER: ContextVar[Answer | None] = ContextVar("ANSWER", default=None)


@functools.cache
def bound() -> None:
    """
    Have the driver hang up on a visit's server after MAX_BYTES.

    It keeps what comes in until a message is whole and believes the length that the other
    side names: the head of a web page reads as 1.4 GB, and all of it would be kept until
    the deadline. It has no limit of its own and no other door than its protocol class.
    Connections outside a visit are let be.
    """
    from asyncpg import protocol  # noqa: PLC0415  heavy, and only for who watches PostgreSQL

    class Bounded(protocol.Protocol):  # type: ignore[misc]  # the driver ships no types
        """The driver's protocol, with an end to its patience."""

        def connection_made(self, transport: asyncio.Transport) -> None:
            self.line, self.answer = transport, ANSWER.get()
            super().connection_made(transport)

        def data_received(self, data: bytes) -> None:
            if self.answer is not None:
                self.answer.size += len(data)
                if self.answer.size > MAX_BYTES:
                    self.line.abort()
                    return
            super().data_received(data)

    protocol.Protocol = Bounded


async def run(address: str, options: Options, io: Io) -> list[Reading]:
    """Log in, ask the statistics views, log out."""
    bound()
    answer = Answer()
    token = ANSWER.set(answer)
    try:
        return await visit(address, options, io)
    except ProbeError:
        if answer.size <= MAX_BYTES:
            raise
        detail = f"the answer is larger than {MAX_BYTES} bytes: is this a PostgreSQL?"
        raise ProbeError("too_large", detail, DOWN) from None
    finally:
        ANSWER.reset(token)


async def visit(address: str, options: Options, io: Io) -> list[Reading]:
    """Do one visit; every failure is a ProbeError with ``pg_up 0``."""
    host, port, database = parts(address)
    addresses = [host] if options.tls == "verify" else await resolved(host, io)
    try:
        async with asyncio.timeout(io.remaining()):
            async with connected(addresses, port, database, options) as connection:
                return await ask(connection, options)
    except TimeoutError:
        raise ProbeError("timeout", "no answer from the server in time", DOWN) from None
    except ProbeError as error:
        raise ProbeError(error.reason, error.detail, DOWN) from None
    except Exception as error:
        if (known := failure(error)) is None:
            raise
        raise ProbeError(known.reason, known.detail, DOWN) from None


async def resolved(host: str, io: Io) -> Sequence[str]:
    """Look the name up ourselves: the driver would do it on the loop's own threads."""
    try:
        return await io.resolve(host)
    except ProbeError as error:
        raise ProbeError(error.reason, error.detail, DOWN) from None


async def ask(connection: Any, options: Options) -> list[Reading]:
    """Run every query that this server can be asked."""
    server = await connection.fetchrow(SERVER)
    readings = of_server(server)
    for query in wanted(
        is_replica=server["is_replica"], version_num=server["version_num"], sizes=options.sizes
    ):
        readings += of_rows(query, await connection.fetch(query.sql))
    return readings


def connected(
    hosts: Sequence[str], port: int, database: str, options: Options
) -> AbstractAsyncContextManager[Any]:
    """Open one connection, and close it politely unless it is too late for that."""

    @asynccontextmanager
    async def context() -> "AsyncIterator[Any]":
        import asyncpg  # noqa: PLC0415  heavy, and only for who watches PostgreSQL

        password = options.password.get_secret_value() if options.password else ""
        connection = await asyncpg.connect(
            host=list(hosts),
            port=port,
            user=options.user,
            password=password,  # never None: that would read the environment and ~/.pgpass
            database=database,
            ssl=tls(options),
            statement_cache_size=0,
            target_session_attrs="any",
            server_settings={
                "application_name": "zhiban",
                "default_transaction_read_only": "on",
                "statement_timeout": str(round(options.statement_timeout * 1000)),
            },
        )
        try:
            yield connection
            with suppress(TimeoutError, OSError):
                await connection.close(timeout=GOODBYE)
        finally:
            connection.terminate()

    return context()


def tls(options: Options) -> ssl.SSLContext | str | bool:
    """Return what asyncpg takes for the option."""
    if options.tls == "verify":
        return verifying(options.ca_file)
    return False if options.tls == "off" else options.tls


@functools.lru_cache(maxsize=16)
def verifying(ca_file: str | None) -> ssl.SSLContext:
    """Load the authorities once; it takes 20 ms."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ProbeError("tls", f"ca_file {ca_file} cannot be used: {error}") from None


def failure(error: Exception) -> ProbeError | None:
    """Give the driver's errors our words; None for what is a bug of ours."""
    import asyncpg  # noqa: PLC0415  as above; by now it is loaded

    if isinstance(error, asyncpg.PostgresError):
        return of_state(error.sqlstate or "", str(error))
    if isinstance(error, ssl.SSLError):
        return faults.of_tls(error, None)
    if isinstance(error, OSError):
        if "SSL upgrade" in str(error):  # the driver's own words; there is no class for it
            return ProbeError("tls", "the server does not offer TLS")
        return faults.of_os(error)
    if isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError):
        return ProbeError("protocol", "does not speak PostgreSQL's protocol")
    return None


def of_state(state: str, message: str) -> ProbeError:
    """Tell apart why a server that speaks will not serve."""
    if state == NOT_NOW:
        return ProbeError("status", message)  # "the database system is starting up"
    if state in STATES:
        return ProbeError(*STATES[state])
    if state.startswith("08"):  # connection exceptions
        return ProbeError("protocol", "connection closed by the other side")
    return ProbeError("protocol", f"the server answered with SQLSTATE {state or '?'}")


def parts(address: str) -> tuple[str, int, str]:
    """Cut ``host:port/database``; ValueError with what would be right."""
    place, slash, database = address.partition("/")
    if not slash or not database or "/" in database:
        raise ValueError("has no database; write for example 10.1.2.3:5432/his")
    return *split(place), database


def check_address(text: str) -> str:
    """Return "" for ``host:port/database``, else what is wrong with it."""
    try:
        parts(text)
    except ValueError as error:
        return str(error)
    return ""


PROBE = Probe(Options, METRICS, run, check_address)
