"""
The demo hospital as a table: devices, systems, people. Data only; all of it made up.

Every name that a row points at stands above it, so there can be no circle.
"""

from monitor.demo.network import Break, Device
from monitor.model.person import DIRECTOR, ON_DUTY, STANDBY
from monitor.model.target import Needs, System

CORE: Needs = (("core-switch-1", "core-switch-2"),)  # a redundant pair
ROOM: Needs = (("access-switch-1", "access-switch-2"),)  # servers with two network cards
HOUSE_3: Needs = (("access-switch-3",),)  # one cable only: the demo's weak spot
HIS_DB: Needs = (("his-db",),)
ERROR, STOP = Break.ERROR, Break.STOP

# The columns are the fields of Device, in their order.
_ROWS: tuple[Device, ...] = (
    Device("core-switch-1", "核心交换机1", "snmp", "core-switch", 1),
    Device("core-switch-2", "核心交换机2", "snmp", "core-switch", 1),
    Device("access-switch-1", "机房接入交换机1", "snmp", "access-switch", 1, CORE),
    Device("access-switch-2", "机房接入交换机2", "snmp", "access-switch", 1, CORE),
    Device("access-switch-3", "3号楼接入交换机", "snmp", "access-switch", 1, CORE),
    Device("access-switch-4", "门诊楼接入交换机", "snmp", "access-switch", 1, CORE),
    Device("access-switch-5", "住院楼接入交换机", "snmp", "access-switch", 1, CORE),
    Device("access-switch-6", "医技楼接入交换机", "snmp", "access-switch", 1, CORE),
    Device("ups-1", "UPS1", "snmp", "ups", 1, ROOM, breaks=Break.MAINS, what="mains"),
    Device("ups-2", "UPS2", "snmp", "ups", 1, ROOM, breaks=Break.MAINS, what="mains"),
    Device("room", "机房环境", "modbus", "room", 2, ROOM, breaks=Break.HEAT),
    Device("his-db", "HIS数据库", "postgresql", "database", 1, ROOM, (), "HIS", STOP),
    Device("his-app-1", "HIS应用服务器1", "scrape", "server", 1, ROOM, (), "HIS"),
    Device("his-app-2", "HIS应用服务器2", "scrape", "server", 1, ROOM, (), "HIS"),
    Device("his-web-1", "HIS工作站网站1", "http", "web", 1, ROOM, HIS_DB, "HIS", ERROR),
    Device("his-web-2", "HIS工作站网站2", "http", "web", 1, ROOM, HIS_DB, "HIS", ERROR),
    Device("pacs", "PACS影像归档", "dicom", "pacs", 1, ROOM, (), "PACS"),
    Device("pacs-app", "PACS应用服务器", "scrape", "server", 1, ROOM, (), "PACS"),
    Device("pacs-store", "PACS存储服务器", "scrape", "server", 2, ROOM, (), "PACS"),
    Device("pacs-web", "PACS阅片网站", "http", "web", 2, ROOM, (), "PACS", ERROR),
    Device("site-web", "医院门户网站", "http", "web", 3, ROOM, (), "", ERROR),
    Device("lis", "LIS接口", "hl7", "lis", 1, ROOM, (), "LIS"),
    Device("lis-app", "LIS应用服务器", "scrape", "server", 1, HOUSE_3, (), "LIS"),
    Device("lis-web", "LIS网站服务器", "http", "web", 1, HOUSE_3, (), "LIS", ERROR),
    Device("emr-app", "电子病历应用服务器", "scrape", "server", 1, HOUSE_3, (), "EMR"),
    Device("emr-web", "电子病历网站服务器", "http", "web", 1, HOUSE_3, (), "EMR", ERROR),
    Device("tijian-app", "体检应用服务器", "scrape", "server", 2, HOUSE_3, (), "TIJIAN"),
    Device("tijian-web", "体检网站服务器", "http", "web", 2, HOUSE_3, (), "TIJIAN", ERROR),
    Device("yibao-edge", "本院医保前置机", "tcp", "line-edge", 1, ROOM, (), "YIBAO"),
    Device("yibao-center", "医保中心端", "tcp", "line-far", 1, (("yibao-edge",),), (), "YIBAO"),
    Device("terminal-jizhen", "急诊收费终端", "tcp", "terminal", 3, (("access-switch-1",),)),
    Device("terminal-zhuyuan", "住院登记终端", "tcp", "terminal", 3, (("access-switch-2",),)),
    Device("terminal-zizhu", "门诊自助机1", "tcp", "terminal", 3, (("access-switch-2",),)),
)


def _part(name: str, title: str, of: str, breaks: Break, what: str = "") -> Device:
    """Make a part of a device: it stands under it in the network's tree."""
    return Device(name, title, "", "part", 3, ((of,),), breaks=breaks, of=of, what=what)


# The last two ports of an access switch lead up, one to each core (virtual.py).
_PARTS = (
    _part("uplink-access-2", "机房接入交换机2上联口1", "access-switch-2", Break.PORT, "port-7"),
    _part("uplink-access-3", "3号楼接入交换机上联口1", "access-switch-3", Break.PORT, "port-7"),
    _part("cable-access-4", "门诊楼接入交换机上联光缆", "access-switch-4", Break.NOISE, "noise-8"),
    _part("ups-1-card", "UPS1管理卡", "ups-1", Break.CUT),
    _part("ups-2-card", "UPS2管理卡", "ups-2", Break.CUT),
    _part("ups-2-battery", "UPS2电池", "ups-2", Break.WORN, "worn"),
)
DEVICES = {row.name: row for row in (*_ROWS, *_PARTS)}

WATCHED = {name: row for name, row in DEVICES.items() if not row.is_part}

SYSTEMS = (
    System("HIS", "HIS", (*HIS_DB, ("his-web-1", "his-web-2"))),
    System("EMR", "电子病历", (("emr-app",), ("emr-web",))),
    System("LIS", "LIS", (("lis",), ("lis-app",), ("lis-web",))),
    System("PACS", "PACS", (("pacs",), ("pacs-app",), ("pacs-web",))),
    System("YIBAO", "医保", (("yibao-edge",), ("yibao-center",))),
    System("TIJIAN", "体检", (("tijian-app",), ("tijian-web",)), 2),
)

UPLINK = CORE[0]
"""What the daemon's own cable leads to."""

PEOPLE = (  # name, phone (no such numbers), role
    ("张伟", "13800000001", ON_DUTY),
    ("王芳", "13800000002", DIRECTOR),
    ("李强", "13800000003", STANDBY),
)
