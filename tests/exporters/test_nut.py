"""The nut probe: upsd's answers, what its flags mean, and which errors are told apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import talking
from pydantic import ValidationError
from visiting import values, visit

from exporters import _nut_variables, nut
from monitor.probe import REASONS, ProbeError

# upsc of snmp-ups behind an EATON card, and of usbhid-ups
ON_LINE = {
    "battery.charge": "100",
    "battery.runtime": "2460.00",
    "battery.voltage": "218.40",
    "device.mfr": "EATON",
    "device.model": "93E 80kVA",
    "device.serial": "",
    "input.L1-N.voltage": "229.70",
    "ups.load": "37",
    "ups.status": "OL CHRG",
    "ups.test.result": "Done and passed",
}
DISCHARGED = {
    "battery.charge": "12",
    "battery.runtime": "240",
    "ups.status": "OB LB DISCHRG RB",
    "ups.load": "118",
}


def test_on_line():
    got = values(_nut_variables.readings(ON_LINE))
    assert got["network_ups_tools_battery_charge",] == 100
    assert got["network_ups_tools_battery_runtime",] == 2460
    assert got["network_ups_tools_input_L1_N_voltage",] == 229.7
    assert got["network_ups_tools_ups_status", "OL"] == 1
    assert got["network_ups_tools_ups_status", "OB"] == 0
    assert got["network_ups_tools_device_info", "EATON", "93E 80kVA"] == 1
    ours = {k[0]: v for k, v in got.items() if k[0].startswith("ups_")}
    assert ours == {
        "ups_on_battery": 0,
        "ups_battery_low": 0,
        "ups_replace_battery": 0,
        "ups_self_test": 0,
        "ups_self_test_failed": 0,
        "ups_battery_volts": 218.4,
        "ups_overload": 0,
        "ups_bypass": 0,
        "ups_charge_ratio": 1,
        "ups_load_ratio": 0.37,
        "ups_runtime_seconds": 2460,
    }


def test_discharged():
    got = values(_nut_variables.readings(DISCHARGED))
    assert (got["ups_on_battery",], got["ups_battery_low",], got["ups_replace_battery",]) == (
        1,
    ) * 3
    assert got["ups_charge_ratio",] == 0.12
    assert got["ups_load_ratio",] == 1.18


STATES = {
    "OL": (0, 0),
    "OB DISCHRG": (1, 0),
    "OL CAL": (0, 1),
    "OB CAL": (1, 1),
    "BYPASS": (0, 0),
    "OFF": (0, 0),
    "ALARM": (None, 0),  # unknown is not "on line"
    "COMMBAD": (None, 0),
}


@pytest.mark.parametrize(("state", "expected"), STATES.items(), ids=STATES)
def test_states(state, expected):
    got = values(_nut_variables.readings({"ups.status": state}))
    assert (got.get(("ups_on_battery",)), got["ups_self_test",]) == expected
    assert got["network_ups_tools_ups_status", state.split()[0]] == 1


def test_self_test_by_its_result():
    got = values(_nut_variables.readings({"ups.status": "OB", "ups.test.result": "In progress"}))
    assert got["ups_self_test",] == 1


RUNTIMES = {"OL": None, "OB": 0, "OL LB": 0}


@pytest.mark.parametrize(("state", "expected"), RUNTIMES.items(), ids=RUNTIMES)
def test_a_runtime_of_zero(state, expected):
    """
    On the mains it is what a UPS says that does not know.
    """
    got = values(_nut_variables.readings({"ups.status": state, "battery.runtime": "0"}))
    assert got.get(("ups_runtime_seconds",)) == expected


@pytest.mark.parametrize("text", ["", "NA", "nan", "inf", "-1", "4294967295", "1e400"])
def test_what_is_no_value_is_absent(text):
    got = values(
        _nut_variables.readings(
            {"ups.status": "OL", "battery.charge": text, "battery.runtime": text, "ups.load": text}
        )
    )
    assert not {"ups_charge_ratio", "ups_load_ratio", "ups_runtime_seconds"} & {k[0] for k in got}


@given(st.dictionaries(st.sampled_from([*_nut_variables.VARIABLES, "ups.test.result"]), st.text()))
def test_whatever_a_driver_says(variables):
    """Every reading is declared, and no label set stands twice."""
    made = _nut_variables.readings({**variables, "ups.status": "OL OL X"})
    assert {r.name for r in made} <= _nut_variables.METRICS.keys()
    keys = [(r.name, *r.labels.items()) for r in made]
    assert len(keys) == len(set(keys))


VARIABLES = {
    'VAR ups1 battery.charge "90"': ("battery.charge", "90"),
    'VAR ups1 ups.id ""': ("ups.id", ""),
    r'VAR ups1 ups.id "the \"big\" one \\ 1"': ("ups.id", r'the "big" one \ 1'),
    'VAR ups1 ups.id "一号"': ("ups.id", "一号"),
}


@pytest.mark.parametrize(("line", "expected"), VARIABLES.items(), ids=VARIABLES)
def test_variable(line, expected):
    assert nut.variable(line, "ups1") == expected


ERRORS = {
    "ERR UNKNOWN-UPS": ("mismatch", "no UPS of that name"),
    "ERR DATA-STALE": ("status", "has lost the UPS"),
    "ERR DRIVER-NOT-CONNECTED": ("status", "its driver for this UPS does not"),
    "ERR ACCESS-DENIED": ("status", "does not let us read"),
    "ERR UNKNOWN-COMMAND": ("protocol", "does not know NUT's LIST VAR"),
    "ERR <b>SECRET</b> 4711": ("protocol", "does not name"),
    "220 mail ESMTP": ("protocol", "does not speak NUT's protocol"),
}


@pytest.mark.parametrize(("line", "expected"), ERRORS.items(), ids=ERRORS)
def test_refused(line, expected):
    error = nut.refused(line)
    assert error.reason == expected[0]
    assert error.reason in REASONS
    assert expected[1] in error.detail
    assert "4711" not in error.detail


@given(st.text())
def test_whatever_stands_in_a_line(text):
    for line in (text, f"VAR ups1 {text}", f'VAR ups1 a "{text}"'):
        try:
            name, _ = nut.variable(line, "ups1")
            assert " " not in name
        except ProbeError as error:
            assert error.reason in REASONS  # noqa: PT017  both ways out are right


def upsd(answers):
    """Serve ``answers``, line to lines; also collects what was said."""
    said = []

    async def talk(reader, writer):
        while line := (await reader.readline()).decode().strip():
            said.append(line)
            writer.write(answers.get(line, "").encode())

    return talking(talk), said


def listing(variables, ups="ups1"):
    lines = [f'VAR {ups} {name} "{value}"' for name, value in variables.items()]
    return "\n".join([f"BEGIN LIST VAR {ups}", *lines, f"END LIST VAR {ups}", ""])


async def test_reads():
    serving, said = upsd({"LIST VAR ups1": listing(DISCHARGED)})
    async with serving as port:
        seen, got = await visit("nut", f"ups1@127.0.0.1:{port}")
    assert seen.up, seen
    assert got["ups_on_battery",] == 1
    assert said == ["LIST VAR ups1", "LOGOUT"]


async def test_a_user_reads_but_is_no_upsmon(monkeypatch):
    """LOGIN would have upsd wait for us before it cuts the power."""
    monkeypatch.setenv("NUT_PASSWORD", 'a "b"')
    serving, said = upsd(
        {
            "USERNAME mon": "OK\n",
            'PASSWORD "a \\"b\\""': "OK\n",
            "LIST VAR ups1": listing(ON_LINE),
        }
    )
    async with serving as port:
        seen, _ = await visit(
            "nut", f"ups1@127.0.0.1:{port}", user="mon", password="env:NUT_PASSWORD"
        )
    assert seen.up, seen
    assert not [line for line in said if line.startswith("LOGIN")]


FAILURES = {
    "waiting": (listing({"ups.status": "WAIT"}), "status", nut.WAITING),
    "no status": (listing({"battery.charge": "9"}), "mismatch", "says nothing of ups.status"),
    "silence": ("", "timeout", "no answer"),
    "another's list": (listing(ON_LINE, "ups2"), "protocol", "does not speak"),
    "an error within": ("BEGIN LIST VAR ups1\nERR DATA-STALE\n", "status", "has lost the UPS"),
    "a line without end": ("BEGIN LIST VAR ups1\nVAR " + "x" * 9000, "too_large", "without an end"),
    "a list without end": (
        listing({f"a.{i}": i for i in range(nut.MAX_VARIABLES + 1)}),
        "too_large",
        "more than 1000",
    ),
}


@pytest.mark.parametrize(("answer", "reason", "detail"), FAILURES.values(), ids=FAILURES)
async def test_failures(answer, reason, detail):
    serving, _ = upsd({"LIST VAR ups1": answer})
    async with serving as port:
        seen, got = await visit("nut", f"ups1@127.0.0.1:{port}", timeout=0.5)
    assert (seen.up, seen.reason) == (False, reason)
    assert detail in seen.detail
    assert not [key for key in got if key[0].startswith("ups_")]


ADDRESSES = {
    "ups1@10.1.2.3:3493": "",
    "ups1@10.1.2.3": "",
    "ups-1.a@nut": "",
    "u@[::1]": "",
    "u@[::1]:3493": "",
    "10.1.2.3:3493": "names no UPS: '10.1.2.3:3493'; write for example ups1@10.1.2.3:3493",
    "a b@x": "names no UPS: 'a b@x'; write for example ups1@10.1.2.3:3493",
    "ups1@": "is no host name or IP address: ''; write for example 10.1.2.3 or his-db-1",
}


@pytest.mark.parametrize(("address", "wrong"), ADDRESSES.items(), ids=ADDRESSES)
def test_address(address, wrong):
    assert nut.PROBE.check_address(address) == wrong


def test_default_port():
    assert nut.parts("ups1@[::1]") == ("ups1", "::1", 3493)


def test_bad_options(monkeypatch):
    monkeypatch.setenv("NUT_PASSWORD", "a\nFSD ups1")
    with pytest.raises(ValidationError, match="cannot carry"):
        nut.Options.model_validate({"user": "a", "password": "env:NUT_PASSWORD"})
    with pytest.raises(ValidationError, match="go together"):
        nut.Options.model_validate({"user": "a"})
    with pytest.raises(ValidationError, match="pattern"):
        nut.Options.model_validate({"user": 'a"\nb'})
