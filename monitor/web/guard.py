"""
What every request passes before a handler sees it, and every answer before it leaves.

Host: only loopback names and the configured ones, so that a foreign page cannot reach us
under its own name (DNS rebinding).

Cross-site requests: a request that changes something must
  1. not be called cross-site by the browser (``Sec-Fetch-Site``), and
  2. carry an ``Origin`` equal to our own host, if it carries one, and
  3. without ``Origin`` (curl, scripts) be JSON or carry ``X-Zhiban: 1``: neither can be
     sent by another site's form, and we answer no CORS preflight.

Answers: security headers on all of them; errors as ``{"error": {code, message}}`` under
/api and as a plain page elsewhere; a traceback goes to the log and never leaves.
"""

import ipaddress
import logging
from collections.abc import Collection
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from monitor.model.act import IllegalActError
from monitor.store.errors import StoreError
from monitor.web.door import Connection
from monitor.web.shapes import ErrorBody, ErrorOut

log = logging.getLogger(__name__)

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Server": "zhiban",  # no versions for whoever scans
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: that would make browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
CODES = {
    400: "bad_request",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    409: "illegal_act",
    413: "too_large",
    415: "unsupported_media_type",
    421: "unknown_host",
    500: "internal",
    503: "unavailable",
}


class Refusal(Exception):  # noqa: N818  # no error of ours: what the asker is told
    """An answer other than success: HTTP status and a sentence for the asker."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def guard(allowed_hosts: Collection[str]) -> Middleware:
    """Make the middleware; ``allowed_hosts`` are names without a port, in lower case."""
    allowed = frozenset(name.lower().rstrip(".") for name in allowed_hosts)

    @web.middleware
    async def pass_through(request: web.Request, handler: Handler) -> web.StreamResponse:
        connection = request.transport.get_protocol() if request.transport else None
        if isinstance(connection, Connection):
            connection.begun()
        try:
            answer = await _answer(request, handler, allowed)
        finally:
            if isinstance(connection, Connection):
                connection.answered()
        for name, value in HEADERS.items():
            answer.headers.setdefault(name, value)
        answer.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
        return answer

    return pass_through


async def _answer(
    request: web.Request, handler: Handler, allowed: frozenset[str]
) -> web.StreamResponse:
    try:
        check_host(request.headers.getall(hdrs.HOST, []), allowed)
        check_origin(request)
        return await handler(request)
    except (Refusal, IllegalActError, StoreError) as e:
        return error(request, *_refused(e))
    except web.HTTPException as e:
        # Redirects are answers; of the rest only status and reason are ours to show.
        if e.status < 400:  # noqa: PLR2004  # HTTP's own line between answers and errors
            return _bare(e)
        answer = error(request, e.status, _sentence(e))
        if hdrs.ALLOW in e.headers:
            answer.headers[hdrs.ALLOW] = e.headers[hdrs.ALLOW]
        return answer
    except Exception:
        log.exception("request failed", extra={"path": request.path[:200]})
        return error(request, 500, "internal error; the log of the daemon says more")


def _refused(e: Refusal | IllegalActError | StoreError) -> tuple[int, str]:
    if isinstance(e, Refusal):
        return e.status, e.message
    if isinstance(e, IllegalActError):
        return 409, str(e)
    log.warning("the database could not do it: %s", e)
    return 503, "the database cannot do it now; nothing of it was done"


def _bare(redirect: web.HTTPException) -> web.Response:
    location = redirect.headers.get(hdrs.LOCATION, "/")
    return web.Response(status=redirect.status, headers={hdrs.LOCATION: location})


def _sentence(e: web.HTTPException) -> str:
    if e.status == 413:  # noqa: PLR2004  # RFC 9110 15.5.14
        return "the body is larger than 1 MiB"
    return f"{e.reason.lower()}"


def check_host(sent: Collection[str], allowed: Collection[str]) -> None:
    """Refuse any Host that is neither a loopback name nor configured."""
    if len(sent) != 1:
        raise Refusal(400, "exactly one Host header is needed")
    name = host_name(next(iter(sent)))
    if name == "localhost" or name in allowed or _is_loopback(name):
        return
    raise Refusal(421, "this host name is not served here; add it to web.allowed_hosts")


def host_name(authority: str) -> str:
    """Take the name out of ``name:port``, in lower case; "" when it is none."""
    try:
        parts = urlsplit(f"//{authority}")
        _ = parts.port  # raises for what is no number up to 65535
    except ValueError:
        return ""
    if parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        return ""
    return (parts.hostname or "").rstrip(".")


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def check_origin(request: web.Request) -> None:
    """Refuse a change that another site may have caused; the rule is in the module's head."""
    if request.method in SAFE:
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise Refusal(403, "cross-site request refused")
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is not None:
        scheme, _, authority = origin.partition("://")
        if scheme in {"http", "https"} and authority.lower() == request.host.lower():
            return
        raise Refusal(403, "the Origin is not this host")
    if request.content_type != "application/json" and request.headers.get("X-Zhiban") != "1":
        raise Refusal(403, "without an Origin, send JSON or the header X-Zhiban: 1")


def error(request: web.Request, status: int, message: str) -> web.Response:
    """Answer with an error in the form the asker reads."""
    if request.path.startswith("/api/"):
        body = ErrorOut(error=ErrorBody(code=CODES.get(status, "error"), message=message))
        return web.json_response(text=body.model_dump_json(), status=status)
    # Plain text: nothing of it can be markup.
    return web.Response(text=f"{status} {message}\n", status=status)
