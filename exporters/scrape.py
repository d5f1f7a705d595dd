"""
Any server that speaks Prometheus: node_exporter, windows_exporter, an application.

One GET, whole or not at all: a page with one bad line is a failed visit, as it is to
Prometheus. Names and labels pass as they are, but for what zhiban itself says of a
visit (``up``, ``probe_success`` ...) without a label.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Annotated

from pydantic import Field, model_validator
from yarl import URL

from exporters import _address, _exposition, _options
from monitor.model.reading import Block, LabelPairs, Metric
from monitor.probe import OPEN, HttpAnswer, HttpRequest, Io, Options, Probe, ProbeError
from monitor.secret import Secret

METRICS = {
    "up": Metric("gauge", "1 when the newest scrape of the target went well, as Prometheus has it"),
    "scrape_samples_scraped": Metric("gauge", "Samples that the page held"),
    "scrape_samples_post_metric_relabeling": Metric("gauge", "Samples left after keep and drop"),
}
OURS = frozenset({*METRICS, "probe_success", "probe_duration_seconds", "zhiban_probe_failure_info"})
"""Names a page may not use without a label: they would say two things of one visit."""

# What Prometheus 2.42 sends, but that we also take a page which states no version.
ACCEPT = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
HTTP_OK = 200
MAX_ROWS = 9_990  # the runner's 10,000 less what zhiban adds
SMALL = 64 << 10  # bytes that are read in the event loop: a node_exporter's page, 2 to 4 ms


class BasicAuth(Options):
    """RFC 7617."""

    username: _options.Line
    password: Secret


class ScrapeOptions(Options):
    """``keep`` and ``drop`` are lists of RE2 patterns that match a whole metric name."""

    path: str = Field(default="/metrics", pattern=r"^/")
    params: Mapping[str, str | tuple[str, ...]] = {}
    headers: Mapping[_options.Field, _options.Line] = {}
    basic_auth: BasicAuth | None = None
    bearer_token: Secret | None = None
    verify: bool = True
    ca_file: str | None = None
    keep: tuple[_options.Pattern, ...] = ()
    drop: tuple[_options.Pattern, ...] = ()
    labels: Mapping[
        Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")],
        Annotated[str, Field(min_length=1, max_length=_exposition.MAX_VALUE)],
    ] = {}  # for series of the page that do not have the label themselves
    max_bytes: int = Field(default=4 << 20, ge=1, le=64 << 20)  # of the page, after inflation
    max_rows: int = Field(default=MAX_ROWS, ge=1, le=MAX_ROWS)

    @model_validator(mode="after")
    def _one_way(self) -> "ScrapeOptions":
        if self.basic_auth and self.bearer_token:
            raise ValueError("basic_auth and bearer_token exclude each other")
        return self


async def run(address: str, options: ScrapeOptions, io: Io) -> list[Block]:
    """Scrape once."""
    try:
        answer = await io.http(request(address, options))
        page = await read(answer, options, io)
    except ProbeError as error:
        raise ProbeError(error.reason, error.detail, [_about({"up": 0.0}, {})]) from None
    return [
        _about(
            {
                "up": 1.0,
                "scrape_samples_scraped": float(page.seen),
                "scrape_samples_post_metric_relabeling": float(page.kept),
            },
            page.metrics,
        ),
        *blocks(page, tuple(options.labels.items())),
    ]


def request(address: str, options: ScrapeOptions) -> HttpRequest:
    """``host:port`` is asked over http; a URL's own path comes before the option."""
    url = URL(address if "://" in address else f"http://{address}")
    if url.path in {"", "/"}:
        url = url.with_path(options.path)
    pairs = [
        (k, v) for k, vs in options.params.items() for v in ([vs] if isinstance(vs, str) else vs)
    ]
    return HttpRequest(
        url=str(url.extend_query(pairs)),
        headers={"Accept": ACCEPT, **options.headers, **_credentials(options)},
        verify=options.verify,
        ca_file=options.ca_file,
        max_bytes=options.max_bytes,
    )


def _credentials(options: ScrapeOptions) -> dict[str, str]:
    if options.bearer_token:
        return {"Authorization": f"Bearer {options.bearer_token.get_secret_value()}"}
    if options.basic_auth:
        password = options.basic_auth.password.get_secret_value()
        pair = f"{options.basic_auth.username}:{password}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    return {}


async def read(answer: HttpAnswer, options: ScrapeOptions, io: Io) -> _exposition.Page:
    """The page of an answer; a large one is read in a thread."""
    if answer.status != HTTP_OK:
        raise ProbeError("status", f"HTTP {answer.status}, expected 200")
    if len(answer.body) <= SMALL:
        return parse(answer, options)
    return await io.thread(parse, answer, options)


def parse(answer: HttpAnswer, options: ScrapeOptions) -> _exposition.Page:
    """Turn an answer into a page, by its content type. Pure."""
    media = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    openmetrics = media == "application/openmetrics-text"
    try:
        page = _exposition.read(
            answer.body, wanted(options), options.max_rows, openmetrics=openmetrics
        )
    except _exposition.PageTooLargeError as error:
        raise ProbeError("too_large", str(error)) from None
    except _exposition.PageError as error:
        raise ProbeError("protocol", str(error)) from None
    if not page.seen:
        raise ProbeError("mismatch", "an answer without a single sample")
    return page


def wanted(options: ScrapeOptions) -> Callable[[str], bool]:
    """Whether a metric name is to be kept: by any of keep (or no keep at all), by no drop."""
    keep = [_options.compiled(f"^(?:{p})$") for p in options.keep]
    drop = [_options.compiled(f"^(?:{p})$") for p in options.drop]

    def test(name: str) -> bool:
        kept = not keep or any(p.search(name) for p in keep)
        return kept and not any(p.search(name) for p in drop)

    return test


def blocks(page: _exposition.Page, labels: LabelPairs) -> list[Block]:
    """One block per name: a page that keeps its series costs arithmetic, not objects."""
    found = []
    for name, rows in page.samples.items():
        if name in OURS:
            rows.pop((), None)
        sets = tuple(_with(labels, pairs) for pairs in rows) if labels else tuple(rows)
        if sets:
            found.append(Block((name,), sets, [(value,) for value in rows.values()]))
    return found


def _with(labels: LabelPairs, pairs: LabelPairs) -> LabelPairs:
    return tuple(sorted({**dict(labels), **dict(pairs)}.items()))


def _about(values: Mapping[str, float], metrics: Mapping[str, Metric]) -> Block:
    """What is said of the scrape itself; it carries type and help of the whole page."""
    said = {name: METRICS[name] for name in values}
    return Block(tuple(values), ((),), [tuple(values.values())], {**metrics, **said})


def check_address(text: str) -> str:
    """Return "" for ``host:port`` or an http(s) URL, else what is wrong with it."""
    if "://" not in text:
        return _address.check_host_port(text)
    try:
        url = URL(text)
        usable = url.scheme in {"http", "https"} and bool(url.host) and bool(url.port)
    except ValueError:
        usable = False
    if not usable:
        return f"is no http or https address: {text!r}; write for example 10.1.2.3:9100"
    if url.user or url.password:
        return "holds a user or a password; write basic_auth in the options"
    return ""


PROBE = Probe(ScrapeOptions, OPEN, run, check_address)
