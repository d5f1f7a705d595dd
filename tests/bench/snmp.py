"""
CPU per 1,000 varbinds, beside Debian's snmp_exporter, over the same agents in the same run.

Ours is the whole way: Poller, probe, series, one snapshot, one page of /metrics. Theirs is a
scrape of every agent. 200 agents of 480 values answer on 127.10.x.y out of one small program
in C, whose share of its core is printed. CPU is the kernel's count of each process' threads.
Prints one JSON object on its last line; ``ratio`` is ours to theirs, ``v3_ratio`` is our own
version 3 (SHA-256, AES-128) to our own version 2c, ``responder_share`` the busiest agents were.
"""

import asyncio
import concurrent.futures
import contextlib
import http.client
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import snmp_parts as parts
from prometheus_client import CollectorRegistry
from real import free_port

from exporters import PROBES
from monitor.clock import SystemClock
from monitor.model.reading import Block
from monitor.model.target import Target
from monitor.polling.poller import Poller
from monitor.probe import Open
from monitor.series.exposition import render
from monitor.series.store import Series

AGENTS, SECURE, ROUNDS, PASSES = 200, 40, 5, 3  # passes in one measured round
HERE = Path(__file__).resolve().parent


def cpu(pid):
    """Seconds of CPU that a process' threads have had."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def now():
    return time.perf_counter()  # noqa: TID251 - a benchmark measures real time


# -- ours, in a process of its own


def targets_of(said):
    """Make one target of each address; with a community or as the user."""
    kind = PROBES["snmp"]
    options = {"modules": [said["module"]]}
    if said["secure"]:
        user = {"user": parts.USER, "auth": "env:BENCH_SECRET", "priv": "env:BENCH_SECRET"}
        options |= user
    else:
        options |= {"version": "2c", "community": "env:BENCH_COMMUNITY", "insecure": True}
    made = kind.options.model_validate(options)
    hour, ten = timedelta(hours=1), timedelta(seconds=10)
    return {
        f"sw-{n}": Target(f"sw-{n}", "", "snmp", address, hour, ten, options=made)
        for n, address in enumerate(said["addresses"])
    }


async def ours(said):
    """Visit everything once for every line that comes in; say so when the page is made."""
    import uvloop  # noqa: PLC0415, F401 - as the daemon runs

    targets, series, left = targets_of(said), Series(grid=15), set()
    turn = asyncio.Event()

    def put(target, metrics, readings, visit):
        if not visit.up:
            print(visit, file=sys.stderr, flush=True)
        cells = sum(len(b.names) * len(b.label_sets) for b in readings if isinstance(b, Block))
        assert cells >= len(parts.METRICS) * parts.PORTS
        labels = tuple(sorted(target.carried().items()))
        known = {} if isinstance(metrics, Open) else metrics
        assert series.put(target.name, labels, known, readings) == 0
        left.discard(target.name)
        if not left:
            turn.set()

    poller = Poller(SystemClock(), put)
    poller.swap(targets)
    running = asyncio.ensure_future(poller.run())
    loop, instant = asyncio.get_running_loop(), 1_000_000.0
    while (await loop.run_in_executor(None, sys.stdin.readline)).strip():
        left |= targets.keys()
        turn.clear()
        poller.visit_soon(targets)
        done, _ = await asyncio.wait(
            {running, asyncio.ensure_future(turn.wait())}, timeout=60, return_when="FIRST_COMPLETED"
        )
        if running in done or not done:
            raise SystemExit(f"{len(left)} visits are missing: {running}")
        instant += 15
        series.snapshot(instant)
        body, _ = render(series, "", CollectorRegistry())
        print(len(body), flush=True)
    running.cancel()


class Ours:
    """The worker: ``once()`` makes one pass."""

    def __init__(self, said):
        command = [sys.executable, __file__, json.dumps(said)]
        path = f"{parts.ROOT}:{parts.ROOT / 'tests'}"
        secrets = {"BENCH_COMMUNITY": "public", "BENCH_SECRET": parts.PASSWORD}
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": path, **secrets},
        )
        self.pid = self.process.pid

    def once(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        assert int(self.process.stdout.readline()) > 0


# -- theirs


class Theirs:
    """snmp_exporter, scraped by as many threads as our poller has visits at once."""

    def __init__(self, folder, addresses):
        parts.exporter_file(folder / "snmp.yml")
        self.port, self.addresses = free_port(), addresses
        program = shutil.which("prometheus-snmp-exporter")
        listen = f"--web.listen-address=127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [program, f"--config.file={folder / 'snmp.yml'}", listen],
            stderr=subprocess.DEVNULL,
        )
        self.pid = self.process.pid
        self.threads = concurrent.futures.ThreadPoolExecutor(32)
        for _ in range(100):
            with contextlib.suppress(OSError):
                self.scrape(addresses[0])
                return
            time.sleep(0.05)  # noqa: TID251 - it is starting
        raise SystemExit("snmp_exporter does not answer")

    def scrape(self, address):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", f"/snmp?module=bench&target={address}")
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        assert answer.status == http.HTTPStatus.OK, body[:300]
        assert body.count(b"\nif") >= len(parts.METRICS) * parts.PORTS, body[:300]

    def once(self):
        list(self.threads.map(self.scrape, self.addresses))


# -- the run


def measured(one, responder, agents):
    """(CPU in ms per 1,000 varbinds, the responder's share of its core) of some passes."""
    before, busy, began = cpu(one.pid), cpu(responder), now()
    for _ in range(PASSES):
        one.once()
    took = now() - began
    spent = cpu(one.pid) - before
    return spent * 1e6 / (PASSES * agents * parts.VALUES), (cpu(responder) - busy) / took


def run(folder, started):
    parts.table_file(folder / "table")
    parts.module_file(folder / "bench.yml")
    source, program = HERE / "agent.c", folder / "agent"
    subprocess.run(["gcc", "-O2", "-o", program, source], check=True)
    port = free_port()
    agent = subprocess.Popen([program, str(port), folder / "table"], stdout=subprocess.PIPE)
    started.append(agent)
    agent.stdout.readline()
    secure = subprocess.Popen(
        [sys.executable, HERE / "snmp_parts.py", str(SECURE)], stdout=subprocess.PIPE, text=True
    )
    started.append(secure)
    ports = secure.stdout.readline().split()
    addresses = [f"127.10.{n // 100}.{n % 100 + 1}:{port}" for n in range(AGENTS)]
    said = {"module": str(folder / "bench.yml"), "secure": False, "addresses": addresses}
    sides = {
        "v2c": (Ours(said), agent.pid, AGENTS),
        "peer": (Theirs(folder, addresses), agent.pid, AGENTS),
    }
    guarded = [f"127.0.0.1:{number}" for number in ports]
    v3 = Ours(said | {"secure": True, "addresses": guarded})
    sides["v3"] = (v3, secure.pid, SECURE)
    few = Ours(said | {"addresses": addresses[:SECURE]})
    sides["v2c_few"] = (few, agent.pid, SECURE)
    started += [one.process for one, _, _ in sides.values()]
    for one, _, _ in sides.values():
        one.once()  # engines found, rows made, label sets known
    figures = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, side in sides.items():
            figures[name].append(measured(*side))
    return figures


def main():
    missing = [p for p in ("prometheus-snmp-exporter", "gcc") if not shutil.which(p)]
    if missing:
        raise SystemExit(f"not installed: {', '.join(missing)} (make test installs them)")
    started = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            figures = run(Path(folder), started)
    finally:
        for process in started:
            process.kill()
            process.wait()
    cost = {name: statistics.median(f[0] for f in found) for name, found in figures.items()}
    for name, found in figures.items():
        print(f"{name:8}", *(f"{ms:6.2f} ms ({share:.0%} responder)" for ms, share in found))
    share = max(f[1] for name in ("v2c", "peer") for f in figures[name])
    print(
        json.dumps(
            {
                "cpu_ms_per_1000_varbinds": round(cost["v2c"], 2),
                "peer": round(cost["peer"], 2),
                "ratio": round(cost["v2c"] / cost["peer"], 2),
                "v3_ratio": round(cost["v3"] / cost["v2c_few"], 2),
                "responder_share": round(share, 2),
            }
        )
    )


if __name__ == "__main__":
    if sys.argv[1:]:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(ours(json.loads(sys.argv[1])))
    else:
        main()
