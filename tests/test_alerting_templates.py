"""Templates: what Prometheus prints, and what is refused at load by name."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerting import gotext, templates

LABELS = {"__name__": "v", "x": "a b", "n": "12.5", "title": "核心交换机"}

# Checked against promtool in tests/integration/test_rules_promtool.py too.
RENDERED = {
    "{{ $value }} of {{$labels.x}}": (1e6, "1e+06 of a b"),
    "{{ $value }}": (0.1, "0.1"),
    "{{$value}}": (123456.0, "123456"),
    "{{- $value }}": (1e-05, "1e-05"),
    "{{ .Value }}/{{ .Labels.x }}": (3.0, "3/a b"),
    "a  {{- $value -}}  b": (3.0, "a3b"),
    "{{ $labels.missing }}|": (3.0, "|"),
    "{{ $labels }}": (3.0, "map[__name__:v n:12.5 title:核心交换机 x:a b]"),
    "{{ $externalLabels.site }}|": (3.0, "|"),
    "{{ $labels.title }}失联": (0.0, "核心交换机失联"),
    '{{ printf "%.0f" $value }}': (12.5, "12"),
    '{{ $value | printf "%.2f%%" }}': (12.345, "12.35%"),
    '{{ printf "%s=%v" $labels.x $value }}': (2.0, "a b=2"),
    '{{ printf "%+08.2f|%-8.1f|%8.3e|%g" $value $value $value $value }}': (
        1.5,
        "+0001.50|1.5     |1.500e+00|1.5",
    ),
    '{{ printf "%+08.2f|%-8.1f|" $value $value }}': (math.inf, "    +Inf|+Inf    |"),
    '{{ printf "%q" $labels.x }}': (0.0, '"a b"'),
    "{{ humanize $value }}": (1234567.0, "1.235M"),
    "{{ $value | humanize }}": (0.00012, "120u"),
    "{{ 0.5 | humanize }}": (0.0, "500m"),
    "{{ $labels.n | humanize }}": (0.0, "12.5"),
    "{{ $labels.x | humanize }}": (0.0, "<error expanding template: 'a b' is no number>"),
    "{{ $value | humanize1024 }}": (2097152.0, "2Mi"),
    "{{ $value | humanizeDuration }}": (93784.0, "1d 2h 3m 4s"),
    "{{ $value | humanizeDuration}}": (0.0123, "12.3ms"),
    "{{$value | humanizeDuration }}": (75.0, "1m 15s"),
    "{{$value | humanizeDuration}}": (-7384.9, "-2h 3m 4s"),
    "{{ $value | humanizePercentage }}": (0.956, "95.6%"),
    "{{ $value | humanizeTimestamp }}": (1435065584.128, "2015-06-23 13:19:44.128 +0000 UTC"),
    "{{ $value | humanizeTimestamp}}": (math.nan, "NaN"),
    "{{ $labels.x | title }}": (0.0, "A B"),
    "{{ $labels.x | toUpper | toLower }}": (0.0, "a b"),
    '{{ "quoted }} \\"text\\"" }}': (0.0, 'quoted }} "text"'),
    "{{ `raw` | toUpper }}": (0.0, "RAW"),
    "no placeholder } {": (0.0, "no placeholder } {"),
}


@pytest.mark.parametrize(
    ("source", "value", "expected"), [(s, v, e) for s, (v, e) in RENDERED.items()], ids=RENDERED
)
def test_render(source, value, expected):
    assert templates.parse(source).render(LABELS, value) == expected


REFUSED = {
    "{{ if $value }}x{{ end }}": "'if' is not supported",
    "{{ range query `up` }}{{ end }}": "'range' is not supported",
    "{{ with $labels }}": "'with' is not supported",
    "{{ $value": "'{{' is not closed",
    "{{ $valeu }}": "'$valeu' is not known",
    "{{ $labels.a.b }}": "'$labels.a.b' is not known",
    "{{ .Foo }}": "'.Foo' is not known",
    "{{ . }}": "'.' is not supported",
    "{{ $value | reReplaceAll `a` `b` }}": "'reReplaceAll' is not supported",
    "{{ ($value) }}": "'(' is not supported",
    "{{ $value $value }}": "'$value' is not expected after a value",
    "{{ $value | }}": "an empty place",
    "{{ }}": "an empty place",
    "{{ $value | 'x' }}": "is no function",
    "{{ $x := 3 }}": "'$x' is not known",
    "{{ humanize }}": "humanize takes one value",
    "{{ humanize $labels }}": "humanize takes one value",
    "{{ $value | title }}": "title takes one text",
    "{{ printf $value }}": "printf takes a format in quotes",
    '{{ printf "%d" $value }}': "does not fit a number (use %.0f, %g or %v)",
    '{{ printf "%.1f" $labels.x }}': "does not fit a text",
    '{{ printf "%s %s" $labels.x }}': "takes 2 arguments and is given 1",
    '{{ printf "%" $labels.x }}': "does not fit a text",
}


@pytest.mark.parametrize(("source", "said"), REFUSED.items(), ids=REFUSED)
def test_refused_by_name(source, said):
    with pytest.raises(templates.TemplateError) as error:
        templates.parse(source)
    assert said in str(error.value)


def test_what_a_label_may_not_hold_is_seen():
    """
    A value in a label would make a new alert at every evaluation.
    """
    assert templates.parse("{{ $value | humanize }}").uses_value
    assert templates.parse('{{ printf "%v" $value }}').uses_value
    assert not templates.parse("{{ $labels.x }}").uses_value
    assert templates.parse("plain").static
    assert not templates.parse("{{ $labels.x }}").static


@given(st.floats())
def test_shortest_reads_back(value):
    """
    The text of a number is the number.
    """
    back = float(gotext.shortest(value))
    assert back == value or (math.isnan(back) and math.isnan(value))


@given(st.text(max_size=60) | st.text("{}$. |labelsvu\"`%'2fprintf", max_size=40))
def test_any_text_is_read_or_refused(source):
    """
    Nothing that people write raises anything but TemplateError.
    """
    try:
        template = templates.parse(source)
    except templates.TemplateError:
        return
    assert isinstance(template.render(LABELS, 1.5), str)
