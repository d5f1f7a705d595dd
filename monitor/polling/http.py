"""
One bounded HTTP exchange: what ``Io.http`` does.

Bodies are inflated step by step, redirects counted, cookies kept per visit. The
deadline is set around these calls by ``polling.io``.
"""

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import aiohttp
from aiohttp import hdrs, http_exceptions
from yarl import URL

from monitor import faults
from monitor.polling import tls
from monitor.polling.dns import Names
from monitor.polling.inflate import Body
from monitor.polling.session import CHUNK, Answer, Marks, Visitor, phases
from monitor.probe import Certificate, HttpAnswer, HttpRequest, ProbeError

MAX_HEADER_BYTES = 16 << 10  # all fields together
REDIRECTS = frozenset({301, 302, 303, 307, 308})
KEEPS_METHOD = frozenset({307, 308})  # RFC 9110, section 15.4
CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization"})


async def exchange(request: HttpRequest, session: str, visitor: Visitor) -> HttpAnswer:
    """Ask, and follow at most ``request.follow`` redirects."""
    jar = visitor.jar(session)
    url = address(request.url)
    answer, following = await once(request, url, jar, visitor)
    hops = 0
    while request.follow and answer.status in REDIRECTS and "location" in answer.headers:
        hops += 1
        if hops > request.follow:
            raise ProbeError("protocol", f"more than {request.follow} redirects")
        request, url = redirected(request, following, answer)
        before = answer
        answer, following = await once(request, url, jar, visitor)
        answer = joined(before, answer, hops)
    return answer


def address(text: str) -> URL:
    """Parse a URL that may be asked."""
    try:
        url = URL(text)
        usable = url.scheme in {"http", "https"} and url.host and url.port
    except ValueError:
        usable = False
    if not usable:
        raise ProbeError("protocol", "not an http or https address")
    return url


def redirected(request: HttpRequest, url: URL, answer: HttpAnswer) -> tuple[HttpRequest, URL]:
    """Return what a redirect asks for; credentials stay with the server they were meant for."""
    try:
        target = url.join(URL(answer.headers["location"]))
    except ValueError:
        raise ProbeError("protocol", "redirects to an address that is none") from None
    if target.scheme not in {"http", "https"} or not target.host:
        raise ProbeError("protocol", "redirects to an address that is not http or https")
    if url.scheme == "https" and target.scheme == "http":
        raise ProbeError("protocol", "redirects from https back to http")
    headers = dict(request.headers)
    if target.origin() != url.origin():
        dropped = CREDENTIALS | {"host"}
        headers = {k: v for k, v in headers.items() if k.lower() not in dropped}
        target = target.with_user(None)
    if answer.status in KEEPS_METHOD:
        return replace(request, headers=headers), target
    method = "HEAD" if request.method == "HEAD" else "GET"
    headers = {k: v for k, v in headers.items() if not k.lower().startswith("content-")}
    return replace(request, headers=headers, method=method, body=None), target


def joined(before: HttpAnswer, answer: HttpAnswer, hops: int) -> HttpAnswer:
    """Add a redirect's time, and its certificate if that one ends earlier."""
    shown = [c for c in (before.certificate, answer.certificate) if c]
    return replace(
        answer,
        redirects=hops,
        seconds=before.seconds + answer.seconds,
        phases=Counter(before.phases) + Counter(answer.phases),
        certificate=min(shown, key=lambda c: c.not_after, default=None),
    )


async def once(
    request: HttpRequest, url: URL, jar: aiohttp.CookieJar, visitor: Visitor
) -> tuple[HttpAnswer, URL]:
    """One request, one answer; errors in the words of ``monitor.probe.REASONS``."""
    try:
        return await ask(request, url, jar, visitor), url
    except aiohttp.ClientConnectorCertificateError as error:
        shown = await look(url, visitor.names)
        raise faults.of_tls(certificate_error(error), shown) from None
    except aiohttp.ClientConnectorSSLError as error:
        shown = await look(url, visitor.names)
        raise faults.of_tls(ssl_error(error), shown) from None
    except (aiohttp.ClientError, http_exceptions.HttpProcessingError, OSError) as error:
        raise fault(error, url) from None
    except ValueError:  # not quoted: it may hold a credential
        raise ProbeError("protocol", "a header or a method that cannot be sent") from None


async def ask(
    request: HttpRequest, url: URL, jar: aiohttp.CookieJar, visitor: Visitor
) -> HttpAnswer:
    """Send, and read the bounded answer."""
    now = asyncio.get_running_loop().time
    marks = visitor.marks = Marks({"start": now()})
    named = {name.lower() for name in request.headers}
    headers = dict(request.headers)
    headers |= {k: v for k, v in DEFAULT_HEADERS.items() if k.lower() not in named}
    async with visitor.session.request(
        request.method,
        url,
        headers=headers,
        data=request.body,
        cookies=jar.filter_cookies(url),
        allow_redirects=False,
        ssl=tls.context(request.ca_file, verify=request.verify) if url.scheme == "https" else True,
        trace_request_ctx=marks,
    ) as answer:
        marks.at["answered"] = now()
        size = sum(len(k) + len(v) + 4 for k, v in answer.raw_headers)
        if size > MAX_HEADER_BYTES:
            raise ProbeError("too_large", f"headers are larger than {MAX_HEADER_BYTES} bytes")
        jar.update_cookies(answer.cookies, url)
        body = await read(request, answer, visitor.spend)
        marks.at["end"] = now()
        witness = answer.tls if isinstance(answer, Answer) else None
        return made(answer, body, marks, witness)


DEFAULT_HEADERS = {"Accept": "*/*", "Accept-Encoding": "gzip", "User-Agent": "zhiban"}


async def read(
    request: HttpRequest, answer: aiohttp.ClientResponse, spend: Callable[[int], None]
) -> Body:
    """Read the body, except of what has none or leads elsewhere."""
    redirect = request.follow and answer.status in REDIRECTS and hdrs.LOCATION in answer.headers
    if redirect or request.method == "HEAD":
        return Body("", 0)
    body = Body(answer.headers.get(hdrs.CONTENT_ENCODING, ""), request.max_bytes)
    while data := await answer.content.read(CHUNK):
        spend(len(data))
        body.feed(data)
    return body


def made(
    answer: aiohttp.ClientResponse, body: Body, marks: Marks, witness: ssl.SSLObject | None
) -> HttpAnswer:
    """Put an answer together."""
    certificate: Certificate | None = tls.certificate_of(witness)
    version = answer.version
    return HttpAnswer(
        status=answer.status,
        headers={k.lower(): v for k, v in reversed([*answer.headers.items()])},
        body=body.end(),
        url=str(answer.url),
        redirects=0,
        certificate=certificate,
        seconds=marks.between("start", "end"),
        phases=phases(marks, witness),
        version=f"{version.major}.{version.minor}" if version else "1.1",
        received=body.received,
    )


async def look(url: URL, names: Names) -> Certificate | None:
    """Read the certificate of a server that was not trusted."""
    host, port = url.host or "", url.port or 443
    return await tls.look((await names.resolve(host))[0], port, host)


def certificate_error(error: aiohttp.ClientConnectorCertificateError) -> ssl.SSLError:
    """Return the verification error inside aiohttp's."""
    inner = error.certificate_error
    return inner if isinstance(inner, ssl.SSLError) else ssl.SSLError(str(inner))


def ssl_error(error: aiohttp.ClientConnectorSSLError) -> ssl.SSLError:
    """Return the handshake error inside aiohttp's."""
    inner = error.os_error
    return inner if isinstance(inner, ssl.SSLError) else ssl.SSLError(str(inner))


def fault(error: Exception, url: URL) -> ProbeError:
    """Give aiohttp's errors our words; what the other side sent is never quoted."""
    parse = error if isinstance(error, http_exceptions.HttpProcessingError) else error.__cause__
    if isinstance(parse, http_exceptions.HttpProcessingError) and parse.message.startswith(LARGE):
        return ProbeError("too_large", "headers with too many fields, or one that is too long")
    if isinstance(error, aiohttp.ClientConnectorError):
        if url.scheme == "https" and isinstance(error.os_error, ConnectionResetError):
            return ProbeError("tls", "connection closed during the TLS handshake")
        return faults.of_os(error.os_error)
    for kind, text in FAULTS:
        if isinstance(error, kind):
            return ProbeError("protocol", text)
    return (
        faults.of_os(error)
        if isinstance(error, OSError)
        else ProbeError("protocol", "the answer is not valid HTTP")
    )


LARGE = ("Got more than", "Too many headers")  # aiohttp's words; its C parser has no class for it
FAULTS: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ServerDisconnectedError, "connection closed without an answer"),
    (aiohttp.ClientPayloadError, "the answer ended early or is malformed"),
)
