"""Every kind of channel, written out. A channel keeps no state and reads no clock."""

from collections.abc import Callable
from typing import Any

from aiohttp import ClientSession

from monitor.notify.channels.contract import Channel, SendError
from monitor.notify.channels.webhook import Webhook
from monitor.notify.channels.wecom_bot import WecomBot

__all__ = ["CHANNELS", "Channel", "SendError", "build"]

CHANNELS: dict[str, Callable[[Any, ClientSession], Channel]] = {
    "webhook": Webhook,
    "wecom_bot": WecomBot,
}
"""Channel kind, as in the configuration, to what makes one of its configuration."""


def build(config: Any, session: ClientSession) -> Channel:
    """The channel that a configuration describes."""
    return CHANNELS[config.kind](config, session)
