"""
Probes, one file per kind. The table is written out: nothing registers itself.

A probe keeps no state, reads no clock and opens no socket but through its ``Io``.
"""

from collections.abc import Mapping

from exporters import dicom, hl7, http, icmp, modbus, nut, postgresql, scrape, snmp, tcp
from monitor.probe import Probe

PROBES: Mapping[str, Probe] = {
    "dicom": dicom.PROBE,
    "hl7": hl7.PROBE,
    "http": http.PROBE,
    "icmp": icmp.PROBE,
    "modbus": modbus.PROBE,
    "nut": nut.PROBE,
    "postgresql": postgresql.PROBE,
    "scrape": scrape.PROBE,
    "snmp": snmp.PROBE,
    "tcp": tcp.PROBE,
}
"""Probe kind, as ``kind:`` in the inventory and as the label ``job``, to probe."""
