"""
A table of mistakes and the exact sentence each must print, with its line.

Each row spoils one place of the good configuration in config_files.py.
"""

import os
import re

import pytest
from config_files import GOOD, SECRETS, folder

from monitor.config import ConfigError, load

__all__ = ["folder"]

# Each row: what is there, what stands instead, what is printed.
ROWS = {
    # keys
    "unknown section": (
        "store: {}",
        "storage: {}",
        ['zhiban.yml:53: storage: unknown key; did you mean "store"?'],
    ),
    "unknown key near a known one": (
        "      timeout: 4s",
        "      timeuot: 4s",
        ['zhiban.yml:30: inventory.targets[2].timeuot: unknown key; did you mean "timeout"?'],
    ),
    "unknown key near nothing": (
        "  port: 8600",
        "  xyzzy: 8600",
        ["zhiban.yml:56: web.xyzzy: unknown key; valid keys: allowed_hosts, host, port"],
    ),
    "unknown key of the inventory": (
        "  systems:\n",
        "  system: []\n  systems:\n",
        ['zhiban.yml:12: inventory.system: unknown key; did you mean "systems"?'],
    ),
    "key twice": (
        "  grid: 15s\n",
        "  grid: 15s\n  grid: 5s\n",
        [
            (
                "zhiban.yml:4: daemon.grid: stands here a second time, first on line 3;"
                " keep one of the two"
            )
        ],
    ),
    "missing key": (
        "      title: 核心交换机1\n",
        "",
        ["zhiban.yml:17: inventory.targets[0].title: is missing; write title: ..."],
    ),
    # values
    "number for a duration": (
        "  grid: 15s",
        "  grid: 30",
        ["zhiban.yml:3: daemon.grid: expected a duration like 30s, 5m or 1h30m, found 30"],
    ),
    "nonsense for a duration": (
        "      every: 15s",
        "      every: soon",
        [
            (
                "zhiban.yml:29: inventory.targets[2].every:"
                ' expected a duration like 30s, 5m or 1h30m, found "soon"'
            )
        ],
    ),
    "duration out of bounds": (
        "  grid: 15s",
        "  grid: 5m",
        ["zhiban.yml:3: daemon.grid: expected a duration from 1s to 60s, found 5m"],
    ),
    "text for a number": (
        "      level: 1\n",
        "      level: high\n",
        ['zhiban.yml:31: inventory.targets[2].level: expected a whole number, found "high"'],
    ),
    "number out of bounds": (
        "      level: 1\n",
        "      level: 4\n",
        ["zhiban.yml:31: inventory.targets[2].level: expected at most 3, found 4"],
    ),
    "number for a text": (
        '    phone: "13800000001"',
        "    phone: 13800000001",
        ["zhiban.yml:37: people[0].phone: expected text, found 13800000001; put it in quotes"],
    ),
    "no telephone number": (
        '    phone: "13800000001"',
        "    phone: office",
        [
            (
                "zhiban.yml:37: people[0].phone: is no telephone number; write digits in quotes,"
                ' like "13800000000"'
            )
        ],
    ),
    "yes for true": (
        "demo: false",
        "demo: yes",
        ['zhiban.yml:9: demo: expected true or false, found "yes"'],
    ),
    "text for a list": (
        "    roles: [on_duty]",
        "    roles: on_duty",
        ['zhiban.yml:38: people[0].roles: expected a list, found "on_duty"'],
    ),
    "list for a mapping": (
        "store: {}",
        "store: []",
        ["zhiban.yml:53: store: expected a mapping, found a list"],
    ),
    "mapping for a list": (
        "  rules: [rules/*.yml]",
        "  rules: {a: b}",
        ["zhiban.yml:4: daemon.rules: expected a list, found a mapping"],
    ),
    "text for a target": (
        "    - name: core-2\n      title: 核心交换机2\n      kind: icmp\n      address: 10.1.0.2\n",
        "    - core-2\n",
        [
            'zhiban.yml:6: daemon.uplink[1]: there is no target "core-2"; did you mean "core-1"?',
            'zhiban.yml:21: inventory.targets[1]: expected a mapping, found "core-2"',
            (
                "zhiban.yml:30: inventory.targets[2].depends_on[0].any[1]:"
                ' there is no target "core-2"; did you mean "core-1"?'
            ),
        ],
    ),
    "nothing for a name": (
        "    - name: core-1",
        "    - name:",
        [
            'zhiban.yml:6: daemon.uplink[0]: there is no target "core-1"; did you mean "core-2"?',
            "zhiban.yml:17: inventory.targets[0].name: expected text, found nothing",
            (
                "zhiban.yml:33: inventory.targets[2].depends_on[0].any[0]:"
                ' there is no target "core-1"; did you mean "core-2"?'
            ),
        ],
    ),
    "one of few words": (
        "  state: state",
        "  state: state\n  log: {level: loud}",
        [
            (
                "zhiban.yml:3: daemon.log.level: expected one of debug, info, warning or error,"
                ' found "loud"'
            )
        ],
    ),
    "line break in a title": (
        "      title: 医院信息系统",
        '      title: "医院\\n系统"',
        [
            (
                "zhiban.yml:14: inventory.systems[0].title: holds a line break or a control"
                " character; write one line of text"
            )
        ],
    ),
    "title too long for an SMS": (
        "      title: 医院信息系统",
        f"      title: {'医' * 41}",
        [
            (
                "zhiban.yml:14: inventory.systems[0].title: expected at most 40 characters,"
                f' found "{"医" * 40}"'
            )
        ],
    ),
    # names and references
    "name with blanks and capitals": (
        "- name: his-db",
        "- name: HIS DB",
        [
            (
                'zhiban.yml:15: inventory.systems[0].needs[0]: there is no target "his-db";'
                " valid targets: HIS DB, core-1, core-2"
            ),
            (
                "zhiban.yml:25: inventory.targets[2].name: is no name; use a-z, 0-9, dot, hyphen"
                " and underscore, a letter or digit first"
            ),
        ],
    ),
    "target twice": (
        "- name: core-2",
        "- name: core-1",
        [
            'zhiban.yml:6: daemon.uplink[1]: there is no target "core-2"; did you mean "core-1"?',
            (
                'zhiban.yml:21: inventory.targets[1].name: the name "core-1" is taken, see'
                " zhiban.yml:17; targets and systems share their names; rename the target"
            ),
            (
                "zhiban.yml:33: inventory.targets[2].depends_on[0].any[1]:"
                ' there is no target "core-2"; did you mean "core-1"?'
            ),
        ],
    ),
    "system named as a target": (
        "- name: HIS\n",
        "- name: his-db\n",
        [
            (
                'zhiban.yml:15: inventory.systems[0].needs[0]: there is no target "his-db";'
                " valid targets: core-1, core-2"
            ),
            (
                'zhiban.yml:25: inventory.targets[2].name: the name "his-db" is taken, see'
                " zhiban.yml:13; targets and systems share their names; rename the target"
            ),
        ],
    ),
    "the daemon's own name": (
        "- name: HIS\n",
        "- name: zhiban\n",
        [
            (
                "zhiban.yml:13: inventory.systems[0].name: zhiban is the daemon's own name;"
                " choose another"
            ),
            (
                'zhiban.yml:32: inventory.targets[2].labels.system: there is no system "HIS";'
                " there is no system yet"
            ),
        ],
    ),
    "person twice": (
        "- name: 王芳",
        "- name: 张伟",
        ["zhiban.yml:40: people[1].name: there is already a person 张伟; rename one of the two"],
    ),
    "channel twice": (
        "  relay:\n    kind: webhook\n",
        "  wecom:\n    kind: webhook\n",
        [
            (
                'zhiban.yml:39: people[0].channels[1]: there is no channel "relay";'
                " valid channels: wecom"
            ),
            (
                "zhiban.yml:48: channels.wecom: stands here a second time, first on line 45;"
                " keep one of the two"
            ),
        ],
    ),
    "unknown kind of probe": (
        "      kind: tcp",
        "      kind: tpc",
        [
            (
                'zhiban.yml:27: inventory.targets[2].kind: there is no probe kind "tpc";'
                ' did you mean "tcp"?'
            )
        ],
    ),
    "unknown system's need": (
        "needs: [his-db]",
        "needs: [his-bd]",
        [
            (
                'zhiban.yml:15: inventory.systems[0].needs[0]: there is no target "his-bd";'
                ' did you mean "his-db"?'
            )
        ],
    ),
    "a system is no target": (
        "depends_on: [{any: [core-1, core-2]}]",
        "depends_on: [HIS]",
        [
            (
                'zhiban.yml:33: inventory.targets[2].depends_on[0]: there is no target "HIS";'
                " valid targets: core-1, core-2, his-db"
            )
        ],
    ),
    "needs not in a list": (
        "needs: [his-db]",
        "needs: his-db",
        [
            (
                'zhiban.yml:15: inventory.systems[0].needs: expected a list, found "his-db";'
                " write names and redundant groups, like [a, {any: [b, c]}]"
            )
        ],
    ),
    "a group of one": (
        "{any: [core-1, core-2]}",
        "{any: [core-1, core-1]}",
        [
            (
                "zhiban.yml:33: inventory.targets[2].depends_on[0].any: a redundant group has"
                " at least two different names; write the one name without any"
            )
        ],
    ),
    "a group of another word": (
        "{any: [core-1, core-2]}",
        "{all: [core-1, core-2]}",
        [
            (
                "zhiban.yml:33: inventory.targets[2].depends_on[0]: expected a name or"
                " {any: [...]}, found a mapping; write names and redundant groups,"
                " like [a, {any: [b, c]}]"
            )
        ],
    ),
    "a circle": (
        "      address: 10.1.0.1\n",
        "      address: 10.1.0.1\n      depends_on: [core-2, his-db]\n",
        [
            (
                "zhiban.yml:21: inventory.targets[0].depends_on: stands behind itself:"
                " core-1 -> his-db -> core-1; take one of them out"
            )
        ],
    ),
    "a circle of one": (
        "      address: 10.1.0.1\n",
        "      address: 10.1.0.1\n      depends_on: [core-1]\n",
        [
            (
                "zhiban.yml:21: inventory.targets[0].depends_on: stands behind itself:"
                " core-1 -> core-1; take one of them out"
            )
        ],
    ),
    "unknown uplink": (
        "uplink: [core-1, core-2]",
        "uplink: [core-1, core-3]",
        ['zhiban.yml:6: daemon.uplink[1]: there is no target "core-3"; did you mean "core-2"?'],
    ),
    "unknown channel of a person": (
        "channels: [wecom, relay]",
        "channels: [wecom, relai]",
        [
            (
                'zhiban.yml:39: people[0].channels[1]: there is no channel "relai";'
                ' did you mean "relay"?'
            )
        ],
    ),
    "unknown role": (
        "roles: [director]",
        "roles: [director, dean]",
        [
            (
                'zhiban.yml:42: people[1].roles[1]: unknown role "dean"; nobody outside 信息科 is'
                " told by the machine; valid roles: deputy, director, on_duty, standby"
            )
        ],
    ),
    "nobody on duty": (
        "roles: [on_duty]",
        "roles: [standby]",
        [
            (
                "zhiban.yml:35: people: nobody has the role on_duty (值班);"
                " give it to somebody: roles: [on_duty]"
            )
        ],
    ),
    "no director": (
        "roles: [director]",
        "roles: [deputy]",
        [
            (
                "zhiban.yml:35: people: nobody has the role director (主任);"
                " give it to somebody: roles: [director]"
            )
        ],
    ),
    # targets
    "timeout not less than every": (
        "      timeout: 4s",
        "      timeout: 15s",
        [
            (
                "zhiban.yml:30: inventory.targets[2].timeout: timeout 15s is not less than every"
                " 15s; a visit must end before the next one begins"
            )
        ],
    ),
    "timeout of the defaults not less than every": (
        "      every: 15s\n      timeout: 4s\n",
        "      every: 5s\n",
        [
            (
                "zhiban.yml:25: inventory.targets[2].timeout: timeout 5s is not less than every 5s;"
                " a visit must end before the next one begins"
            )
        ],
    ),
    "address": (
        "address: 10.1.2.3:1521",
        "address: 10.1.2.3",
        [
            (
                "zhiban.yml:28: inventory.targets[2].address: has no port from 1 to 65535;"
                " write for example 10.1.2.3:443"
            )
        ],
    ),
    "password in an address": (
        "address: 10.1.2.3:1521",
        "address: tcp://root:hunter2@10.1.2.3:1521",
        [
            (
                "zhiban.yml:28: inventory.targets[2].address: an address holds no user and no"
                " password; take them out; the options of the probe kind have a place for them"
            ),
        ],
    ),
    "unknown option": (
        "options: {tls: false}",
        "options: {tsl: false}",
        ['zhiban.yml:34: inventory.targets[2].options.tsl: unknown key; did you mean "tls"?'],
    ),
    "wrong option": (
        "options: {tls: false}",
        "options: {max_bytes: many}",
        [
            (
                "zhiban.yml:34: inventory.targets[2].options.max_bytes: expected a whole number,"
                ' found "many"'
            )
        ],
    ),
    "options of another kind": (
        "kind: tcp\n      address: 10.1.2.3:1521",
        "kind: http\n      address: http://10.1.2.3/",
        [
            (
                "zhiban.yml:34: inventory.targets[2].options.tls: unknown key; valid keys:"
                " basic_auth, bearer_token, body, ca_file, follow, headers, match, max_bytes,"
                " method, not_match, secrets, status and 2 more"
            )
        ],
    ),
    "label of a system nobody knows": (
        "labels: {system: HIS, role: database}",
        "labels: {system: HIZ}",
        [
            (
                'zhiban.yml:32: inventory.targets[2].labels.system: there is no system "HIZ";'
                ' did you mean "HIS"?'
            )
        ],
    ),
    "reserved label": (
        "labels: {system: HIS, role: database}",
        "labels: {instance: HIS}",
        [
            (
                "zhiban.yml:32: inventory.targets[2].labels.instance: is a label that zhiban writes"
                " itself; choose another name"
            )
        ],
    ),
    "label that is no name": (
        "labels: {system: HIS, role: database}",
        "labels: {科室: HIS, __x: y, 1a: z}",
        [
            f"zhiban.yml:32: inventory.targets[2].labels.{name}: is no label name; use letters,"
            " digits and underscores, no digit first"
            for name in ("科室", "__x", "1a")
        ],
    ),
    "label that is no text": (
        "labels: {system: HIS, role: database}",
        "labels: {floor: 3, role: []}",
        [
            (
                "zhiban.yml:32: inventory.targets[2].labels.floor: expected text, found 3;"
                " put it in quotes"
            ),
            "zhiban.yml:32: inventory.targets[2].labels.role: expected text, found a list",
        ],
    ),
    "a person named as the daemon": (
        "- name: 王芳",
        "- name: zhiban",
        [
            (
                "zhiban.yml:40: people[1].name: zhiban is how the daemon itself signs what it"
                " does; choose another name"
            )
        ],
    ),
    # channels and secrets
    "name of a channel": (
        "store: {}",
        "  短信: {kind: webhook, url: env:ZHIBAN_TEST_URL}",
        [
            (
                "zhiban.yml:53: channels.短信: is no name; use a-z, 0-9, dot, hyphen and"
                " underscore, a letter or digit first"
            )
        ],
    ),
    "unknown kind of channel": (
        "    kind: webhook",
        "    kind: sms",
        [
            (
                'zhiban.yml:49: channels.relay.kind: there is no channel kind "sms";'
                " valid kinds: webhook, wecom_bot"
            )
        ],
    ),
    "no kind of channel": (
        "    kind: webhook\n",
        "",
        ["zhiban.yml:48: channels.relay.kind: is missing; valid kinds: webhook, wecom_bot"],
    ),
    "secret as itself": (
        "    key: env:ZHIBAN_TEST_KEY",
        "    key: 693a91f6-7xxx",
        [
            (
                "zhiban.yml:47: channels.wecom.key: a secret stands here as itself;"
                " write file:/path, env:NAME or credential:NAME"
            )
        ],
    ),
    "secret that is not there": (
        "    key: env:ZHIBAN_TEST_KEY",
        "    key: env:ZHIBAN_TEST_NONE",
        [
            (
                "zhiban.yml:47: channels.wecom.key: the environment variable ZHIBAN_TEST_NONE is"
                " not set, or empty"
            )
        ],
    ),
    "bot without an address": (
        "    key: env:ZHIBAN_TEST_KEY\n",
        "",
        [
            (
                "zhiban.yml:45: channels.wecom: has not one of url and key;"
                " write the bot's url, or only its key"
            )
        ],
    ),
    "bot over plain http": (
        "    key: env:ZHIBAN_TEST_KEY",
        "    url: env:ZHIBAN_TEST_URL",
        [
            (
                "zhiban.yml:47: channels.wecom.url: the address it points to is not https://...;"
                " a bot's key would leak"
            )
        ],
    ),
    "webhook that points to no address": (
        "    url: env:ZHIBAN_TEST_URL",
        "    url: env:ZHIBAN_TEST_KEY",
        [
            (
                "zhiban.yml:50: channels.relay.url: the address it points to is not http://host/..."
                " or https://host/..."
            )
        ],
    ),
    "channel's deadline": (
        "    timeout: 3s",
        "    timeout: 5m",
        ["zhiban.yml:52: channels.relay.timeout: expected a duration from 1s to 60s, found 5m"],
    ),
    # the rest
    "console on the network": (
        "  host: 127.0.0.1",
        "  host: 0.0.0.0",
        [
            (
                "zhiban.yml:55: web.host: is not this machine itself, and the console has no log-in"
                " yet (that comes with part 5); write 127.0.0.1 and reach it through an SSH tunnel"
            )
        ],
    ),
    "port": (
        "  port: 8600",
        "  port: 86000",
        ["zhiban.yml:56: web.port: expected at most 65535, found 86000"],
    ),
    "host with a scheme": (
        "allowed_hosts: [zhiban.hospital.example]",
        "allowed_hosts: ['http://zhiban']",
        [
            (
                "zhiban.yml:57: web.allowed_hosts[0]: is no host name; write it as it stands in the"
                " browser, without http://"
            )
        ],
    ),
    "faster clocks outside the demo": (
        "  watch: 10m",
        "  speed: 60",
        [
            (
                "zhiban.yml:8: plan.speed: the plan's clocks run faster only in the demo;"
                " take it out, or write demo: true"
            )
        ],
    ),
    "slower clocks": (
        "  watch: 10m",
        "  speed: 0.5",
        ["zhiban.yml:8: plan.speed: expected at least 1, found 0.5"],
    ),
    "no rule file": (
        "  rules: [rules/*.yml]",
        "  rules: [rulez/*.yml]",
        [
            (
                'zhiban.yml:4: daemon.rules[0]: no file matches "rulez/*.yml"; paths are looked up'
                " from FOLDER"
            )
        ],
    ),
    "no plan": (
        "  plan: plan.yml",
        "  plan: plan2.yml",
        ["plan2.yml: no such file or directory; look at the path"],
    ),
    # not YAML
    "tab": (
        "  grid: 15s",
        "\tgrid: 15s",
        ["zhiban.yml:3: a tab stands in the indentation; indent with spaces"],
    ),
    "open bracket": (
        "channels: [wecom, relay]",
        "channels: [wecom, relay",
        [
            (
                "zhiban.yml:40: is not YAML at column 9: did not find expected ',' or ']';"
                " look at the indentation, the quotes and the colons here and one line above"
            )
        ],
    ),
    "merge key": (
        "store: {}",
        "store: {<<: 1}",
        ["zhiban.yml:53: the merge key << is not supported; write the keys out"],
    ),
    "tag": (
        "store: {}",
        "store: !!python/object/apply:os.system [ls]",
        [
            (
                "zhiban.yml:53: the tag tag:yaml.org,2002:python/object/apply:os.system is not"
                " supported; remove it"
            )
        ],
    ),
    "alias to nothing": (
        "store: {}",
        "store: *nothing",
        ["zhiban.yml:53: the alias *nothing has no &anchor that ends before it"],
    ),
    "two documents": (
        "store: {}",
        "---\nstore: {}",
        ["zhiban.yml:53: a second document starts here; remove the ---"],
    ),
}


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
