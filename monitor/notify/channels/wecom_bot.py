"""
A group bot of WeCom 企业微信 (developer.work.weixin.qq.com/document/path/91770).

It answers HTTP 200 to everything; only ``errcode`` 0 is a delivery. A text is at most
2,048 bytes of UTF-8, and 20 a minute go through per bot.
"""

from datetime import timedelta
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

from aiohttp import ClientSession
from pydantic import SecretStr

from monitor.model.incident import Notice
from monitor.model.person import Person
from monitor.notify.channels import http
from monitor.notify.channels.contract import SendError


class WecomBotConfig(Protocol):
    """What is read of the configuration."""

    @property
    def url(self) -> SecretStr: ...
    @property
    def timeout(self) -> timedelta: ...


MAX_BYTES = 2048
CUT = "…"
RATE_LIMITED = 45009
PEACE = 60.0  # seconds; the limit is counted per minute
REASONS = {
    -1: "系统繁忙",
    RATE_LIMITED: "发送过频，每分钟限20条",
    93000: "机器人地址无效或机器人已被移除",
    93004: "机器人被停用",
    93008: "机器人不在群里",
}
_INVALID = range(40000, 41000)  # 40xxx: the request itself, its key above all
_REMOVED = (93000, 93004, 93008)


class WecomBot:
    """Writes to one group. Nobody is mentioned, whatever a device's text contains."""

    def __init__(self, config: WecomBotConfig, session: ClientSession) -> None:
        self.timeout = config.timeout.total_seconds()
        self._url = config.url.get_secret_value()
        self._session = session

    async def send(self, notice: Notice, person: Person) -> None:
        del person  # a group reads it
        text = {"content": content(notice.title, notice.text)}
        payload = {"msgtype": "text", "text": text}
        request = http.Request(self._url, payload, self.timeout, {})
        self._judge(await http.post(self._session, request))

    def _judge(self, body: bytes) -> None:
        answer = http.said(body)
        code = answer.get("errcode") if answer else None
        if answer is None or not isinstance(code, int) or isinstance(code, bool):
            raise SendError("应答不是企业微信的格式，不能算送达")
        if code == 0:
            return
        secrets = [self._url, *(value for _, value in parse_qsl(urlsplit(self._url).query))]
        reason = REASONS.get(code) or http.clean(answer.get("errmsg", ""), secrets)
        raise SendError(
            f"企业微信拒收：{code} {reason}".strip(),
            permanent=code in _INVALID or code in _REMOVED,
            wait=PEACE if code == RATE_LIMITED else None,
        )


def content(title: str, text: str) -> str:
    """
    Title, line feed, text; at most MAX_BYTES of UTF-8, cut between characters.

    Every @ becomes its full-width twin, so that no @all or <@userid> out of a device's
    text calls a whole group.
    """
    words = f"{title}\n{text}".replace("@", "＠")
    data = words.encode("utf-8", "replace")
    if len(data) <= MAX_BYTES:
        return data.decode()
    kept = data[: MAX_BYTES - len(CUT.encode())].decode("utf-8", "ignore")
    return kept + CUT
