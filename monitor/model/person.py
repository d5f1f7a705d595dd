"""People, and how to reach them."""

from dataclasses import dataclass

ON_DUTY = "on_duty"  # 值班
DIRECTOR = "director"  # 信息科主任
DEPUTY = "deputy"  # 副主任
STANDBY = "standby"  # 备班

ROLE_TITLES = {ON_DUTY: "值班", DIRECTOR: "主任", DEPUTY: "副主任", STANDBY: "备班"}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may be told: channels in the order they are tried."""

    name: str
    phone: str
    roles: tuple[str, ...]
    channels: tuple[str, ...]
