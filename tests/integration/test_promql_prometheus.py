"""
The same samples, the same expressions: our evaluator and a real Prometheus.

Debian's Prometheus 2.42 closes windows on the left where 3.x (and we) leave them open,
so every instant lies between two samples.
"""

import asyncio
import math
import random
import subprocess

import aiohttp
import pytest
from promql.memory import Memory
from real import free_port, need

from monitor.promql.evaluator import Vector, evaluate
from monitor.promql.parser import parse

pytestmark = pytest.mark.real

T0, GRID, SLOTS = 1_760_000_000, 15, 320  # 80 minutes
EXPRESSIONS = [
    "up",
    "up == 0",
    "up == bool 0",
    "rate(net_bytes_total[5m])",
    "irate(net_bytes_total[5m])",
    "increase(net_bytes_total[10m])",
    "sum by (system) (rate(net_bytes_total[5m])) * 8",
    "topk(3, rate(net_bytes_total[5m]))",
    "delta(temperature_celsius[10m])",
    "idelta(temperature_celsius[10m])",
    "deriv(temperature_celsius[15m])",
    "predict_linear(temperature_celsius[30m], 4 * 3600)",
    "avg_over_time(temperature_celsius[7m])",
    "min_over_time(temperature_celsius[7m]) < 18",
    "max_over_time(temperature_celsius[7m]) > 24",
    "stddev_over_time(temperature_celsius[7m])",
    "quantile_over_time(0.9, temperature_celsius[7m])",
    "last_over_time(short_lived[20m])",
    "count_over_time(up[6m])",
    "changes(up[30m]) > 2",
    "resets(net_bytes_total[1h])",
    "absent(nothing{job='tcp'})",
    "absent_over_time(short_lived[10m])",
    "present_over_time(short_lived[20m])",
    "avg without (instance) (temperature_celsius)",
    "stdvar by (system) (temperature_celsius)",
    "quantile by (system) (0.3, temperature_celsius)",
    "count by (system, level) (up)",
    "count_values('up', up)",
    "group by (level) (up)",
    "temperature_celsius > on (system) group_left (owner) limit_celsius",
    "limit_celsius - on (system) group_right () temperature_celsius",
    "temperature_celsius / ignoring (level) group_left () limit_celsius or up",
    "up unless on (instance) (temperature_celsius > 22)",
    "up and on (system) limit_celsius",
    "label_replace(up, 'host', '$2', 'instance', '(.*)-(.*)')",
    "label_join(up, 'where', '/', 'system', 'instance')",
    "histogram_quantile(0.95, sum by (le, system) (rate(answer_seconds_bucket[10m])))",
    "temperature_celsius offset 11m",
    f"temperature_celsius @ {T0 + 1804.5}",
    "round(temperature_celsius, 0.5)",
    "clamp(temperature_celsius, 19, 23)",
    "hour() * 60 + minute()",
    "day_of_week(up * time())",
    "timestamp(short_lived)",
    "max_over_time(sum(rate(net_bytes_total[2m]))[20m:1m])",
    "-temperature_celsius % 7 ^ 2",
    "scalar(limit_celsius{system='his'}) - time()",
]


def room():
    """Series as (labels, [value or None by slot]): gaps, resets, ends and late starts."""
    rng = random.Random(42)
    for n in range(12):
        instance = f"主机-{n}"
        own = {"instance": instance, "system": ("his", "lis", "pacs")[n % 3], "level": str(n % 2)}
        yield {"__name__": "up", **own}, [float(rng.random() > 0.05) for _ in range(SLOTS)]
        warmth = 21.0
        walk = [warmth := warmth + rng.gauss(0, 0.3) for _ in range(SLOTS)]
        yield (
            {"__name__": "temperature_celsius", **own},
            [None if n == 5 and i % 7 == 3 else v for i, v in enumerate(walk)],
        )
        count = 1e7
        grown = []
        for i in range(SLOTS):
            count = 5e6 if i % 97 == 50 + n else count + rng.randrange(100_000)
            grown.append(count)
        yield {"__name__": "net_bytes_total", **own}, grown
    short = [float(i) if 100 <= i < 140 else None for i in range(SLOTS)]
    yield {"__name__": "short_lived", "instance": "主机-0"}, short
    for system in ("his", "lis"):
        yield (
            {"__name__": "limit_celsius", "system": system, "owner": "信息科"},
            [22.5] * SLOTS,
        )
        below = 0.0
        for le in ("0.1", "0.5", "2.5", "+Inf"):
            below += rng.randrange(1, 20)
            yield (
                {"__name__": "answer_seconds_bucket", "system": system, "le": le},
                [1e6 * below + below * i for i in range(SLOTS)],
            )


def openmetrics(series):
    """The series as an OpenMetrics file with timestamps."""
    lines = []
    for labels, values in series:
        pairs = ",".join(f'{n}="{v}"' for n, v in labels.items() if n != "__name__")
        lines += [
            f"{labels['__name__']}{{{pairs}}} {value!r} {T0 + i * GRID}"
            for i, value in enumerate(values)
            if value is not None
        ]
    return "\n".join([*lines, "# EOF\n"])


@pytest.fixture
def blocks(tmp_path):
    """A folder of blocks with the samples, written by promtool."""
    (tmp_path / "samples").write_text(openmetrics(room()))
    command = ["tsdb", "create-blocks-from", "openmetrics", "samples", "data"]
    subprocess.run([need("promtool"), *command], check=True, capture_output=True, cwd=tmp_path)
    return tmp_path / "data"


@pytest.fixture
async def prometheus(blocks, tmp_path):
    """A session with a real Prometheus over the blocks."""
    config = tmp_path / "prometheus.yml"
    config.write_text("scrape_configs: []\n")
    port = free_port()
    server = await asyncio.create_subprocess_exec(
        need("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={blocks}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            await ready(session)
            yield session
    finally:
        server.kill()
        await server.wait()


async def ready(session):
    for _ in range(300):
        try:
            async with session.get("/-/ready") as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.1)
    pytest.fail("Prometheus is not ready after 30 s")


async def theirs(session, expr, at):
    """Prometheus' answer: labels -> value; a scalar under None."""
    form = {"query": expr, "time": f"{at:.3f}"}
    async with session.post("/api/v1/query", data=form) as answer:
        body = await answer.json()
    assert body["status"] == "success", (expr, body)
    result = body["data"]["result"]
    if body["data"]["resultType"] == "scalar":
        return {None: float(result[1])}
    return {tuple(sorted(r["metric"].items())): float(r["value"][1]) for r in result}


def ours(expr, memory, at):
    got = evaluate(parse(expr), memory, at)
    if isinstance(got, Vector):
        return dict(zip(got.labels, got.values.tolist(), strict=True))
    return {None: got}


def same(a, b):
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)


async def test_answers_are_prometheus(prometheus):
    """
    Every expression gives Prometheus' labels and values at every instant.
    """
    memory = Memory(
        (labels, [(T0 + i * GRID, v) for i, v in enumerate(values) if v is not None])
        for labels, values in room()
    )
    rng = random.Random(7)
    instants = [
        T0 + rng.randrange(SLOTS) * GRID + rng.randrange(1, 14_999) / 1000 for _ in range(20)
    ]
    differ, rows = [], 0
    for expr in EXPRESSIONS:
        for at in instants:
            wanted, found = await theirs(prometheus, expr, at), ours(expr, memory, at)
            rows += len(wanted)
            if wanted.keys() != found.keys() or not all(same(wanted[k], found[k]) for k in wanted):
                differ.append((expr, at - T0, wanted, found))
    print(len(EXPRESSIONS) * len(instants), "answers,", rows, "rows")
    assert rows > 3000
    assert not differ, f"{len(differ)} differ; the first: {differ[0]}"
