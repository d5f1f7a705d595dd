"""
Mistakes in keys, values, names and references, and the exact sentence each must print.

Rows for test_config_bad.py: what stands in the good configuration, what stands there
instead, what is printed.
"""

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
    "full-width digits for a duration": (
        "  grid: 15s",
        "  grid: １５s",
        ['zhiban.yml:3: daemon.grid: expected a duration like 30s, 5m or 1h30m, found "１５s"'],
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
    "three slips in one person": (
        '    phone: "13800000001"\n    roles: [on_duty]\n    channels: [',
        "    phone: office\n    roles: [on_duty, king]\n    channels: [pigeon, ",
        [
            (
                "zhiban.yml:37: people[0].phone: is no telephone number; write digits in quotes,"
                ' like "13800000000"'
            ),
            (
                'zhiban.yml:38: people[0].roles[1]: unknown role "king"; nobody outside 信息科 is'
                " told by the machine; valid roles: deputy, director, on_duty, standby"
            ),
            (
                'zhiban.yml:39: people[0].channels[0]: there is no channel "pigeon"; valid'
                " channels: relay, wecom"
            ),
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
}
