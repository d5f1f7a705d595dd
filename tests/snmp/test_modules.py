"""Module files: what they may say, what is said of them, and rows turned into series."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded import MemoryIo, of_table
from visiting import values

from exporters import snmp
from exporters._snmp import columns, labels, modules, oid, shapes
from exporters._snmp import values as v
from exporters._snmp.cells import cells_of
from monitor.polling.bounds import METRIC_NAME, Bounds
from monitor.probe import OPEN

HEAD = "module: m\nmib: M\nmissing: no\n"
TABLE = HEAD + (
    "tables:\n"
    "  - name: t\n"
    "    index: [{label: i}]\n"
    "    columns: [{name: c, oid: 1.3.9.1.9}]\n"
    "    metrics:\n"
    "      - {name: a, oid: 1.3.9.1.1, help: A}\n"
)


@pytest.mark.parametrize("name", modules.shipped())
def test_shipped_modules_are_whole(name):
    plan = modules.module(name).plan(oid.encode("1.3.6.1.4.1.318"))
    assert plan.name == name
    assert plan.metrics
    for metric, told in plan.metrics.items():
        assert METRIC_NAME.fullmatch(metric)
        assert told.help
        assert metric.startswith(("hw_", "ups", "if", "hr", "sys", "snmp", "ent"))


def test_a_module_is_read_once_and_again_when_it_changes(tmp_path):
    assert modules.module("if_mib") is modules.module("if_mib")
    path = tmp_path / "own.yml"
    path.write_text(TABLE)
    first = modules.module(str(path))
    assert modules.module(str(path)) is first
    path.write_text(TABLE + "derived: []\n")
    assert modules.module(str(path)) is not first


BOMB = "a: &a [1]\n" + "".join(
    f"{key}: &{key} [" + ",".join([f"*{before}"] * 10) + "]\n"
    for before, key in itertools.pairwise("abcdefg")
)
WRONG = {
    "empty": ("", ["m.yml: is empty"]),
    "no mapping": ("- 1\n", ["m.yml:1: expected a mapping"]),
    "no YAML": ("a: [\n", ["m.yml:2: is not YAML"]),
    "missing and unknown keys": (
        "module: m\nmib: M\ntabels: []\n",
        ["m.yml:3: tabels: unknown key", "m.yml:1: missing: is missing"],
    ),
    "twice": (HEAD + "mib: N\n", ["m.yml:4: mib: stands here a second time, first on line 2"]),
    "no OID": (
        TABLE.replace("1.3.9.1.1", "1.3.x"),
        ["m.yml:9: tables[0].metrics[0].oid: is no OID: '1.3.x'"],
    ),
    "an OID that is a number": (TABLE.replace("1.3.9.1.1", "7"), ["is no OID: 7"]),
    "no metric name": (TABLE.replace("name: a,", "name: a-b,"), ["is no metric name: 'a-b'"]),
    "a label of ours": (TABLE.replace("label: i", "label: instance"), ["is no label name, or one"]),
    "type": (
        TABLE.replace("help: A", "help: A, type: histogram"),
        ["m.yml:9: tables[0].metrics[0].type: input should be 'gauge' or 'counter'"],
    ),
    "scale": (TABLE.replace("help: A", "help: A, scale: x"), ["scale: expected a number"]),
    "when of nothing": (
        TABLE.replace("help: A", "help: A, when: {d: [1]}"),
        ['m.yml:9: tables[0].metrics[0].when.d: "d" is not among a, c'],
    ),
    "times of nothing": (TABLE.replace("help: A", "help: A, times: cc"), ['did you mean "c"?']),
    "power of nothing": (
        TABLE.replace("help: A", "help: A, power: [{column: x}]"),
        ['power[0].column: "x" is not among'],
    ),
    "instead of nothing": (
        TABLE.replace("help: A", "help: A, instead_of: b"),
        ['instead_of: "b" is not among a'],
    ),
    "states without names": (TABLE.replace("help: A", "help: A, show: states"), ["needs names"]),
    "a metric twice": (
        TABLE + "      - {name: a, oid: 1.3.9.1.2, help: A}\n",
        ["m.yml:10: tables[0].metrics[1]: metric a stands here a second time, first on line 9"],
    ),
    "a label twice": (
        TABLE + "    labels: [{name: i, oid: 1.3.9.1.3}]\n",
        ["tables[0].labels: a label stands twice"],
    ),
    "by nothing": (
        TABLE + "    labels: [{name: l, oid: 1.3.9.1.3, by: x}]\n",
        ['tables[0].labels[0].by: "x" is not among a, c, i'],
    ),
    "derived of nothing": (
        HEAD + "derived: [{name: d, help: D, first: [{of: x}]}]\n",
        ['derived[0].first[0].of: "x" is not among anything named here'],
    ),
    "derived of many rows": (
        TABLE + "derived: [{name: d, help: D, first: [{of: a}]}]\n",
        ["a has many rows; write reduce: max, min or sum"],
    ),
    "a bomb of aliases": (BOMB, ["more than 12 levels or 50000 values"]),
    "an alias within itself": ("a: &a [*a]\n", ["more than 12 levels"]),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG)
def test_mistakes_are_named_with_their_line(text, said):
    with pytest.raises(modules.ModuleError) as caught:
        modules.of_text("m.yml", text)
    every = "\n".join(map(str, caught.value.problems))
    for part in said:
        assert part in every


def test_files_that_are_none(tmp_path):
    for name, said in {
        "if-mib": "there is no module 'if-mib'; shipped are",
        "own/if.yml": "is an absolute path that ends in .yml",
        f"{tmp_path}/gone.yml": "no such file",
    }.items():
        with pytest.raises(ValueError, match=said):
            modules.module(name)
    path = tmp_path / "gbk.yml"
    path.write_bytes("mib: 接口".encode("gbk"))
    with pytest.raises(modules.ModuleError, match="is not UTF-8 text"):
        modules.module(str(path))


async def read(text, table, said=b""):
    """Values of one module over a table of OIDs, as the probe asks and reads."""
    io = MemoryIo(of_table(table))
    session = snmp.Session(await io.snmp("h", 161, None))
    plan = modules.of_text("m.yml", text).plan(said)
    answers = await snmp.singles(session, [plan])
    found = await snmp.gathered(session, plan, answers, snmp.all_rows)
    return {k: x for k, x in values(Bounds(OPEN).check(found.blocks)).items() if not math.isnan(x)}


NUMBERS = {
    "plain": ("", 7, 7.0),
    "scale is exact": ("scale: 0.1", 2707, 270.7),
    "unsigned": ("unsigned: true", -1, 4294967295.0),
    "invalid": ("invalid: [65535]", 65535, None),
    "valid": ("valid: [0, 100]", 101, None),
    "map": ("map: {2: 1}", 2, 1.0),
    "map, not named": ("map: {2: 1}", 3, None),
    "a text that is a number": ("", "23.5 C", 23.5),
    "a text that is none": ("", "n/a", None),
    "NULL": ("", None, None),
    "an OID": ("", ".1.3.6", None),
    "float of net-snmp": ("", b"\x9f\x78\x04\x41\xbc\x00\x00", 23.5),
    "NaN of net-snmp": ("", b"\x9f\x78\x04\x7f\xc0\x00\x00", None),
}


@pytest.mark.parametrize(("how", "raw", "wanted"), NUMBERS.values(), ids=NUMBERS)
async def test_numbers(how, raw, wanted):
    text = HEAD + f"scalars: [{{name: a, oid: 1.3.9.1.0, help: A, {how}}}]\n"
    found = await read(text, {"1.3.9.1.0": raw})
    assert found.get(("a",)) == wanted


async def test_invalid_of_the_module_is_for_gauges():
    text = HEAD + (
        "invalid: [65535]\nscalars:\n"
        "  - {name: a, oid: 1.3.9.1.0, help: A}\n"
        "  - {name: b, oid: 1.3.9.2.0, help: B, invalid: []}\n"
        "  - {name: c, oid: 1.3.9.3.0, help: C, type: counter}\n"
    )
    found = await read(text, dict.fromkeys(("1.3.9.1.0", "1.3.9.2.0", "1.3.9.3.0"), 65535))
    assert found == {("b",): 65535, ("c",): 65535}


async def test_states_bits_and_texts():
    text = HEAD + (
        "scalars:\n"
        "  - {name: a, oid: 1.3.9.1.0, help: A, show: states, enum: {1: up, 2: down}}\n"
        "  - {name: b_info, oid: 1.3.9.2.0, help: B, show: info, enum: {1: up}}\n"
        "  - {name: c, oid: 1.3.9.3.0, help: C, show: bits, enum: {0: hot, 9: wet}}\n"
        "  - {name: d, oid: 1.3.9.4.0, help: D, show: info}\n"
    )
    table = {"1.3.9.1.0": 2, "1.3.9.2.0": 5, "1.3.9.3.0": b"\x80\x40", "1.3.9.4.0": "机房"}
    assert await read(text, table) == {
        ("a", "up"): 0, ("a", "down"): 1, ("b_info", "5"): 1,
        ("c", "hot"): 1, ("c", "wet"): 1, ("d", "机房"): 1,
    }  # fmt: skip


async def test_only_for_some_devices():
    text = TABLE + "scalars: [{name: s, oid: 1.3.9.5.0, help: S, only: [1.3.6.1.4.1.9]}]\n"
    table = {"1.3.9.5.0": 1, "1.3.9.1.1.1": 2}
    assert await read(text, table, oid.encode("1.3.6.1.4.1.9.1.3")) == {("s",): 1, ("a", "1"): 2}
    assert await read(text, table, oid.encode("1.3.6.1.4.1.99")) == {("a", "1"): 2}
    whole = modules.of_text("m.yml", "only: [1.3.6.1.4.1.9]\n" + TABLE)
    assert whole.plan(oid.encode("1.3.6.1.4.1.2011")) is None


async def test_power_of_ten_times_and_when():
    text = TABLE.replace(
        "help: A}", "help: A, when: {c: [1]}, power: [{column: p, factor: -1}], times: u}"
    ).replace(
        "[{name: c, oid: 1.3.9.1.9}]",
        "[{name: c, oid: 1.3.9.1.9}, {name: p, oid: 1.3.9.1.8}, {name: u, oid: 1.3.9.1.7}]",
    )
    table = {}
    for i, row in enumerate([(245, 1, 1, 2), (245, 2, 1, 2), (3, 1, 99, 1)]):
        table |= {f"1.3.9.1.{c}.{i}": x for c, x in zip((1, 9, 8, 7), row, strict=True)}
    assert await read(text, table) == {("a", "0"): 49.0}


async def test_labels_from_another_table():
    """By a part of the index, and by a column that answers the other table's index."""
    text = TABLE.replace("[{label: i}]", "[{label: i}, {label: k}]") + (
        "    labels:\n"
        "      - {name: of_index, oid: 1.3.9.2.1, by: k}\n"
        "      - {name: of_column, oid: 1.3.9.2.1, by: c, otherwise: of_index}\n"
    )
    table = {
        "1.3.9.1.1.7.300": 1, "1.3.9.1.9.7.300": 4, "1.3.9.1.1.8.5": 2,
        "1.3.9.2.1.300": "three hundred", "1.3.9.2.1.4": "four",
    }  # fmt: skip
    assert await read(text, table) == {
        ("a", "7", "300", "four", "three hundred"): 1,
        ("a", "8", "5", "", ""): 2,
    }


async def test_rows_without_a_column_take_the_one_that_stands_in():
    text = TABLE + (
        "      - {name: a, oid: 1.3.9.1.2, help: A, instead_of: a, scale: 0.1}\n"
        "      - {name: b, oid: 1.3.9.1.3, help: B, instead_of: a}\n"
    )
    table = {"1.3.9.1.1.1": 5, "1.3.9.1.2.1": 999, "1.3.9.1.2.2": 70, "1.3.9.1.3.2": 8}
    table |= {"1.3.9.1.3.1": 9, "1.3.9.1.9.2": 0}
    assert await read(text, table) == {("a", "1"): 5, ("a", "2"): 7, ("b", "2"): 8}


INDEXES = {
    "integers": ("[{label: x}, {label: y}]", (3, 300), {"x": "3", "y": "300"}),
    "too short": ("[{label: x}, {label: y}]", (3,), {"x": "3", "y": ""}),
    "string": ("[{label: x, type: string}, {label: y}]", (2, 104, 105, 9), {"x": "hi", "y": "9"}),
    "implied": ("[{label: x, type: string, implied: true}]", (104, 105), {"x": "hi"}),
    "fixed": ("[{label: x, type: string, length: 2}]", (104, 105), {"x": "hi"}),
    "OID": ("[{label: x, type: oid}]", (3, 1, 3, 6), {"x": "1.3.6"}),
    "address": ("[{label: x, type: ipv4}]", (10, 0, 0, 1), {"x": "10.0.0.1"}),
    "mac": ("[{label: x, type: mac}]", (1, 2, 3, 4, 5, 255), {"x": "01:02:03:04:05:FF"}),
    "more than told": ("[{label: x}]", (3, 0), {"x": "3"}),
    "no bytes": ("[{label: x, type: string, implied: true}]", (104, 900), {"x": "104.900"}),
}


@pytest.mark.parametrize(("index", "sub_ids", "wanted"), INDEXES.values(), ids=INDEXES)
def test_indexes(index, sub_ids, wanted):
    shape = modules.of_text("m.yml", TABLE.replace("[{label: i}]", index)).file.tables[0]
    assert dict(labels.parts(shape.index, oid.suffix(sub_ids))) == wanted


async def test_rows_that_would_be_one_series_keep_their_whole_index():
    assert await read(TABLE, {"1.3.9.1.1.3.0": 1, "1.3.9.1.1.3.1": 2}) == {
        ("a", "3.0"): 1,
        ("a", "3.1"): 2,
    }


TEXTS = {
    b"\xe6\x9c\xba\xe6\x88\xbf": "机房",
    "机房".encode("gbk"): "机房",
    b"\xff\xfe\x00\x01": "0xFFFE0001",
    b"eth0\x00": "eth0",
    b"two\r\nlines": "two\r\nlines",
    b"": "",
}


@pytest.mark.parametrize(("raw", "wanted"), TEXTS.items(), ids=map(repr, TEXTS))
def test_texts(raw, wanted):
    assert v.text(raw) == wanted


@given(st.one_of(st.none(), st.integers(), st.binary()))
def test_no_answer_raises(raw):
    for kind in v.TEXTS.values():
        assert isinstance(kind(raw), str)
    found = v.converter(shapes.Number(scale=0.1, map={1: 2}))([raw])
    assert len(found) == 1
    assert isinstance(v.bit(raw, 3), float)


@given(st.integers(-(10**9), 10**9), st.integers(-24, 24))
def test_power_of_ten(value, exponent):
    power = shapes.Power(column="x")
    assert math.isclose(columns.shifted(value, exponent, power), value * 10.0**exponent)


def test_label_sets_are_the_same_objects_at_the_next_visit():
    plan = modules.module("if_mib").plan()
    table = plan.tables[0]

    def visit():
        rows = {
            oid.suffix((i,)): [(c, 2, b"port" if c in named else i) for c in table.walked]
            for i in (1, 2, 300)
        }
        return table.read(cells_of(table.walked, rows)).blocks[0]

    named = {table.places[n] for n in ("ifName", "ifDescr", "ifAlias")}
    first, second = visit(), visit()
    assert first.label_sets is second.label_sets
    assert first.metrics is second.metrics
    assert dict(first.label_sets[2]) == {
        "ifIndex": "300", "ifName": "port", "ifDescr": "port", "ifAlias": "port",
    }  # fmt: skip
