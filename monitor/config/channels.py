"""
How each kind of channel is configured. The senders are in monitor/notify/channels.

The address of a channel is a secret: whoever knows it can write to people's phones.
"""

import ipaddress
import re
from datetime import timedelta
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from monitor.config.durations import Duration, between
from monitor.config.fields import Shape, matching
from monitor.secret import Secret

WECOM = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key="  # WeCom's group bots
HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")  # a token of RFC 9110, 5.6.2

Timeout = Annotated[Duration, between("1s", "60s")]


def _http(secret: SecretStr) -> SecretStr:
    if not _host(secret):
        raise ValueError("the address it points to is not http://host/... or https://host/...")
    return secret


def _https(secret: SecretStr) -> SecretStr:
    _http(secret)
    plain = urlsplit(secret.get_secret_value()).scheme == "http"
    if plain and not is_loopback(_host(secret)):
        raise ValueError("the address it points to is not https://...; a bot's key would leak")
    return secret


def _host(secret: SecretStr) -> str:
    """The host of an http address, "" where it is none."""
    text = secret.get_secret_value()
    if not (text.isascii() and text.isprintable()) or " " in text:
        return ""
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises ValueError where it is no port
    except ValueError:
        return ""
    return (parts.hostname or "") if parts.scheme in ("http", "https") else ""


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, without asking DNS."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _one_line(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().isprintable():
        raise ValueError("the header it points to holds a line break or a control character")
    return secret


HeaderName = Annotated[str, AfterValidator(matching(HEADER, "is no header's name"))]
HeaderValue = Annotated[Secret, AfterValidator(_one_line)]


class WebhookConfig(Shape):
    """POST of one JSON object to an address of the hospital's own."""

    kind: Literal["webhook"] = Field(description="kind of channel")
    url: Annotated[Secret, AfterValidator(_http)] = Field(
        description="where the address is written: `http://` or `https://`"
    )
    headers: dict[HeaderName, HeaderValue] = Field(
        default_factory=dict, description="further headers, for tokens; each value is a secret"
    )
    timeout: Timeout = Field(timedelta(seconds=10), description="deadline of one attempt")


class WecomBotConfig(Shape):
    """A group bot of WeCom (企业微信群机器人): its whole address, or only its key."""

    kind: Literal["wecom_bot"] = Field(description="kind of channel")
    address: Annotated[Secret, AfterValidator(_https)] | None = Field(
        None, alias="url", description="the bot's whole address, or instead:"
    )
    key: Secret | None = Field(None, description="only the `key=` of the address")
    timeout: Timeout = Field(timedelta(seconds=10), description="deadline of one attempt")

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.address is None) == (self.key is None):
            raise ValueError("has not one of url and key; write the bot's url, or only its key")
        return self

    @property
    def url(self) -> SecretStr:
        """Where to send."""
        if self.address is not None:
            return self.address
        key = self.key.get_secret_value() if self.key else ""
        return SecretStr(WECOM + key)


ChannelConfig = WebhookConfig | WecomBotConfig
CHANNELS: dict[str, type[WebhookConfig] | type[WecomBotConfig]] = {
    "webhook": WebhookConfig,
    "wecom_bot": WecomBotConfig,
}
"""Channel kind, as ``kind:`` in the configuration, to its model."""
