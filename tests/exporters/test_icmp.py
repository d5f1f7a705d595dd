"""Round trips to readings, and what counts as down; sockets are in tests/integration."""

import errno

import pytest
from pydantic import ValidationError

from exporters import icmp
from exporters.icmp import Echoes, Options
from monitor.probe import ProbeError

LOSS = ("probe_icmp_packet_loss_ratio",)
MEAN = ("probe_icmp_duration_seconds", "rtt")


def values(readings):
    return {(r.name, *r.labels.values()): r.value for r in readings}


UP = {
    "all answered": (Echoes([0.001, 0.003], 2), {}, 0.0, 0.002),
    "one of three is enough by default": (Echoes([0.002], 3), {}, 2 / 3, 0.002),
    "a request refused among good ones": (
        Echoes([0.002, 0.002], 3, ProbeError("unreachable", "x")), {}, 1 / 3, 0.002,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("echoes", "options", "loss", "mean"), UP.values(), ids=UP)
def test_up(echoes, options, loss, mean):
    got = values(icmp.judge(echoes, 0.0, Options(**options)))
    assert got[LOSS] == pytest.approx(loss)
    assert got[MEAN] == pytest.approx(mean)
    assert {name for name, *_ in got} <= icmp.METRICS.keys()


DOWN = {
    "silence": (Echoes([], 3), {}, "timeout", "no reply"),
    "some loss, none allowed": (
        Echoes([0.1, 0.1], 3), {"max_loss": 0}, "timeout", "2 of 3 echo requests answered",
    ),
    "a router says no": (
        Echoes([], 3, ProbeError("unreachable", "no route to host")), {},
        "unreachable", "no route to host",
    ),
    "never sent": (Echoes(), {}, "timeout", "no reply"),
}  # fmt: skip


@pytest.mark.parametrize(("echoes", "options", "reason", "detail"), DOWN.values(), ids=DOWN)
def test_down(echoes, options, reason, detail):
    """
    A failed visit says why, and still exports the loss.
    """
    with pytest.raises(ProbeError) as caught:
        icmp.judge(echoes, 0.0, Options(**options))
    assert (caught.value.reason, caught.value.detail) == (reason, detail)
    assert LOSS in values(caught.value.readings)


def test_firewall_of_our_own():
    """
    A rule of this machine that drops the packet is not the target's fault.
    """
    assert icmp.of_errno(OSError(errno.EPERM, "x")).reason == "permission"
    assert icmp.of_errno(OSError(errno.ENETUNREACH, "Network is unreachable")).detail == (
        "network is unreachable"
    )


BAD = [
    {"count": 0}, {"count": 99}, {"interval": 1.0}, {"interval": "1"}, {"interval": "0ms"},
    {"size": 2000}, {"max_loss": 1}, {"colour": "red"},
]  # fmt: skip


@pytest.mark.parametrize("options", BAD, ids=str)
def test_bad_options(options):
    with pytest.raises(ValidationError):
        Options.model_validate(options)


@pytest.mark.parametrize("address", ["10.1.2.3", "his-db-1", "his.example.cn", "::1", "his_db."])
def test_good_address(address):
    assert not icmp.PROBE.check_address(address)


@pytest.mark.parametrize("address", ["", "10.1.2", "10.1.2.300", "a b", "-x", "http://x", "x" * 64])
def test_bad_address(address):
    assert "is no host name or IP address" in icmp.PROBE.check_address(address)
