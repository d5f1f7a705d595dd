"""A real upsd: a UPS that goes on battery, one whose driver dies, and a user that reads."""

import pytest
from integration.nut_server import ON_LINE, serving, until
from visiting import visit

pytestmark = pytest.mark.real

ON_BATTERY = {
    **ON_LINE,
    "ups.status": "OB LB DISCHRG",
    "battery.charge": 12,
    "battery.runtime": 240,
}


def one(server):
    server.dummy("ups1", ON_LINE)


async def test_goes_on_battery_and_comes_back():
    async with serving(one) as server:

        async def ask():
            return await visit("nut", f"ups1@127.0.0.1:{server.port}", timeout=2)

        _, got = await until(ask, lambda seen, _: seen.up)
        assert got["ups_on_battery",] == 0
        assert got["ups_charge_ratio",] == 1
        assert got["ups_runtime_seconds",] == 2400
        assert got["network_ups_tools_ups_load",] == 40
        assert [key for key in got if key[0] == "network_ups_tools_device_info"]

        server.say("ups1", ON_BATTERY)
        _, got = await until(ask, lambda _, got: got.get(("ups_on_battery",)) == 1)
        assert (got["ups_battery_low",], got["ups_charge_ratio",]) == (1, 0.12)
        assert got["network_ups_tools_ups_status", "OL"] == 0

        server.say("ups1", ON_LINE)
        await until(ask, lambda _, got: got.get(("ups_on_battery",)) == 0)


async def test_unknown_is_told_apart_and_never_on_line():
    async with serving(one) as server:
        address = f"127.0.0.1:{server.port}"

        async def ask():
            return await visit("nut", f"ups1@{address}", timeout=2)

        await until(ask, lambda seen, _: seen.up)
        seen, _ = await visit("nut", f"ups9@{address}")
        assert (seen.reason, "no UPS of that name" in seen.detail) == ("mismatch", True)

        server.drivers["ups1"].kill()
        seen, got = await until(ask, lambda seen, _: not seen.up)
        assert seen.reason == "status"
        assert "driver" in seen.detail
        assert not [key for key in got if key[0].startswith("ups_")]


async def test_a_user(monkeypatch):
    """No password is checked by upsd before a LOGIN, and we never log in."""
    monkeypatch.setenv("NUT_PASSWORD", "ein Wort")
    async with serving(one) as server:

        async def ask():
            return await visit(
                "nut",
                f"ups1@127.0.0.1:{server.port}",
                timeout=2,
                user="mon",
                password="env:NUT_PASSWORD",
            )

        await until(ask, lambda seen, _: seen.up)
