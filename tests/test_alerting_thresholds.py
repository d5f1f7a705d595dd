"""The table of limits, and durations as Prometheus writes them."""

import textwrap

import pytest

from monitor.alerting import durations, thresholds


def write(tmp_path, text, name="rules.yml"):
    path = tmp_path / name
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


DURATIONS = {"0": 0.0, "30s": 30.0, "1h30m": 5400.0, "2w": 1209600.0, "1d12h": 129600.0,
             "250ms": 0.25, "1y": 31536000.0, "": None, "30": None, "1m1h": None, "-1s": None,
             "1.5h": None, "99999y": None, "1s ": None}  # fmt: skip


@pytest.mark.parametrize(("text", "seconds"), DURATIONS.items(), ids=map(repr, DURATIONS))
def test_duration(text, seconds):
    assert durations.parse(text) == seconds


TABLE = """
limits:
- {name: disk_used_ratio, title: 磁盘使用率上限, value: 0.9, unit: ratio}
- {name: web_slow_seconds, title: 网页打开过慢, value: 5, unit: seconds}
defaults: {fault_class: hazard, severity: warning}
"""


def test_thresholds(tmp_path):
    """
    The table gives limits in file order, and the defaults beside it.
    """
    path = write(tmp_path, TABLE)
    disk, slow = thresholds.load(path)
    assert disk == thresholds.Limit("disk_used_ratio", "磁盘使用率上限", 0.9, "ratio")
    assert slow.value == 5.0
    assert thresholds.load_defaults(path) == {"fault_class": "hazard", "severity": "warning"}


BAD_LIMITS = {
    "missing": ("{name: a}", ["limits[0].title: is missing", "limits[0].value: is missing",
                             "limits[0].unit: is missing"]),
    "unit": ("{name: a, title: t, value: 1, unit: minutes}",
             ["'minutes' is no base unit; one of ratio, seconds, bytes, celsius, count"]),
    "value": ("{name: a, title: t, value: 90%, unit: ratio}", ["'90%' is no finite number"]),
    "infinite": ("{name: a, title: t, value: .inf, unit: ratio}", ["'.inf' is no finite number"]),
    "name": ("{name: A-b, title: t, value: 1, unit: ratio}", ["'A-b' is no name"]),
    "key": ("{name: a, title: t, valeu: 1, unit: ratio}", ["did you mean value?"]),
    "twice": (("{name: a, title: t, value: 1, unit: ratio}\n"
              "- {name: a, title: t, value: 2, unit: ratio}"), ["a stands here twice"]),
    "default": ("{name: a, title: t, value: 1, unit: ratio}\ndefaults: {severity: page}",
                ["defaults.severity: 'page' is none of its words"]),
}  # fmt: skip


@pytest.mark.parametrize(("row", "said"), BAD_LIMITS.values(), ids=BAD_LIMITS)
def test_bad_limits(tmp_path, row, said):
    with pytest.raises(thresholds.ThresholdsError) as error:
        thresholds.load(write(tmp_path, f"limits:\n- {row}\n"))
    assert len(error.value.problems) == len(said)
    for part in said:
        assert part in str(error.value)


SHOWN = {0.0: "0s", 30.0: "30s", 5400.0: "1h30m", 604800.0: "1w", 694861.5: "8d1h1m1s500ms"}


@pytest.mark.parametrize(("seconds", "text"), SHOWN.items(), ids=SHOWN.values())
def test_duration_shown(seconds, text):
    assert durations.show(seconds) == text
    assert durations.parse(text if seconds else "0") == seconds
