"""
What NUT's variables mean, and their readings. Pure.

Numbers keep DRuggeri/nut_exporter's names (``network_ups_tools_`` and the variable with
underscores) and NUT's units; beside them stand our own ``ups_*`` in base units, the same
as a UPS has that is read by SNMP. What a driver does not say, or says out of any range, is
left out: unknown, never zero. Source: NUT developer guide, appendix A, and driver docs.
"""

import math
from collections.abc import Iterator, Mapping

from monitor.model.reading import Metric, Reading

PREFIX = "network_ups_tools_"
FLAGS: Mapping[str, str] = {
    "OL": "on line",
    "OB": "on battery",
    "LB": "low battery",
    "HB": "high battery",
    "RB": "the battery needs to be replaced",
    "CHRG": "the battery is charging",
    "DISCHRG": "the battery is discharging",
    "BYPASS": "bypass is active, no battery protection",
    "CAL": "runtime calibration",
    "OFF": "supplies no output",
    "OVER": "overloaded",
    "TRIM": "trims incoming voltage",
    "BOOST": "boosts incoming voltage",
    "FSD": "forced shutdown",
    "ALARM": "has an active alarm",
    "TEST": "self-test",
}
"""Words of ups.status; each is exported as 1 or 0 from every visit, others only while set."""
MAX_FLAGS = 32  # words of one status
ON_LINE = {"OL", "BYPASS", "OFF", "TRIM", "BOOST"}  # one of these, and not OB: not on battery

VARIABLES: Mapping[str, str] = {
    "ambient.humidity": "Ambient relative humidity (percent)",
    "ambient.temperature": "Ambient temperature (degrees C)",
    "battery.charge": "Battery charge (percent)",
    "battery.charge.low": "Remaining battery level when UPS switches to LB (percent)",
    "battery.charge.warning": "Battery level when UPS switches to warning state (percent)",
    "battery.current": "Battery current (A)",
    "battery.packs": "Number of internal battery packs",
    "battery.packs.bad": "Number of bad battery packs",
    "battery.runtime": "Battery runtime (seconds)",
    "battery.runtime.low": "Remaining battery runtime when UPS switches to LB (seconds)",
    "battery.temperature": "Battery temperature (degrees C)",
    "battery.voltage": "Battery voltage (V)",
    "battery.voltage.nominal": "Nominal battery voltage (V)",
    "input.L1-N.voltage": "Input voltage of phase 1 (V)",
    "input.L2-N.voltage": "Input voltage of phase 2 (V)",
    "input.L3-N.voltage": "Input voltage of phase 3 (V)",
    "input.bypass.voltage": "Bypass voltage (V)",
    "input.current": "Input current (A)",
    "input.frequency": "Input line frequency (Hz)",
    "input.phases": "Number of input phases",
    "input.transfer.high": "High voltage transfer point (V)",
    "input.transfer.low": "Low voltage transfer point (V)",
    "input.voltage": "Input voltage (V)",
    "input.voltage.nominal": "Nominal input voltage (V)",
    "output.L1.power.percent": "Load of output phase 1 (percent)",
    "output.L2.power.percent": "Load of output phase 2 (percent)",
    "output.L3.power.percent": "Load of output phase 3 (percent)",
    "output.current": "Output current (A)",
    "output.frequency": "Output frequency (Hz)",
    "output.phases": "Number of output phases",
    "output.voltage": "Output voltage (V)",
    "output.voltage.nominal": "Nominal output voltage (V)",
    "ups.load": "Load on UPS (percent of full)",
    "ups.power": "Current value of apparent power (VA)",
    "ups.power.nominal": "Nominal value of apparent power (VA)",
    "ups.realpower": "Current value of real power (W)",
    "ups.realpower.nominal": "Nominal value of real power (W)",
    "ups.temperature": "UPS temperature (degrees C)",
}
"""NUT variable to HELP; numbers only."""
DEVICE = ("mfr", "model", "serial", "type", "part", "location")
"""device.* that become labels of network_ups_tools_device_info."""


def metric_name(variable: str) -> str:
    """Name a variable as nut_exporter does."""
    return PREFIX + variable.replace(".", "_").replace("-", "_")


METRICS: Mapping[str, Metric] = {
    **{metric_name(v): Metric("gauge", f"{text} ({v})") for v, text in VARIABLES.items()},
    "network_ups_tools_ups_status": Metric("gauge", "1 while the flag stands in ups.status"),
    "network_ups_tools_device_info": Metric("gauge", "UPS device information"),
    "ups_on_battery": Metric("gauge", "1 while the load runs on the battery"),
    "ups_charge_ratio": Metric("gauge", "Charge of the battery, 0 to 1"),
    "ups_runtime_seconds": Metric("gauge", "Runtime on battery as the UPS itself estimates it"),
    "ups_load_ratio": Metric("gauge", "Load, 1 is all that the UPS can carry"),
    "ups_battery_low": Metric("gauge", "1 while the UPS says that its battery is low"),
    "ups_replace_battery": Metric("gauge", "1 while the UPS asks for a new battery"),
    "ups_self_test": Metric("gauge", "1 while a self-test or a calibration runs"),
    "ups_overload": Metric("gauge", "1 while the UPS carries more than it can"),
    "ups_self_test_failed": Metric("gauge", "1 while the newest self-test has failed"),
    "ups_battery_volts": Metric("gauge", "Voltage of the battery"),
    "ups_battery_temperature_celsius": Metric("gauge", "Temperature at the battery"),
    "ups_bypass": Metric("gauge", "1 while the load is on bypass: no battery behind it"),
}


def readings(variables: Mapping[str, str]) -> list[Reading]:
    """Everything that one UPS's variables say."""
    flags = variables["ups.status"].split()[:MAX_FLAGS]
    return [*numbers(variables), *status(flags), *device(variables), *ours(variables, set(flags))]


def numbers(variables: Mapping[str, str]) -> Iterator[Reading]:
    """Every known variable that is a number."""
    for variable in VARIABLES:
        value = number(variables.get(variable))
        if value is not None:
            yield Reading(metric_name(variable), value)


def status(flags: list[str]) -> Iterator[Reading]:
    """Every known flag as 1 or 0, unknown ones while they are set."""
    for flag in dict.fromkeys([*FLAGS, *flags]):
        yield Reading("network_ups_tools_ups_status", float(flag in flags), {"flag": flag})


def device(variables: Mapping[str, str]) -> Iterator[Reading]:
    """Who made it; nothing if the driver does not know."""
    known = {
        name: value
        for name in DEVICE
        if (value := (variables.get(f"device.{name}") or variables.get(f"ups.{name}", "")).strip())
    }
    if known:
        yield Reading("network_ups_tools_device_info", 1.0, known)


def ours(variables: Mapping[str, str], flags: set[str]) -> Iterator[Reading]:
    """The readings that a UPS has in base units, whoever reads it."""
    if "OB" in flags or flags & ON_LINE:
        yield Reading("ups_on_battery", float("OB" in flags))
    for name, flag in (
        ("ups_battery_low", "LB"),
        ("ups_replace_battery", "RB"),
        ("ups_overload", "OVER"),
        ("ups_bypass", "BYPASS"),
    ):
        yield Reading(name, float(flag in flags))
    yield from self_test(variables.get("ups.test.result", "").lower(), flags)
    for name, variable, divisor, least, most in (
        ("ups_charge_ratio", "battery.charge", 100, 0.0, 1.0),
        ("ups_load_ratio", "ups.load", 100, 0.0, 10.0),
        ("ups_runtime_seconds", "battery.runtime", 1, 0.0, 30 * 86400.0),
        ("ups_battery_volts", "battery.voltage", 1, 0.1, 2000.0),
        ("ups_battery_temperature_celsius", "battery.temperature", 1, -40.0, 120.0),
    ):
        value = number(variables.get(variable))
        if value is None or not least <= value / divisor <= most:
            continue
        if value or name != "ups_runtime_seconds" or flags & {"OB", "LB"}:
            yield Reading(name, value / divisor)  # on the mains, a runtime of 0 is no answer


def self_test(result: str, flags: set[str]) -> Iterator[Reading]:
    """Whether one runs, and how the newest ended, as far as the driver's free text says."""
    running = bool({"CAL", "TEST"} & flags) or "progress" in result
    yield Reading("ups_self_test", float(running))
    if result and not running:
        yield Reading("ups_self_test_failed", float("fail" in result or "error" in result))


def number(text: str | None) -> float | None:
    """Return a finite number, or None: drivers write ``NA``, or nothing."""
    try:
        value = float(text) if text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None
