"""
One rule, two engines: ours over its own snapshots, a real Prometheus over its scrapes.

Both look at the same registry every second, at phases of their own. Values change every
four seconds and instants are taken in between, so what they see is the same. (Rates hang
on the phase: test_promql_prometheus.py compares them over the same samples.)
"""

import asyncio
import math
import subprocess
import time

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry
from real import free_port, need

from monitor.model.reading import Metric, Reading
from monitor.promql.evaluator import evaluate
from monitor.promql.parser import parse
from monitor.series.exposition import render
from monitor.series.store import Series

pytestmark = pytest.mark.real

METRICS = {
    "probe_success": Metric("gauge", ""),
    "probe_duration_seconds": Metric("gauge", ""),
    "zhiban_threshold": Metric("gauge", ""),
}
CONFIG = """
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - {job_name: zhiban, honor_labels: true, static_configs: [{targets: ["127.0.0.1:%d"]}]}
"""
HOLD = 4  # seconds between two changes
INSTANTS = 20
RULES = {
    "down": 'probe_success{role="server"} == 0',
    "share down": "sum by (system) (1 - probe_success) / count by (system) (probe_success) > 0.4",
    "slow": 'probe_duration_seconds > on () group_left zhiban_threshold{name="slow"}',
    "far end only": (
        'probe_success{role="line-far"} == 0 and on (site) probe_success{role="line-edge"} == 1'
    ),
    "flapped": "changes(probe_success[8s]) >= 1 and probe_success == 1",
    "gone": 'absent(probe_success{instance="away"})',
    "unless": "probe_success == 0 unless on (system) probe_success == 1",
}
TARGETS = {
    "his-1": {"role": "server", "system": "HIS"},
    "his-2": {"role": "server", "system": "HIS"},
    "lis-1": {"role": "server", "system": "LIS"},
    "edge": {"role": "line-edge", "site": "yibao", "system": "YIBAO"},
    "far": {"role": "line-far", "site": "yibao", "system": "YIBAO"},
    "away": {"role": "server", "system": "LIS"},
}


class Hospital:
    """Six targets that come and go by a fixed script."""

    def __init__(self):
        self.series = Series(grid=1.0, keep=120.0)
        self.own = CollectorRegistry()

    def change(self, n):
        """The n-th state: every target has its own period."""
        for i, (name, labels) in enumerate(TARGETS.items()):
            if name == "away" and n % 3 == 0:
                self.series.end(name)
                continue
            up = n % (i + 2) != 0
            pairs = tuple(sorted({**labels, "instance": name, "job": "test"}.items()))
            readings = [
                Reading("probe_success", float(up)),
                Reading("probe_duration_seconds", 0.01 * (n * (i + 1) % 11)),
            ]
            self.series.put(name, pairs, METRICS, readings)
        limit = [Reading("zhiban_threshold", 0.05, {"name": "slow"})]
        self.series.put("limits", (("instance", "x"),), METRICS, limit)

    async def live(self):
        """Change every HOLD seconds, snapshot every second, half a second apart."""
        n = 0
        while True:
            now = time.time()  # noqa: TID251 -- both engines go by the machine's wall clock
            if int(now) // HOLD != n:
                n = int(now) // HOLD
                self.change(n)
            self.series.snapshot(math.floor(now * 1000) / 1000)
            await asyncio.sleep(1.0 - (time.time() - 0.5) % 1.0)  # noqa: TID251 -- likewise

    async def metrics(self, request):
        body, kind = render(self.series, request.headers.get("Accept", ""), self.own)
        return web.Response(body=body, headers={"Content-Type": kind})


@pytest.fixture
async def hospital(tmp_path):
    hospital = Hospital()
    app = web.Application()
    app.router.add_get("/metrics", hospital.metrics)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = free_port()
    (tmp_path / "prometheus.yml").write_text(CONFIG % runner.addresses[0][1])
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 -- it returns at once
            [
                need("prometheus"),
                f"--config.file={tmp_path / 'prometheus.yml'}",
                f"--storage.tsdb.path={tmp_path / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    living = asyncio.create_task(hospital.live())
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        hospital.prometheus = session
        yield hospital
    living.cancel()
    process.terminate()
    process.wait(20)
    await runner.cleanup()


async def theirs(session, expression, at):
    query = {"query": expression, "time": f"{at:.3f}"}
    async with session.get("/api/v1/query", params=query) as answer:
        rows = (await answer.json())["data"]["result"]
    return {frozenset(r["metric"].items()): float(r["value"][1]) for r in rows}


def ours(series, expression, at):
    found = evaluate(parse(expression), series.view(), at)
    return {
        frozenset(labels): float(v) for labels, v in zip(found.labels, found.values, strict=True)
    }


async def test_twenty_instants(hospital):
    """Labels and values are the same at every instant."""
    await asyncio.sleep(12)
    compared = rows = 0
    for _ in range(INSTANTS):
        now = time.time()  # noqa: TID251 -- see above
        # Late in a state, so that both have seen it, and off every boundary.
        await asyncio.sleep((HOLD - 0.8 - now) % HOLD if compared % 2 else 0.9)
        at = time.time()  # noqa: TID251 -- see above
        if not HOLD - 2.2 < at % HOLD < HOLD - 0.3:
            await asyncio.sleep((HOLD - 1.6 - at) % HOLD)
            at = time.time()  # noqa: TID251 -- see above
        for name, expression in RULES.items():
            mine = ours(hospital.series, expression, at)
            assert mine == await theirs(hospital.prometheus, expression, at), (name, at)
            rows += len(mine)
        compared += 1
    print(f"\n{compared} instants x {len(RULES)} rules, {rows} rows: all the same")
    assert rows > 100
