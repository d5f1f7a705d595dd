"""The sections of zhiban.yml. Keys, bounds and defaults stand here and nowhere else."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from monitor.config.channels import is_loopback
from monitor.config.durations import Duration, between
from monitor.config.fields import (
    Level,
    Name,
    Number,
    Phone,
    Shape,
    SystemName,
    Text,
    Title,
    Whole,
    YesNo,
    one_line,
)
from monitor.config.planfile import After, Settle, Share, Watch

Every = Annotated[Duration, between("1s", "1d")]
Timeout = Annotated[Duration, between("100ms", "10m")]
# Coarser than a minute and a rule's five minutes of look-back hold too few points.
Grid = Annotated[Duration, between("1s", "60s")]
Port = Annotated[Whole, Field(ge=0, le=65535)]
MAX_SPEED = 3600  # an hour of the plan in a second


def _loopback(host: str) -> str:
    if not is_loopback(host):
        raise ValueError(
            "is not this machine itself, and the console has no log-in yet (that comes with"
            " part 5); write 127.0.0.1 and reach it through an SSH tunnel"
        )
    return host


def _bare_host(host: str) -> str:
    if not host or not all(c.isalnum() or c in ".-_:[]" for c in host) or "/" in host:
        raise ValueError("is no host name; write it as it stands in the browser, without http://")
    return host.lower()


class LogShape(Shape):
    """How the daemon logs."""

    format: Literal["json", "text"] = Field("json", description="one event a line")
    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="the least that is logged"
    )


class DaemonShape(Shape):
    """The daemon itself."""

    state: Text = Field("/var/lib/zhiban", description="folder for the database, made if missing")
    rules: list[Text] | None = Field(
        None, description="rule files or patterns; without it the shipped rules"
    )
    plan: Text | None = Field(
        None,
        description="`plan.yml`, or a folder with `plan.yml` and `thresholds.yml`;"
        " without it the shipped plan",
    )
    grid: Grid = Field(
        timedelta(seconds=15), description="distance of the instants at which rules are judged"
    )
    uplink: list[Name] = Field(
        default_factory=list, description="targets that are the daemon's own first hop"
    )
    log: LogShape = Field(default_factory=LogShape, description="see below")


class PlanShape(Shape):
    """Settings of the plan that this hospital has otherwise; the rest is as plan.yml has it."""

    class1_requires_interruption: YesNo | None = Field(
        None, description="a cause of class 1 that interrupts nothing is a hazard"
    )
    settle: Settle | None = Field(
        None, description="how long a first notice may wait for the root to be found"
    )
    watch: Watch | None = Field(None, description="观察期: quiet time before recovered")
    whole_share: Share | None = Field(
        None, description="share of all systems down above which the scope is 整体"
    )
    director_after: After | None = Field(
        None, description="when 主任 hears of a class 1 that nobody acknowledged"
    )
    speed: Annotated[Number, Field(ge=1, le=MAX_SPEED)] = Field(
        1, description="divides the plan's durations; above 1 only with `demo: true`"
    )


class DefaultsShape(Shape):
    """What targets have that do not say otherwise."""

    every: Every = Field(timedelta(seconds=30), description="distance of two visits")
    timeout: Timeout = Field(timedelta(seconds=5), description="deadline of one visit")
    level: Level = Field(2, description="importance, 1 is the highest")


class TargetShape(Shape):
    """One target. depends_on, labels and options are read by themselves."""

    name: Name = Field(description="short name, unique; stands in the label `instance`")
    title: Title = Field(description="name for people, Chinese; stands in messages")
    kind: Text = Field(description="kind of probe; stands in the label `job`")
    address: Annotated[str, Field(min_length=1, max_length=2048), AfterValidator(one_line)] = Field(
        description="as the probe wants it: a host, `host:port`, a URL"
    )
    every: Every | None = Field(None, description="distance of two visits")
    timeout: Timeout | None = Field(None, description="deadline of one visit, less than `every`")
    level: Level | None = Field(None, description="importance, 1 is the highest")
    labels: object = Field(None, description="labels of all its series: `system`, `role`, `site` …")
    depends_on: object = Field(None, description="what it stands behind: `[a, {any: [b, c]}]`")
    options: object = Field(None, description="options of the probe kind")


class SystemShape(Shape):
    """One hospital system."""

    name: SystemName = Field(description="short name, unique: `HIS`")
    title: Title = Field(description="name for people, Chinese")
    needs: object = Field(None, description="targets it cannot do without: `[a, {any: [b, c]}]`")
    level: Level = Field(1, description="importance, 1 is the highest")


class PersonShape(Shape):
    """Somebody who may be told."""

    name: Title = Field(description="name, unique")
    phone: Phone = Field(description="telephone number, in quotes")
    roles: Annotated[list[str], Field(min_length=1)] = Field(
        description="`on_duty` 值班, `director` 主任, `deputy` 副主任, `standby` 备班"
    )
    channels: Annotated[list[Text], Field(min_length=1)] = Field(
        description="names of channels, in the order they are tried"
    )


class StoreShape(Shape):
    """Where incidents are kept."""

    path: Text | None = Field(
        None, description="SQLite file; without it `zhiban.db` in the state folder"
    )


class WebShape(Shape):
    """The console."""

    host: Annotated[Text, AfterValidator(_loopback)] = Field(
        "127.0.0.1", description="address to listen on; loopback only"
    )
    port: Port = Field(8600, description="TCP port; 0 takes a free one")
    allowed_hosts: list[Annotated[Text, AfterValidator(_bare_host)]] = Field(
        default_factory=list, description="further names under which browsers reach the console"
    )
