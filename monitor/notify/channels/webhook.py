"""
A webhook of the hospital's own: one JSON object per notice.

Delivered only when the answer is 2xx and does not say otherwise in its body.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote, urlsplit

from aiohttp import ClientSession
from pydantic import SecretStr

from monitor.model.incident import Notice
from monitor.model.person import Person
from monitor.notify.channels import http
from monitor.notify.channels.contract import SendError


class WebhookConfig(Protocol):
    """What is read of the configuration."""

    @property
    def url(self) -> SecretStr: ...
    @property
    def headers(self) -> Mapping[str, SecretStr]: ...
    @property
    def timeout(self) -> timedelta: ...


CODES = ("errcode", "code", "error")
"""Fields by which gateways say in a 200 that they refused."""

FINE = (0, 200, "0", "200", "ok", "success", "", None)


class Webhook:
    """POSTs to one address. ``Idempotency-Key`` lets the receiver drop what it has."""

    def __init__(self, config: WebhookConfig, session: ClientSession) -> None:
        self.timeout = config.timeout.total_seconds()
        self._url = config.url.get_secret_value()
        self._headers = {k: v.get_secret_value() for k, v in config.headers.items()}
        self._session = session

    async def send(self, notice: Notice, person: Person) -> None:
        # Percent-encoded: a key holds a person's name, a header holds ASCII.
        key = quote(notice.key, safe=":")
        headers = {**self._headers, "Idempotency-Key": key}
        request = http.Request(self._url, payload(notice, person), self.timeout, headers)
        self._judge(await http.post(self._session, request))

    def _judge(self, body: bytes) -> None:
        if body.lstrip().startswith(b"<"):
            # A captive portal answers everything with 200 and its log-in page.
            raise SendError("应答是网页不是接口（地址错了，或被上网认证拦下），不能算送达")
        answer = http.said(body)
        if answer is None:
            return
        for name in CODES:
            if name in answer and not _fine(answer[name]):
                raise SendError(f"对方拒收：{name} {self._quote(answer[name])}{self._why(answer)}")
        if answer.get("success") is False:
            raise SendError(f"对方拒收{self._why(answer)}")

    def _why(self, answer: Mapping[str, Any]) -> str:
        words = next((answer[k] for k in ("errmsg", "message", "msg") if answer.get(k)), "")
        return f"：{self._quote(words)}" if words else ""

    def _quote(self, words: object) -> str:
        values = [value for _, value in parse_qsl(urlsplit(self._url).query)]
        return http.clean(words, [self._url, *values, *self._headers.values()])


def payload(notice: Notice, person: Person) -> dict[str, Any]:
    """The JSON object, field by field."""
    return {
        "key": notice.key,
        "number": notice.facts.get("number", ""),
        "title": notice.title,
        "text": notice.text,
        "person": person.name,
        "phone": person.phone,
        "step": notice.step,
        "incident_id": notice.incident_id,
        "created_at": notice.created_at.isoformat().replace("+00:00", "Z"),
        "facts": dict(notice.facts),
    }


def _fine(code: object) -> bool:
    if isinstance(code, str):
        code = code.strip().lower()
    return code is False or (code is not True and code in FINE)
