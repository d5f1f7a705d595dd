#!/bin/sh
# Installs Debian packages of real servers: `servers.sh postgresql` for the demo, `servers.sh all`
# for the tests. Nothing starts by itself: a policy-rc.d forbids it while we install.
set -eu
demo="postgresql:/usr/lib/postgresql"
tests="prometheus:/usr/bin/promtool prometheus-node-exporter:/usr/bin/prometheus-node-exporter
  nginx-light:/usr/sbin/nginx chromium:/usr/bin/chromium fonts-noto-cjk:/usr/share/fonts/opentype/noto
  iproute2:/sbin/ip snmpd:/usr/sbin/snmpd
  snmp:/usr/bin/snmpset nut-server:/lib/nut/upsd nut-snmp:/lib/nut/snmp-ups orthanc:/usr/sbin/Orthanc
  dcmtk:/usr/bin/dcmqrscp prometheus-snmp-exporter:/usr/bin/prometheus-snmp-exporter gcc:/usr/bin/gcc"
case "${1:-all}" in
  postgresql) wanted=$demo ;;
  all) wanted="$demo $tests" ;;
  *) echo "usage: servers.sh postgresql|all" >&2; exit 2 ;;
esac
missing=""
for pair in $wanted; do
  [ -e "${pair#*:}" ] || missing="$missing ${pair%%:*}"
done
[ -n "$missing" ] || exit 0
command -v apt-get >/dev/null || { echo "no apt-get here; install:$missing" >&2; exit 1; }
if [ "$(id -u)" = 0 ]; then sudo=""
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo="sudo -n"
else echo "not root and no sudo; ask somebody to: apt-get install$missing" >&2; exit 1; fi

policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
  $sudo chmod +x $policy
  trap '$sudo rm -f $policy' EXIT INT TERM
fi
echo "installing$missing ..."
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
# shellcheck disable=SC2086 -- a list of packages
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null
