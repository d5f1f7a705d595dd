"""
One guarded HTTP exchange for channels: deadline, bounded answer, no redirect, no cookie.

An address and its headers are secrets, so no sentence made here quotes the request, and
what the other side says is cleaned of them before anybody sees it.
"""

import asyncio
import errno
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from monitor.notify.channels.contract import SendError

MAX_BODY = 64 * 1024  # bytes of an answer that are read
_SAID = 120  # characters of an answer that are quoted
_LONGEST_PEACE = 600.0  # seconds of Retry-After that are believed
_SECRET = 4  # shorter values are not worth hiding and would hide half the text
_PERMANENT = frozenset({400, 401, 403, 404, 405, 410, 413, 415, 422})
_BUSY = frozenset({429, 503})  # the two that carry Retry-After (RFC 9110 10.2.3, RFC 6585 4)
_UNREACHED = {
    errno.ECONNREFUSED: "对方拒绝连接",
    errno.EHOSTUNREACH: "主机不可达",
    errno.ENETUNREACH: "网络不可达",
}
_OK = range(200, 300)
_REDIRECT = range(300, 400)


@dataclass(frozen=True, slots=True)
class Request:
    """A JSON body to an address, with at most ``timeout`` seconds for all of it."""

    url: str
    payload: Mapping[str, Any]
    timeout: float
    headers: Mapping[str, str]


def session() -> aiohttp.ClientSession:
    """The session of all channels. Made inside the running loop; closed by its maker."""
    return aiohttp.ClientSession(
        # We ask for identity and refuse the rest: nothing is inflated, so nothing explodes.
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        connector=aiohttp.TCPConnector(limit=100, limit_per_host=20, ttl_dns_cache=60),
    )


async def post(session: aiohttp.ClientSession, request: Request) -> bytes:
    """The body of a 2xx answer; SendError for anything else."""
    try:
        async with asyncio.timeout(request.timeout):
            return await _exchange(session, request)
    except TimeoutError as e:
        raise SendError(f"{request.timeout:g}秒内没有应答") from e
    except (aiohttp.ClientError, OSError) as e:
        # From None: the driver's own words may hold the address.
        raise SendError(_reason(e)) from None


async def _exchange(session: aiohttp.ClientSession, request: Request) -> bytes:
    body = json.dumps(request.payload, ensure_ascii=False).encode("utf-8", "replace")
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Accept-Encoding": "identity",
        **request.headers,
    }
    async with session.post(
        request.url, data=body, headers=headers, allow_redirects=False
    ) as answer:
        _check(answer.status, answer.headers.get("Retry-After", ""))
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise SendError("应答经过压缩，无法核对")
        return await _body(answer)


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    read = b""
    async for piece in answer.content.iter_any():
        read += piece
        if len(read) > MAX_BODY:
            raise SendError("应答超过64KB，无法核对")
    return read


def _check(status: int, retry_after: str) -> None:
    if status in _OK:
        return
    if status in _REDIRECT:
        raise SendError(f"HTTP {status}：要求转到别处，不跟随", permanent=True)
    wait = _seconds(retry_after) if status in _BUSY else None
    raise SendError(f"HTTP {status}", permanent=status in _PERMANENT, wait=wait)


def _seconds(retry_after: str) -> float | None:
    """Only the form in seconds: the date form needs a clock, and our backoff serves as well."""
    text = retry_after.strip()
    if not (text.isascii() and text.isdigit()):
        return None
    return min(max(float(text[:6]), 1.0), _LONGEST_PEACE)


def _reason(error: Exception) -> str:
    """A sentence by the error's kind."""
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return "TLS：证书不被接受或握手失败"
        case aiohttp.ClientConnectorDNSError():
            return "域名解析失败"
        case aiohttp.ClientConnectorError():
            # By number: the text of the error names the address.
            number = error.os_error.errno or 0
            return f"连不上：{_UNREACHED.get(number) or os.strerror(number)}"
        case _:
            return f"连接中断（{type(error).__name__}）"


def said(body: bytes) -> dict[str, Any] | None:
    """The answer as a JSON object; None when it is something else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def clean(text: object, secrets: Collection[str]) -> str:
    """Somebody else's words, short, on one line, without what we sent in confidence."""
    words = str(text)[: 4 * _SAID]
    for secret in secrets:
        if len(secret) >= _SECRET:
            words = words.replace(secret, "***")
    return "".join(c if c.isprintable() else " " for c in words)[:_SAID].strip()
