"""
``zhiban agent``: its arguments, and its life.

Off loopback it wants TLS and a token, or to be told that neither is wanted. Exit codes:
0 ended as asked, 1 it cannot listen, 2 an argument, certificate or token that is wrong.
"""

import argparse
import asyncio
import contextlib
import ipaddress
import os
import re
import signal
import ssl
import stat
import sys
from collections.abc import Callable
from pathlib import Path

LISTEN = "127.0.0.1:9100"  # node_exporter's port: where it is, we are not needed
MIN_TOKEN = 16  # characters
WRONG = 2
OTHERS = stat.S_IRWXG | stat.S_IRWXO


class ArgumentsError(ValueError):
    """An argument that is wrong, in a sentence."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `agent` to the program's commands."""
    agent = subparsers.add_parser(
        "agent",
        help="export this server's own figures to Zhiban or Prometheus",
        description="Serve this machine's figures at /metrics, named as node_exporter and "
        "windows_exporter name them.",
    )
    agent.add_argument(
        "--listen", default=LISTEN, metavar="HOST:PORT", help=f"where to listen (default {LISTEN})"
    )
    agent.add_argument("--cert", type=Path, help="certificate with its chain, PEM; read on SIGHUP")
    agent.add_argument("--key", type=Path, help="the certificate's key, if it is another file")
    agent.add_argument(
        "--token-file", type=Path, help="file with the token that callers must bring"
    )
    agent.add_argument(
        "--insecure", action="store_true", help="listen off loopback without TLS or token"
    )
    agent.add_argument("--print", action="store_true", help="print the page once and end")
    agent.set_defaults(run=main)


def main(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or ^C."""
    from monitor.agent.page import Page, collectors  # noqa: PLC0415  psutil, only for the agent
    from monitor.clock import SystemClock  # noqa: PLC0415  as above

    page = Page(collectors(), SystemClock(), version())
    if args.print:
        sys.stdout.buffer.write(page.make())
        return 0
    try:
        host, port = listening(args.listen)
        tls, token = context(args.cert, args.key), token_of(args.token_file)
        check(host, secured=bool(tls and token), insecure=args.insecure)
    except ArgumentsError as e:
        print(f"zhiban agent: {e}", file=sys.stderr)  # noqa: T201  the command's answer
        return WRONG

    from monitor.agent.server import Server  # noqa: PLC0415  as above

    async def serve() -> None:
        server = await Server(page.make, token).listen(host, port, tls)
        ended = asyncio.Event()
        on_signals(ended, lambda: reload(tls, args.cert, args.key))
        where = ", ".join(f"{a[0]}:{a[1]}" for a in (s.getsockname() for s in server.sockets))
        print(f"zhiban agent: listening on {where}", flush=True)  # noqa: T201  the command's answer
        async with server:
            await ended.wait()

    try:
        asyncio.run(serve())
    except OSError as e:
        said = e.strerror or str(e)
        print(f"zhiban agent: cannot listen on {args.listen}: {said}", file=sys.stderr)  # noqa: T201  as above
        return 1
    return 0


def version() -> str:
    """Our version."""
    from importlib.metadata import PackageNotFoundError  # noqa: PLC0415  slow to import
    from importlib.metadata import version as of  # noqa: PLC0415  as above

    try:
        return of("zhiban")
    except PackageNotFoundError:
        return "unknown"


def listening(text: str) -> tuple[str, int]:
    """Cut ``host:port``; IPv6 stands in brackets."""
    found = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^\[\]:]+)):([0-9]{1,5})", text)
    if not found or int(found[3]) > 65535:  # noqa: PLR2004  the highest port
        raise ArgumentsError(f"--listen {text}: write HOST:PORT, for example {LISTEN}")
    return found[1] or found[2], int(found[3])


def check(host: str, *, secured: bool, insecure: bool) -> None:
    """Refuse to tell the network about this machine in the clear, unless that is wanted."""
    if secured or insecure or is_loopback(host):
        return
    raise ArgumentsError(
        f"--listen {host} can be reached from other machines: "
        "give --cert and --token-file, or say --insecure"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def context(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """TLS with the certificate, or None without one."""
    if cert is None:
        if key is not None:
            raise ArgumentsError("--key means nothing without --cert")
        return None
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        made.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as e:
        raise ArgumentsError(f"--cert {cert}: cannot be used: {e.strerror or e}") from None
    return made


def reload(tls: ssl.SSLContext | None, cert: Path | None, key: Path | None) -> None:
    """Take a renewed certificate; one that cannot be used leaves the old in place."""
    if tls is None or cert is None:
        return
    try:
        context(cert, key)  # first, because a failed load leaves a context without any
        tls.load_cert_chain(cert, key)
    except (ArgumentsError, OSError) as e:
        print(f"zhiban agent: {e}", file=sys.stderr)  # noqa: T201  the command's answer


def token_of(path: Path | None) -> str:
    """The token of a file that only its owner may read; "" without a file."""
    if path is None:
        return ""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as e:
        said = e.strerror if isinstance(e, OSError) else "is not ASCII text"
        raise ArgumentsError(f"--token-file {path}: {said}") from None
    if os.name == "posix" and mode & OTHERS and not is_credential(path):
        raise ArgumentsError(f"--token-file {path}: others may read it; chmod 600 {path}")
    if len(text) < MIN_TOKEN or len(text.split()) != 1:
        raise ArgumentsError(f"--token-file {path}: holds no token of {MIN_TOKEN} characters")
    return text


def is_credential(path: Path) -> bool:
    """Whether systemd guards it: with its ACLs the mode shows a group that has no access."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    return bool(folder) and path.parent == Path(folder)


def on_signals(ended: asyncio.Event, hup: Callable[[], None]) -> None:
    """SIGTERM and SIGINT end it, SIGHUP reads the certificate again."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):  # Windows has ^C only
        for one in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(one, ended.set)
        loop.add_signal_handler(signal.SIGHUP, hup)
