"""The scrape probe: what is asked, what comes back, what a failure leaves."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from exporters import scrape
from monitor.model.reading import Metric
from monitor.probe import OPEN, HttpAnswer, ProbeError

WINDOWS = (Path(__file__).parent / "windows_exporter.prom").read_bytes()
TEXT = "text/plain; version=0.0.4; charset=utf-8"


class FakeIo:
    """A server that gives one answer, and remembers what it was asked."""

    def __init__(self, body=b"", status=200, kind=TEXT, error=None):
        self.body, self.status, self.kind, self.error = body, status, kind, error
        self.requests = []
        self.threads = 0

    async def http(self, request, session=""):
        self.requests.append(request)
        if self.error:
            raise self.error
        return HttpAnswer(
            self.status, {"content-type": self.kind}, self.body, request.url, 0, None, 0.01
        )

    async def thread(self, call, *args):
        self.threads += 1
        return call(*args)


def flat(readings):
    found = {}
    for block in readings:
        for pairs, row in zip(block.label_sets, block.values, strict=True):
            for name, value in zip(block.names, row, strict=True):
                assert (name, pairs) not in found
                found[name, pairs] = value
    return found


async def visit(io, **options):
    return await scrape.run("10.1.2.3:9100", scrape.ScrapeOptions(**options), io)


async def test_windows_exporter():
    """A page of windows_exporter comes back sample for sample, with type and help."""
    readings = await visit(FakeIo(WINDOWS))
    found = flat(readings)
    assert found["up", ()] == 1
    assert found["scrape_samples_scraped", ()] == 13
    assert len(found) == 13 + len(scrape.METRICS)
    assert found["windows_cpu_time_total", (("core", "0,0"), ("mode", "idle"))] == 1234567.875
    service = (("name", 'oracle\\xe listener "his"'), ("state", "running"))
    assert found["windows_service_state", service] == 1
    assert found["go_gc_duration_seconds", (("quantile", "1.0"),)] == 0.0010001
    declared = readings[0].metrics
    assert declared["windows_cpu_time_total"].type == "counter"
    assert declared["windows_logical_disk_free_bytes"].help.startswith("Free space in bytes")
    assert declared["go_gc_duration_seconds"].type == "summary"
    assert declared["up"] == scrape.METRICS["up"]


async def test_the_same_page_brings_the_same_label_sets():
    """What the store compares from visit to visit is equal at a glance."""
    first, second = [await visit(FakeIo(WINDOWS)) for _ in range(2)]
    assert [b.label_sets for b in first] == [b.label_sets for b in second]
    pairs = [
        (a, b)
        for x, y in zip(first, second, strict=True)
        for a, b in zip(x.label_sets, y.label_sets, strict=True)
    ]
    assert all(a is b for a, b in pairs if not {"le", "quantile"} & {name for name, _ in a})


# Each row: address, options, the URL that is asked.
ASKED = {
    "host and port": ("10.1.2.3:9100", {}, "http://10.1.2.3:9100/metrics"),
    "IPv6": ("[2001:db8::1]:9100", {}, "http://[2001:db8::1]:9100/metrics"),
    "a URL": ("https://his.lan:9443/", {}, "https://his.lan:9443/metrics"),
    "a URL with a path": ("http://his.lan/actuator/prom", {}, "http://his.lan/actuator/prom"),
    "another path": ("h:1", {"path": "/probe"}, "http://h:1/probe"),
    "parameters": (
        "h:1",
        {"params": {"collect[]": ["cpu", "os"], "module": "a b"}},
        "http://h:1/metrics?collect%5B%5D=cpu&collect%5B%5D=os&module=a+b",
    ),
    "parameters of both": (
        "http://h:1/probe?target=x",
        {"params": {"module": "m"}},
        "http://h:1/probe?target=x&module=m",
    ),
}


@pytest.mark.parametrize(("address", "options", "url"), ASKED.values(), ids=ASKED)
def test_what_is_asked(address, options, url):
    assert scrape.check_address(address) == ""
    assert scrape.request(address, scrape.ScrapeOptions(**options)).url == url


def test_credentials():
    """A token or a password goes into the header, and into no text about the options."""
    bearer = scrape.ScrapeOptions(bearer_token=SecretStr("t0ken"))
    basic = scrape.ScrapeOptions(
        basic_auth=scrape.BasicAuth(username="prom", password=SecretStr("pa:ss"))
    )
    assert scrape.request("h:1", bearer).headers["Authorization"] == "Bearer t0ken"
    assert scrape.request("h:1", basic).headers["Authorization"] == "Basic cHJvbTpwYTpzcw=="
    assert "t0ken" not in repr(bearer)
    assert "pa:ss" not in repr(basic)


PAGE = b'node_cpu 1\nnode_disk{d="a"} 2\nnode_disk{d="b"} 3\ngo_x 4\n'

# Each row: options, the names that are kept.
FILTERS = {
    "everything": ({}, {"node_cpu", "node_disk", "go_x"}),
    "keep": ({"keep": ["node_.*"]}, {"node_cpu", "node_disk"}),
    "keep is anchored": ({"keep": ["cpu", "node"]}, set()),
    "drop": ({"drop": ["go_.*", "node_cpu"]}, {"node_disk"}),
    "drop out of keep": ({"keep": ["node_.*"], "drop": [".*_disk"]}, {"node_cpu"}),
    "alternatives are anchored as one": ({"drop": ["go_x|node"]}, {"node_cpu", "node_disk"}),
}


@pytest.mark.parametrize(("options", "names"), FILTERS.values(), ids=FILTERS)
async def test_filters(options, names):
    found = flat(await visit(FakeIo(PAGE), **options))
    assert {name for name, _ in found} - scrape.METRICS.keys() == names
    assert found["scrape_samples_scraped", ()] == 4
    kept = sum(name in names for name, _ in found)
    assert found["scrape_samples_post_metric_relabeling", ()] == kept


async def test_labels():
    """Configured labels go to series that do not have them themselves."""
    found = flat(await visit(FakeIo(PAGE), labels={"d": "none", "vm": "a"}, keep=["node_.*"]))
    assert found["node_cpu", (("d", "none"), ("vm", "a"))] == 1
    assert found["node_disk", (("d", "b"), ("vm", "a"))] == 3


async def test_what_is_ours_is_said_once():
    """A page's own bare probe_success (blackbox_exporter) does not contradict the runner's."""
    page = b'probe_success 0\nup 0\nup{instance="x"} 0\nprobe_http_status_code 200\n'
    found = flat(await visit(FakeIo(page)))
    assert found["up", ()] == 1
    assert found["up", (("instance", "x"),)] == 0
    assert ("probe_success", ()) not in found
    assert found["probe_http_status_code", ()] == 200


# Each row: the server, the reason, how the detail begins.
FAILURES = {
    "no answer": (FakeIo(error=ProbeError("refused", "connection refused")), "refused", "conn"),
    "an error": (FakeIo(b"x 1\n", status=503), "status", "HTTP 503, expected 200"),
    "nothing asked for": (FakeIo(b"", status=204), "status", "HTTP 204"),
    "a login page": (FakeIo(b"<html>\n", kind="text/html"), "protocol", "line 1: HTML or XML"),
    "garbage": (FakeIo(b"\x00\xff\n"), "protocol", "line 1: is not UTF-8"),
    "one bad line": (FakeIo(b"x 1\ny{ 2\nz 3\n"), "protocol", "line 2: labels that are not"),
    "an empty answer": (FakeIo(b""), "mismatch", "an answer without a single sample"),
    "comments alone": (FakeIo(b"# nothing\n"), "mismatch", "an answer without"),
    "OpenMetrics without its end": (
        FakeIo(b"x 1\n", kind="application/openmetrics-text; version=1.0.0"),
        "protocol",
        "line 1: no # EOF",
    ),
    "too many rows": (
        FakeIo("".join(f'x{{i="{i}"}} 1\n' for i in range(10_000)).encode()),
        "too_large",
        "line 9991: more than 9990 rows",
    ),
}


@pytest.mark.parametrize(("io", "reason", "detail"), FAILURES.values(), ids=FAILURES)
async def test_failures(io, reason, detail):
    """A failed scrape leaves ``up 0`` and nothing of the page."""
    with pytest.raises(ProbeError) as caught:
        await visit(io)
    assert caught.value.reason == reason
    assert caught.value.detail.startswith(detail)
    assert flat(caught.value.readings) == {("up", ()): 0}
    assert caught.value.readings[0].metrics["up"].type == "gauge"


async def test_details_quote_nothing_of_the_page():
    """What stands on a page could be anybody's: a detail says where, not what."""
    page = b'patient{name="\xe5\xbc\xa0\xe4\xb8\x89" 1\n'
    with pytest.raises(ProbeError) as caught:
        await visit(FakeIo(page))
    assert "patient" not in caught.value.detail
    assert "\u5f20" not in caught.value.detail


async def test_a_large_page_is_read_in_a_thread():
    """A page that takes long to read does not hold up the loop."""
    io = FakeIo("".join(f'x{{i="{i}"}} 1\n' for i in range(9_000)).encode())
    found = flat(await visit(io))
    assert (io.threads, len(found)) == (1, 9_000 + len(scrape.METRICS))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"keep": ["("]}, "is no RE2 pattern", id="a pattern"),
        pytest.param({"path": "metrics"}, "path", id="a path"),
        pytest.param({"headers": {"X": "a\r\nb"}}, "line break", id="a header"),
        pytest.param({"labels": {"机": "x"}}, "labels", id="a label"),
        pytest.param({"max_rows": 100_000}, "max_rows", id="rows"),
        pytest.param({"interval": "5s"}, "interval", id="an unknown key"),
        pytest.param(
            {
                "bearer_token": SecretStr("t"),
                "basic_auth": {"username": "u", "password": SecretStr("p")},
            },
            "exclude each other",
            id="two ways in",
        ),
    ],
)
def test_bad_options(options, said):
    with pytest.raises(ValidationError, match=said):
        scrape.ScrapeOptions(**options)


@pytest.mark.parametrize(
    "address", ["", "host", "host:0", "ftp://h:1/", "http://", "http://u:p@h:1/", "2001:db8::1:9"]
)
def test_bad_addresses(address):
    assert scrape.check_address(address)


def test_names_are_open():
    """A page names its metrics itself; what we add is declared."""
    assert scrape.PROBE.metrics is OPEN
    assert all(isinstance(metric, Metric) for metric in scrape.METRICS.values())
