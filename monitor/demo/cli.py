"""
`zhiban demo` and what a second terminal may ask of it.

Exit codes: 0 done, 1 no demo is running or it cannot start, 2 a name or word that is wrong.
"""

import argparse
import asyncio
import json
import shutil
import sys
from pathlib import Path

MAX_SPEED = 3600.0  # as plan.speed in the configuration


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `demo` to the program's commands."""
    demo = subparsers.add_parser(
        "demo",
        help="a virtual hospital, a pretend phone and the real daemon",
        description="Start a virtual hospital on loopback and the daemon that watches it.",
    )
    demo.add_argument(
        "--speed",
        type=_speed,
        default=1.0,
        metavar="N",
        help="divide the plan's durations by N (steps, acknowledgement); 1 is real time",
    )
    demo.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="folder for everything it writes; default .demo here, else ~/.local/state/zhiban-demo",
    )
    demo.add_argument(
        "--port",
        type=_port,
        metavar="P",
        help="port of the console; default 8600, or a free one where that is taken",
    )
    demo.add_argument("--no-browser", action="store_true", help="do not open the switchboard")
    demo.set_defaults(run=main)
    acts = demo.add_subparsers(
        dest="act", metavar="COMMAND", title="while it runs, in another terminal"
    )
    for act, text in (("break", "cut or stop devices"), ("mend", "take a break back")):
        one = _act(acts, act, text)
        one.add_argument("names", nargs="+", metavar="NAME", help="a device, as `status` lists it")
    for act, text in (("status", "list all devices"), ("phone", "print the phones' messages")):
        one = _act(acts, act, text)
        one.add_argument("--json", action="store_true", help="as one JSON object")
    _act(acts, "restart-daemon", "start the daemon again after it died")


def _act(
    acts: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str
) -> argparse.ArgumentParser:
    one = acts.add_parser(name, help=text, description=text.capitalize() + ".")
    # SUPPRESS: without it an absent --state here would undo one given before the command.
    one.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        default=argparse.SUPPRESS,
        help="the state folder of the demo that is meant",
    )
    return one


def main(args: argparse.Namespace) -> int:
    """Do what the command line says; the exit code."""
    from monitor.demo.control import NotRunningError, RefusedError  # noqa: PLC0415  not the daemon's

    try:
        return _ask(args) if args.act else _serve(args)
    except NotRunningError as e:
        return _fail(str(e), 1)
    except RefusedError as e:
        return _fail(str(e), e.code)


def _ask(args: argparse.Namespace) -> int:
    from monitor.demo.control import ask  # noqa: PLC0415  likewise
    from monitor.demo.words import phone, say, status  # noqa: PLC0415  likewise

    words = {"name": " ".join(args.names)} if args.act in ("break", "mend") else {}
    answer = ask(args.state, args.act, **words)
    if getattr(args, "json", False):
        answer.pop("ok")
        say(json.dumps(answer, ensure_ascii=False, indent=2))
    elif args.act == "status":
        say(status(answer))
    elif args.act == "phone":
        say(phone(answer))
    else:
        say(str(answer["text"]))
    return 0


def _serve(args: argparse.Namespace) -> int:
    from monitor.clock import SystemClock  # noqa: PLC0415  the commands above stay quick
    from monitor.demo import run  # noqa: PLC0415  likewise: aiohttp, jinja2, yaml

    options = run.Options(args.state, args.speed, args.port, not args.no_browser, program())
    try:
        return asyncio.run(run.serve(options, SystemClock()))
    except run.DemoError as e:
        return _fail(str(e), 1)


def program() -> str:
    """How this program was called, so that hints can be pasted."""
    called = Path(sys.argv[0])
    if called.name != "zhiban":
        return f"{sys.executable} -m monitor"
    return "zhiban" if shutil.which("zhiban") else str(called)


def _fail(sentence: str, code: int) -> int:
    sys.stderr.write(f"zhiban demo: {sentence}\n")
    return code


def _speed(text: str) -> float:
    speed = float(text)
    if not 1.0 <= speed <= MAX_SPEED:
        raise argparse.ArgumentTypeError(f"a number from 1 to {MAX_SPEED:g} is wanted")
    return speed


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:  # noqa: PLR2004  the range of TCP ports
        raise argparse.ArgumentTypeError("a port from 0 to 65535 is wanted; 0 takes a free one")
    return port
