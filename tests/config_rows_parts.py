"""
Mistakes in targets, channels, secrets and the rest, and the exact sentence each must print.

Rows for test_config_bad.py: what stands in the good configuration, what stands there
instead, what is printed.
"""

ROWS = {
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
