"""A real Prometheus scrapes what we render: every second, both formats, no errors."""

import asyncio
import itertools
import subprocess

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text
from real import free_port, need

from monitor.model.reading import ABSENT, Block, Metric, Reading
from monitor.series.exposition import OPENMETRICS, TEXT, render
from monitor.series.store import Series

pytestmark = pytest.mark.real

METRICS = {
    "probe_success": Metric("gauge", "Displays whether or not the probe was a success"),
    "ifHCInOctets": Metric("counter", "The total number of octets received - 1.3.6.1"),
    "hw_requests_total": Metric("counter", 'Requests; "quoted" \\ and\nin two lines'),
    "hw_wait_seconds": Metric("histogram", "Wait"),
    "hw_size_bytes": Metric("summary", "Size"),
}
CONFIG = """
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - job_name: negotiated
    honor_labels: true
    static_configs: [{targets: ["127.0.0.1:%(port)d"]}]
  - job_name: text
    honor_labels: true
    metrics_path: /text
    static_configs: [{targets: ["127.0.0.1:%(port)d"]}]
"""


class Room:
    """Four targets whose values change at every scrape; the last comes and goes."""

    def __init__(self):
        self.series = Series(grid=1, keep=60)
        self.own = CollectorRegistry()
        self.beats = Counter("zhiban_visits", "visits", ["kind"], registry=self.own)
        Gauge("process_open_fds", "open files", registry=self.own).set(7)
        Histogram("zhiban_send_seconds", "send", registry=self.own).observe(0.3)
        self.tick = itertools.count(1)
        self.served = []

    def visit(self):
        n = next(self.tick)
        self.beats.labels("icmp").inc()
        for name in ("核心交换机-1", "sw-2", "his-app", "away"):
            labels = (("instance", name), ("job", "snmp"), ("title", '门诊"楼"\\1层'))
            self.series.put(name, labels, METRICS, list(self.readings(n, name)))
        if n % 2:
            self.series.end("away")
        self.series.snapshot(n)

    def readings(self, n, name):
        sets = tuple((("ifIndex", str(i)), ("ifName", f"GE0/0/{i}")) for i in range(20))
        values = [[float(n * 1000 + i) if i != n % 20 else ABSENT] for i in range(20)]
        yield Block(("ifHCInOctets",), sets, values)
        yield Reading("probe_success", 1.0)
        yield Reading("hw_requests_total", float(n))
        yield Reading("hw_nan", float("nan"))
        yield Reading("process_open_fds", 3.0)
        for le, below in (("0.5", n), ("10.0", 2 * n), ("+Inf", 2 * n)):
            yield Reading("hw_wait_seconds_bucket", float(below), {"le": le})
        yield Reading("hw_wait_seconds_count", 2.0 * n)
        yield Reading("hw_wait_seconds_sum", 3.5 * n)
        yield Reading("hw_size_bytes", 5.0, {"quantile": "0.5"})
        yield Reading("hw_size_bytes_count", 1.0)
        yield Reading("hw_size_bytes_sum", 5.0)

    async def metrics(self, request):
        self.visit()
        accept = "" if request.path == "/text" else request.headers.get("Accept", "")
        body, kind = render(self.series, accept, self.own)
        self.served.append((kind, body))
        return web.Response(body=body, headers={"Content-Type": kind})


@pytest.fixture
async def room():
    room = Room()
    app = web.Application()
    app.router.add_get("/metrics", room.metrics)
    app.router.add_get("/text", room.metrics)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    room.port = runner.addresses[0][1]
    yield room
    await runner.cleanup()


@pytest.fixture
async def prometheus(room, tmp_path):
    port = free_port()
    (tmp_path / "prometheus.yml").write_text(CONFIG % {"port": room.port})
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
            [
                need("prometheus"),
                f"--config.file={tmp_path / 'prometheus.yml'}",
                f"--storage.tsdb.path={tmp_path / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=debug",
            ],
            stdout=log,
            stderr=log,
        )
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        yield session
    process.terminate()
    process.wait(20)


async def ask(session, expression):
    async with session.get("/api/v1/query", params={"query": expression}) as answer:
        return (await answer.json())["data"]["result"]


async def until_scraped(session, times):
    """Wait until both jobs were scraped so often."""
    for _ in range(200):
        await asyncio.sleep(0.2)
        try:
            counts = await ask(session, 'count_over_time(up{job=~"negotiated|text"}[1m])')
        except (aiohttp.ClientError, KeyError):
            continue
        if len(counts) == 2 and all(int(row["value"][1]) >= times for row in counts):
            return
    pytest.fail("Prometheus did not scrape")


async def test_prometheus_scrapes_without_errors(room, prometheus, tmp_path):
    """Four scrapes of each format: always up, every sample taken, no line refused."""
    await until_scraped(prometheus, 4)
    ups = await ask(prometheus, 'min_over_time(up{job=~"negotiated|text"}[1m])')
    assert [row["value"][1] for row in ups] == ["1", "1"]

    async with prometheus.get("/api/v1/targets") as answer:
        targets = (await answer.json())["data"]["activeTargets"]
    assert [(t["health"], t["lastError"]) for t in targets] == [("up", ""), ("up", "")]

    log = (tmp_path / "log").read_text()
    for word in ("Error on ingesting", "Append failed", "out-of-order", "duplicate"):
        assert word not in log

    scraped = await ask(prometheus, 'max_over_time(scrape_samples_scraped{job="text"}[1m])')
    most = max(body.count(b"\n") - body.count(b"#") for kind, body in room.served if kind == TEXT)
    assert int(scraped[0]["value"][1]) == most

    kept = await ask(prometheus, 'ifHCInOctets{instance="核心交换机-1", job="snmp"}')
    assert kept
    assert kept[0]["metric"]["title"] == '门诊"楼"\\1层'


async def test_both_formats_parse(room):
    """What was served reads the same to prometheus-client in both formats, and to promtool."""
    async with aiohttp.ClientSession(f"http://127.0.0.1:{room.port}") as session:
        for accept in ("text/plain", "application/openmetrics-text"):
            async with session.get("/metrics", headers={"Accept": accept}) as answer:
                assert answer.status == 200
    (text_kind, _), (openmetrics_kind, _) = room.served
    assert (text_kind, openmetrics_kind) == (TEXT, OPENMETRICS)
    # One body each of the same state.
    text, openmetrics = (render(room.series, kind, room.own)[0] for kind in (TEXT, OPENMETRICS))

    def read(parse, body):
        # The text parser gives every counter a _total, whatever its line says.
        return {
            (s.name.replace("Octets_total", "Octets"), *sorted(s.labels.items()))
            for family in parse(body.decode())
            for s in family.samples
        }

    assert read(parse_text, text) == read(parse_openmetrics, openmetrics)
    done = await asyncio.to_thread(
        subprocess.run,
        [need("promtool"), "check", "metrics"],
        input=text,
        capture_output=True,
        timeout=30,
        check=False,
    )
    complaints = done.stderr.decode().splitlines()
    assert not [line for line in complaints if "error while linting" in line]
    ours = [line for line in complaints if line.startswith(("zhiban_", "hw_"))]
    assert ours == ["hw_nan no help text"]
