"""
Whether a web application answers as it should: one request, or several in a row.

Several steps share cookies and captured values, so that a login can be walked through.
Bodies are matched and dropped: they become no label, no message and no log line.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from yarl import URL

from exporters import _http_options as opt
from exporters import _options, _placeholders
from monitor.model.reading import Metric, Reading
from monitor.probe import CertificateError, HttpAnswer, HttpRequest, Io, Probe, ProbeError

METRICS = {
    "probe_http_status_code": Metric("gauge", "Response HTTP status code"),
    "probe_http_duration_seconds": Metric(
        "gauge",
        "Duration of http request by phase (resolve, connect, tls, processing, transfer), "
        "summed over all redirects; with steps, by step too",
    ),
    "probe_http_content_length": Metric(
        "gauge", "Length of http content response as the server declares it, -1 if it does not"
    ),
    "probe_http_uncompressed_body_length": Metric("gauge", "Length of uncompressed response body"),
    "probe_http_redirects": Metric("gauge", "The number of redirects"),
    "probe_http_ssl": Metric("gauge", "Indicates if SSL was used for the final redirect"),
    "probe_http_version": Metric("gauge", "Returns the version of HTTP of the probe response"),
    "probe_ssl_earliest_cert_expiry": Metric(
        "gauge", "Returns earliest SSL cert expiry date, seconds since 1970"
    ),
    "probe_failed_due_to_regex": Metric("gauge", "Indicates if probe failed due to regex"),
}


@dataclass(slots=True)
class Walk:
    """What is known so far on a visit's way through its steps."""

    values: dict[str, str]  # for {placeholders}: secrets and captures, never shown
    readings: list[Reading] = field(default_factory=list)
    expiries: list[float] = field(default_factory=list)  # seconds since 1970
    failed_regex: float | None = None  # None while nothing was to be matched

    def seen(self) -> list[Reading]:
        """Return the readings so far."""
        found = list(self.readings)
        if self.expiries:
            found.append(Reading("probe_ssl_earliest_cert_expiry", min(self.expiries)))
        if self.failed_regex is not None:
            found.append(Reading("probe_failed_due_to_regex", self.failed_regex))
        return found


async def run(address: str, options: opt.Options, io: Io) -> list[Reading]:
    """Walk through the steps; the first that goes wrong ends the visit."""
    walk = Walk({name: s.get_secret_value() for name, s in options.secrets.items()})
    steps = options.walk()
    last: HttpAnswer | None = None
    for step in steps:
        labels = {"step": step.name} if options.steps else {}
        try:
            last = await take(step, address, options, walk, io)
            walk.readings += of_step(last, labels)
            check(step, last, walk)
        except CertificateError as error:
            walk.expiries += [error.certificate.not_after] if error.certificate else []
            raise failed(error, step, options, walk) from None
        except ProbeError as error:
            raise failed(error, step, options, walk) from None
    return [*walk.seen(), *(of_last(last) if last else [])]


async def take(
    step: opt.Step, address: str, options: opt.Options, walk: Walk, io: Io
) -> HttpAnswer:
    """Ask one step's question."""
    own = URL(address)
    url = own.join(URL(_placeholders.in_url(step.url, walk.values)))
    kind = next((v for k, v in step.headers.items() if k.lower() == "content-type"), "")
    body = _placeholders.in_body(step.body, walk.values, kind) if step.body is not None else None
    headers = {k: _placeholders.in_header(v, walk.values) for k, v in step.headers.items()}
    # Credentials stay with the server they were meant for.
    auth = options.auth_headers() if url.origin() == own.origin() else {}
    request = HttpRequest(
        url=str(url),
        method=step.method,
        headers={**auth, **headers},
        body=body.encode() if body is not None else None,
        verify=options.verify,
        ca_file=options.ca_file,
        follow=options.follow,
        max_bytes=options.max_bytes,
    )
    answer = await io.http(request, session="walk")
    walk.expiries += [answer.certificate.not_after] if answer.certificate else []
    return answer


def check(step: opt.Step, answer: HttpAnswer, walk: Walk) -> None:
    """Compare an answer with what the step expects, and capture what later steps need."""
    if not opt.accepted(answer.status, step.status):
        expected = ", ".join(str(s) for s in step.status)
        raise ProbeError("status", f"HTTP {answer.status}, expected {expected}")
    if not (step.match or step.not_match or step.capture):
        return
    walk.failed_regex = 1.0
    text = decoded(answer)
    if step.match and not _options.compiled(step.match).search(text):
        raise ProbeError("mismatch", f"nothing that matches {step.match!r} in the answer")
    if step.not_match and _options.compiled(step.not_match).search(text):
        raise ProbeError("mismatch", f"something that matches {step.not_match!r} in the answer")
    for name, pattern in step.capture.items():
        found = _options.compiled(pattern).search(text)
        if not found or found.group(1) is None:
            raise ProbeError("mismatch", f"nothing to capture as {name} in the answer")
        walk.values[name] = found.group(1)[: _placeholders.MAX_VALUE]
    walk.failed_regex = 0.0


def decoded(answer: HttpAnswer) -> str:
    """Decode a body by its charset (GB18030 covers GBK and GB2312), UTF-8 where there is none."""
    _, _, rest = answer.headers.get("content-type", "").lower().partition("charset=")
    charset = rest.partition(";")[0].strip(" \"'")
    charset = "gb18030" if charset in {"gbk", "gb2312", "gb18030"} else charset or "utf-8"
    try:
        return answer.body.decode(charset, errors="replace")
    except LookupError:
        return answer.body.decode(errors="replace")


def failed(error: ProbeError, step: opt.Step, options: opt.Options, walk: Walk) -> ProbeError:
    """Say in which step it went wrong, and what was seen until then."""
    where = f"step {step.name}: " if options.steps else ""
    return ProbeError(error.reason, where + error.detail, walk.seen())


def of_step(answer: HttpAnswer, labels: Mapping[str, str]) -> Sequence[Reading]:
    """Return the readings that every step has."""
    return [
        Reading("probe_http_status_code", answer.status, labels),
        *(
            Reading("probe_http_duration_seconds", seconds, {**labels, "phase": phase})
            for phase, seconds in answer.phases.items()
        ),
    ]


def of_last(answer: HttpAnswer) -> Sequence[Reading]:
    """Return the readings of the last step's answer."""
    declared = answer.headers.get("content-length", "")
    return [
        Reading("probe_http_content_length", int(declared) if declared.isdecimal() else -1),
        Reading("probe_http_uncompressed_body_length", len(answer.body)),
        Reading("probe_http_redirects", answer.redirects),
        Reading("probe_http_ssl", answer.url.startswith("https:")),
        Reading("probe_http_version", float(answer.version)),
    ]


PROBE = Probe(opt.Options, METRICS, run, opt.check_url)
