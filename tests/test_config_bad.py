"""
A table of mistakes and the exact sentence each must print, with its line.

Each row of config_rows_*.py spoils one place of the good configuration in
config_files.py.
"""

import os
import re

import config_rows_parts
import config_rows_words
import pytest
from config_files import GOOD, SECRETS, folder

from monitor.config import ConfigError, load

__all__ = ["folder"]

ROWS = {**config_rows_words.ROWS, **config_rows_parts.ROWS}


@pytest.mark.parametrize(("old", "new", "said"), ROWS.values(), ids=ROWS)
def test_sentence(folder, old, new, said):
    folder.replace(old, new)
    said = [s.replace("FOLDER", str(folder.path)) for s in said]
    assert folder.wrong() == said


def key_and_line(printed):
    """("timeout", 31) of ``zhiban.yml:31: inventory.targets[2].timeout: ...``."""
    found = re.match(r"zhiban\.yml:(\d+): [\w.\[\]-]*?([\w-]+): ", printed)
    return found and (found[2], int(found[1]))


@pytest.mark.parametrize(("old", "new", "said"), ROWS.values(), ids=ROWS)
def test_the_line_is_the_keys(folder, old, new, said):
    """The line named holds the key named, unless the key is what is missing there."""
    lines = GOOD.replace(old, new).splitlines()
    for sentence in said:
        if found := key_and_line(sentence):
            key, line = found
            elsewhere = "is missing" in sentence or "is not less than" in sentence
            assert key in lines[line - 1] or elsewhere, sentence


def test_all_at_once(folder):
    """Mistakes of many kinds, in four files, are told in one go and in order."""
    folder.replace("  grid: 15s", "  grid: 15")
    folder.replace("      timeout: 4s", "      timeout: 4s\n      tmeout: 4s")
    folder.replace("    roles: [director]", "    roles: [dean]")
    folder.replace("    key: env:ZHIBAN_TEST_KEY", "    key: literal")
    folder.replace("  systems:\n", "  include: [more.yml]\n  systems:\n")
    folder.write("more.yml", "targets:\n  - {name: core-1, title: x, kind: nope, address: y}\n")
    folder.replace("expr: probe_success == 0", "expr: probe_success ==", "rules/one.yml")
    folder.replace("  settle: 10s", "  settle: 10", "plan.yml")
    told = [s.split(": ")[0:2] for s in folder.wrong()]
    assert told == [
        ["zhiban.yml:3", "daemon.grid"],
        ["zhiban.yml:32", "inventory.targets[2].tmeout"],
        ["zhiban.yml:37", "people"],
        ["zhiban.yml:44", "people[1].roles[0]"],
        ["zhiban.yml:49", "channels.wecom.key"],
        ["more.yml:2", "targets[0].name"],
        ["more.yml:2", "targets[0].kind"],
        ["plan.yml:16", "settings.settle"],
        ["rules/one.yml:5", "groups[0].rules[0](Down).expr"],
    ]


DEEP = {
    "one of two forms": (
        "{status: [2xx, maybe]}",
        (
            "options.status[1]: expected a whole number or one of 1xx, 2xx, 3xx, 4xx or 5xx,"
            ' found "maybe"'
        ),
    ),
    "unknown key in a step": (
        "{steps: [{name: a, mtach: x}]}",
        'options.steps[0].mtach: unknown key; did you mean "match"?',
    ),
    "missing key in a step": (
        "{steps: [{url: /a}]}",
        "options.steps[0].name: is missing; write name: ...",
    ),
    "a header's name": (
        '{headers: {"a b": c}}',
        "options.headers.a b: is no name of an HTTP header: 'a b'",
    ),
    "a password as itself": (
        "{basic_auth: {username: u, password: 5}}",
        (
            "options.basic_auth.password: a secret stands here as itself;"
            " write file:/path, env:NAME or credential:NAME"
        ),
    ),
}


@pytest.mark.parametrize(("options", "said"), DEEP.values(), ids=DEEP)
def test_deep_in_options(folder, options, said):
    """The probe's own models are told of with the same words and the whole key."""
    folder.replace("kind: tcp", "kind: http")
    folder.replace("address: 10.1.2.3:1521", "address: http://10.1.2.3/")
    folder.replace("{tls: false}", options)
    assert folder.wrong() == [f"zhiban.yml:34: inventory.targets[2].{said}"]


def test_a_secret_file_others_may_read(folder):
    path = folder.path / "key"
    path.write_text("k-1\n")
    path.chmod(0o644)
    folder.replace("env:ZHIBAN_TEST_KEY", f"file:{path}")
    assert folder.wrong() == [
        (
            "zhiban.yml:47: channels.wecom.key: secret file key: others than its owner may read it;"
            " chmod 600 key"
        )
    ]


LITERAL = "hunter2hunter2"
LEAKS = {
    "as a channel's key": ("    key: env:ZHIBAN_TEST_KEY", f"    key: {LITERAL}"),
    "as a url": ("    url: env:ZHIBAN_TEST_URL", f"    url: http://h/?k={LITERAL}"),
    "as a header": ("env:ZHIBAN_TEST_TOKEN", f"Bearer {LITERAL}"),
    "as a misspelt key's value": ("    key: env:ZHIBAN_TEST_KEY", f"    kye: {LITERAL}"),
    "as a list": ("    key: env:ZHIBAN_TEST_KEY", f"    key: [{LITERAL}]"),
    "in an address": ("address: 10.1.2.3:1521", f"address: http://u:{LITERAL}@h/"),
}


@pytest.mark.parametrize(("old", "new"), LEAKS.values(), ids=LEAKS)
def test_no_error_repeats_a_secret(folder, old, new):
    folder.replace(old, new)
    said = folder.wrong()
    assert said
    assert LITERAL not in "".join(said)


def test_nothing_that_secrets_hold_is_repeated(folder, monkeypatch):
    """Fetched secrets of a wrong form are not shown either."""
    for name in SECRETS:
        monkeypatch.setenv(name, f"{LITERAL}\x07{LITERAL}")
    folder.replace("    key: env", "    url: env")
    said = folder.wrong()
    assert len(said) == 3
    assert LITERAL not in "".join(said)


FILES = {
    "not there": (None, "no such file or directory; look at the path"),
    "a folder": ("", "is a directory"),
    "empty": (
        b"",
        (
            "holds no configuration; write the sections daemon, plan, demo, defaults,"
            " inventory, people, channels, store, web"
        ),
    ),
    "a list": (b"- a\n", "holds no configuration; write the sections"),
    "GBK": (
        "daemon: {}\n# 某某医院信息科\n".encode("gbk"),
        "is not UTF-8 text; save the file as UTF-8",
    ),
    "a control character": (b"daemon: \x07\n", "a control character stands here; delete it"),
    "too large": (b"#" * (8 << 20) + b"#", "is larger than 8 MiB"),
    "nested": (b"[" * 100_000, "is nested deeper than 32 levels"),
    "a bomb of aliases": (
        b"a: &a [x,x,x,x,x,x,x,x,x,x]\n"
        + b"".join(
            f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n".encode()
            for a, b in zip("abcdefg", "bcdefgh", strict=True)
        ),
        "holds more than 400000 values, aliases counted out",
    ),
    "an alias of itself": (b"a: &a [*a]\n", "the alias *a has no &anchor that ends before it"),
    "a list for a key": (b"? [a]\n: b\n", "a key is a list, a mapping or an alias; write a word"),
}


@pytest.mark.parametrize(("content", "said"), FILES.values(), ids=FILES)
def test_whole_file(tmp_path, content, said):
    path = tmp_path / "zhiban.yml"
    if content == "":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(path)
    [problem] = caught.value.problems
    assert said in str(problem)
    assert str(problem).startswith(str(path))


def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "zhiban.yml")
    with pytest.raises(ConfigError, match="is not a regular file"):
        load(tmp_path / "zhiban.yml")


def test_director_after_without_such_a_step(folder):
    """A setting that would change nothing is a mistake, not a silence."""
    folder.replace("watch: 10m", "director_after: 5m")
    folder.replace("after: 5m, on_ack", "on_ack", "plan.yml")
    folder.replace(
        "step: director, roles: [director], on_ack: true",
        "step: chief, roles: [director], after: 5m",
        "plan.yml",
    )
    assert folder.wrong() == [
        "zhiban.yml:8: plan.director_after: class1 of the plan has no step director; take it out"
    ]


def test_many_problems_are_bounded(folder):
    targets = "".join(f"    - name: {n}\n" for n in range(500))
    folder.write("zhiban.yml", f"inventory:\n  targets:\n{targets}")
    said = folder.wrong()
    assert len(said) == 201
    assert said[-1].endswith("more")


def test_terminal_escapes_do_not_pass(folder):
    """What a file holds cannot paint the reader's terminal."""
    folder.replace("store: {}", 'store: {"\\e[31mred\\e[0m": "\\e[5m"}')
    assert folder.wrong() == ["zhiban.yml:53: store.?[31mred?[0m: unknown key; valid keys: path"]


PATHS = {
    "rules": ("rules: [rules/*.yml]", 'rules: ["a\\0b", "[", "/nonexistent/**", ""]'),
    "plan": ("plan: plan.yml", 'plan: "a\\0b"'),
    "state": ("state: state", 'state: "a\\0b"'),
    "store": ("store: {}", 'store: {path: "a\\0b"}'),
    "include": ("  systems:\n", '  include: ["*\\0"]\n  systems:\n'),
    "a very long path": ("plan: plan.yml", f"plan: {'a/' * 4000}"),
    "a path through a file": ("plan: plan.yml", "plan: plan.yml/plan.yml"),
}


@pytest.mark.parametrize(("old", "new"), PATHS.values(), ids=PATHS)
def test_paths_no_file_can_have(folder, old, new):
    folder.replace(old, new)
    assert folder.wrong()
