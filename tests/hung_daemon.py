"""The daemon with one more kind of probe: a driver whose thread never comes back."""

import sys
import threading

import exporters
from monitor.cli import main
from monitor.probe import Options, Probe


async def run(address, options, io):
    """Hang in a driver's thread, as a dead database's client library does."""
    await io.thread(threading.Event().wait)


exporters.PROBES["hang"] = Probe(Options, {}, run)
sys.exit(main())
