"""
The command ``zhiban``. Exit codes: 0 well, 1 it could not be done, 2 something that a
person wrote is wrong (arguments or configuration). No traceback for either.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Coroutine, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

CONFIG = Path("/etc/zhiban/zhiban.yml")
OUT = 5.0  # seconds from SIGTERM to the end, a hung driver thread included
WRONG = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    args = _parser().parse_args(argv)
    try:
        code: int = args.run(args)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="zhiban", description="值班: monitoring and alerting for hospital machine rooms"
    )
    parser.add_argument("--version", action="version", version=f"zhiban {_version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _config(commands.add_parser("run", help="run the daemon"), _run)
    _config(commands.add_parser("check", help="check all configuration, offline"), _check)
    probe = commands.add_parser("probe", help="ask one target once and show the answer")
    probe.add_argument("target", help="the target's name in the configuration")
    _config(probe, _probe)
    _rules(commands.add_parser("rules", help="check or test rule files"))
    from monitor.agent import cli as agent  # noqa: PLC0415 -- the daemon needs none of the agent
    from monitor.demo.cli import add_parser  # noqa: PLC0415 -- nor of the demo

    agent.add_parser(commands)
    add_parser(commands)
    return parser


def _config(parser: argparse.ArgumentParser, run: Any) -> None:
    parser.add_argument(
        "--config", "-c", type=Path, default=CONFIG, help=f"configuration (default {CONFIG})"
    )
    parser.add_argument("--state", type=Path, help="folder for the database, over daemon.state")
    parser.set_defaults(run=run)


def _rules(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, run, text in (
        ("check", _rules_check, "check Prometheus rule files"),
        ("test", _rules_test, "run promtool-style rule tests"),
    ):
        one = kinds.add_parser(name, help=text)
        one.add_argument("files", nargs="+", type=Path)
        one.set_defaults(run=run)


def _version() -> str:
    with contextlib.suppress(PackageNotFoundError):
        return version("zhiban")
    return "(not installed)"


def _site(args: argparse.Namespace) -> Any:
    """The configuration, or None after every problem has been printed."""
    from monitor.config import ConfigError, load  # noqa: PLC0415 -- pydantic, only where needed

    try:
        return load(args.config, args.state)
    except ConfigError as e:
        _print_problems(e.problems)
        return None


def _print_problems(problems: Sequence[object]) -> None:
    for problem in problems:
        print(problem, file=sys.stderr)  # noqa: T201 -- the command's answer
    count = len(problems)
    print(f"{count} problem{'s' * (count != 1)}", file=sys.stderr)  # noqa: T201 -- likewise


def _check(args: argparse.Namespace) -> int:
    site = _site(args)
    if site is None:
        return WRONG
    from monitor.config import describe  # noqa: PLC0415 -- see _site

    print(describe(site))  # noqa: T201 -- the command's answer
    return 0


def _run(args: argparse.Namespace) -> int:
    site = _site(args)
    if site is None:
        return WRONG
    from monitor import logs  # noqa: PLC0415 -- only the daemon logs
    from monitor.app import Daemon  # noqa: PLC0415 -- everything at once, and slow
    from monitor.clock import SystemClock  # noqa: PLC0415 -- likewise
    from monitor.config import load  # noqa: PLC0415 -- likewise
    from monitor.store import StoreError  # noqa: PLC0415 -- likewise
    from monitor.web.server import WebError  # noqa: PLC0415 -- likewise

    logs.set_up(site.daemon.log.format, site.daemon.log.level)

    async def serve() -> None:
        daemon = Daemon(lambda: load(args.config, args.state), site, SystemClock())
        watch = asyncio.create_task(_out_in_time(daemon.stop))
        try:
            await daemon.run()
        finally:
            watch.cancel()

    try:
        run_loop(serve())
    except (StoreError, WebError) as e:
        print(f"zhiban: {e}", file=sys.stderr)  # noqa: T201 -- the one clear line at start
        return 1
    return 0


def run_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end on uvloop where there is one."""
    try:
        import uvloop  # noqa: PLC0415 -- not on Windows
    except ImportError:
        asyncio.run(work)
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


async def _out_in_time(stop: asyncio.Event) -> None:
    """After SIGTERM a timer outside the loop ends the process, whatever hangs."""
    await stop.wait()

    def leave() -> None:
        logging.getLogger(__name__).error("still not out after %g s; leaving", OUT - 0.5)
        logging.shutdown()
        os._exit(1)

    timer = threading.Timer(OUT - 0.5, leave)
    timer.daemon = True
    timer.start()


def _probe(args: argparse.Namespace) -> int:
    site = _site(args)
    if site is None:
        return WRONG
    target = site.targets.get(args.target)
    if target is None:
        names = ", ".join(sorted(site.targets))
        print(f"zhiban: no target {args.target!r}; there are: {names}", file=sys.stderr)  # noqa: T201 -- the command's answer
        return WRONG
    from monitor.once import ask  # noqa: PLC0415 -- polling, only where needed

    lines: list[str] = []
    up: list[bool] = []

    async def work() -> None:
        up.append(await ask(target, lines.append))

    run_loop(work())
    print("\n".join(lines))  # noqa: T201 -- the command's answer
    return 0 if up == [True] else 1


def _rules_check(args: argparse.Namespace) -> int:
    from monitor.alerting.files import RuleFilesError, load  # noqa: PLC0415 -- only where needed

    try:
        rules = load(args.files)
    except RuleFilesError as e:
        _print_problems(e.problems)
        return WRONG
    count = sum(len(g.rules) for g in rules.groups)
    print(f"{len(args.files)} files, {count} rules: well")  # noqa: T201 -- the command's answer
    return 0


def _rules_test(args: argparse.Namespace) -> int:
    from monitor.alerting.ruletest import run  # noqa: PLC0415 -- only where needed
    from monitor.alerting.yamlfile import ProblemsError  # noqa: PLC0415 -- likewise

    try:
        failures = run(args.files)
    except ProblemsError as e:
        _print_problems(e.problems)
        return WRONG
    for failure in failures:
        print(failure, file=sys.stderr)  # noqa: T201 -- the command's answer
    if not failures:
        print(f"{len(args.files)} test files: all passed")  # noqa: T201 -- the command's answer
    return 1 if failures else 0
