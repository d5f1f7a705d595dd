"""A real node_exporter, through the real guarded layer, into the series and out again."""

import subprocess
from datetime import timedelta

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families as parse_text
from real import free_port, need

from exporters import scrape
from monitor.clock import SystemClock
from monitor.model.target import Target
from monitor.polling.io import Net
from monitor.polling.runner import Runner
from monitor.promql.ast import Matcher
from monitor.series.exposition import render
from monitor.series.store import Series

pytestmark = pytest.mark.real


@pytest.fixture
async def node_exporter():
    """Its address."""
    port = free_port()
    process = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
        [need("node_exporter"), f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    clock = SystemClock()
    async with aiohttp.ClientSession() as session:
        for _ in range(100):
            try:
                async with session.get(f"http://127.0.0.1:{port}/"):
                    break
            except aiohttp.ClientError:
                await clock.sleep(0.05)
        else:
            pytest.fail("node_exporter does not answer")
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


def target(address, seconds=5, **options):
    return Target(
        name="srv",
        title="服务器",
        kind="scrape",
        address=address,
        every=timedelta(seconds=60),
        timeout=timedelta(seconds=seconds),
        options=scrape.ScrapeOptions(**options),
    )


async def visit(one):
    clock = SystemClock()
    async with Net(clock) as net:
        return await Runner(scrape.PROBE, clock).visit(one, net.guard(one), None)


async def test_every_sample_arrives(node_exporter):
    """What prometheus-client reads off the page is what stands in the series and on ours."""
    found = await visit(target(node_exporter))
    assert (found.visit.up, found.visit.detail) == (True, "")
    series = Series(grid=15)
    labels = (("instance", "srv"), ("job", "scrape"))
    assert series.put("srv", labels, {}, found.readings) == 0
    series.snapshot(100)

    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{node_exporter}/metrics") as answer,
    ):
        page = await answer.text()
    own = {"instance": "srv", "job": "scrape"}
    expected = {  # an empty label value is no label
        (s.name, *sorted((k, v) for k, v in {**s.labels, **own}.items() if v))
        for family in parse_text(page)
        for s in family.samples
        if not {"le", "quantile"} & s.labels.keys()
    }
    body, _ = render(series, "", CollectorRegistry())
    families = list(parse_text(body.decode()))
    got = {
        (s.name, *sorted(s.labels.items()))
        for family in families
        for s in family.samples
        if not {"le", "quantile"} & s.labels.keys()
    }
    ours = {*scrape.METRICS, "probe_success", "probe_duration_seconds"}
    assert {key for key in got if key[0] not in ours} == expected
    types = {(family.name, family.type) for family in families}
    assert types > {
        ("node_cpu_seconds", "counter"),
        ("node_memory_MemTotal_bytes", "gauge"),
        ("go_gc_duration_seconds", "summary"),
    }

    up = [Matcher("__name__", "=", "up"), Matcher("instance", "=", "srv")]
    assert series.view().select(up, 0, 100).values.tolist() == [[1.0]]


async def test_keep_and_params(node_exporter):
    """Collectors chosen by a parameter, names by a pattern."""
    found = await visit(
        target(node_exporter, params={"collect[]": ["loadavg", "uname"]}, keep=["node_load.*"])
    )
    names = {name for block in found.readings for name in block.names}
    assert {"node_load1", "node_load5", "node_load15"} <= names
    assert not {n for n in names if n.startswith("node_") and not n.startswith("node_load")}


async def test_one_that_is_off(node_exporter):
    """A refused connection is the target's failed probe, with up 0 for published rules."""
    found = await visit(target(f"127.0.0.1:{free_port()}"))
    assert (found.visit.up, found.visit.reason) == (False, "refused")
    values = {b.names[0]: b.values[0][0] for b in found.readings}
    assert values["up"] == values["probe_success"] == 0


async def test_another_path(node_exporter):
    """A page of the web is told from metrics."""
    found = await visit(target(f"http://{node_exporter}/index.html"))
    assert not found.visit.up
    assert found.visit.reason in {"protocol", "status"}
