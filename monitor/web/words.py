"""
Every word that the console shows for a value of the model, in Chinese.

Pure tables and functions. The words are those of hospital-practice section 3: 上报 and
时限, 接报, 暂停通知, 故障点; a scale is always printed with its noun (一类故障, 一级设备,
紧急事件). A value without an entry is shown as it is, never dropped.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from monitor.model.alert import Alert, AlertState
from monitor.model.incident import (
    ClockState,
    FaultClass,
    Incident,
    Notice,
    NoticeState,
    Scope,
    Severity,
    State,
)

# China has one zone, and no summer time since 1991: no zone database is needed.
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")

CLASSES: Mapping[FaultClass, str] = {
    FaultClass.CLASS1: "一类故障",
    FaultClass.CLASS2: "二类故障",
    FaultClass.CLASS3: "三类故障",
    FaultClass.OTHER: "其它故障",
    FaultClass.HAZARD: "隐患",
}
SCOPES: Mapping[Scope, str] = {
    Scope.WHOLE: "整体",
    Scope.SYSTEM: "单系统",
    Scope.LOCAL: "局部",
    Scope.SINGLE: "单点",
}
SEVERITIES: Mapping[Severity, str] = {
    Severity.CRITICAL: "紧急事件",
    Severity.WARNING: "重要事件",
    Severity.INFO: "一般事件",
}
STATES: Mapping[State, str] = {
    State.OPEN: "故障中",
    State.WATCHING: "观察期",
    State.RECOVERED: "已恢复",
    State.CLOSED: "已关闭",
    State.MERGED: "已并入",
}
ALERT_STATES: Mapping[AlertState, str] = {
    AlertState.PENDING: "待确认",
    AlertState.FIRING: "告警中",
}
LEVELS = {1: "一级设备", 2: "二级设备", 3: "三级设备"}
STEPS = {
    "told": "首次通知",
    "director": "上报主任",
    "t30m": "满30分钟",
    "t6h": "满6小时",
    "t24h": "满24小时",
    "recovered": "恢复通知",
}
RAISED = "raised-"  # followed by the class: the step that says it rose
CLOCK_STATES: Mapping[ClockState, str] = {
    ClockState.DUE: "未到",
    ClockState.FIRED: "已到",
    ClockState.COLLAPSED: "并入后一时限",
    ClockState.CANCELLED: "已取消",
}
CONDITIONS = {"up": "正常", "down": "不通", "unknown": "未知"}
REASONS = {
    "timeout": "超时无应答",
    "refused": "拒绝连接",
    "unreachable": "网络不可达",
    "dns": "域名解析失败",
    "tls": "证书或加密握手失败",
    "protocol": "应答不合协议",
    "status": "应答报错",
    "mismatch": "应答内容不符",
    "too_large": "应答过大",
    "permission": "监控机权限不足",
    "broken": "监控程序出错",
}
ROLES = {
    "core-switch": "核心交换机",
    "access-switch": "接入交换机",
    "server": "服务器",
    "web": "应用服务",
    "database": "数据库",
    "line-edge": "外联线路(本院侧)",
    "line-far": "外联线路(对方侧)",
    "terminal": "终端",
    "ups": "不间断电源",
    "room": "机房环境",
    "service": "服务",
    "pacs": "影像",
}
EVENTS = {
    "opened": "发现故障",
    "joined": "并入告警",
    "left": "告警结束",
    "settled": "故障点判定",
    "reparented": "故障点更正",
    "class_raised": "分级上调",
    "class_changed": "分级变更",
    "scope_changed": "影响范围变更",
    "interrupted": "业务中断",
    "acknowledged": "接报",
    "note": "记录",
    "step": "通知",
    "watching": "进入观察期",
    "relapsed": "观察期内再次故障",
    "recovered": "恢复",
    "closed": "关闭",
    "merged": "并入另一事件",
    "merged_in": "另一事件并入",
    "withdrawn": "撤销",
}
# StrEnum members are their own words, and no two of these scales share one.
_VALUES: dict[str, str] = dict(STEPS)
for _table in (CLASSES, SCOPES, SEVERITIES, STATES):
    _VALUES.update({str(key): title for key, title in _table.items()})
OWN_NAME = "值班系统"  # what people read for who = "zhiban"


def local(at: datetime) -> datetime:
    """Put an instant on the hospital's wall clock."""
    return at.astimezone(SHANGHAI)


def clock_time(at: datetime, today: datetime) -> str:
    """``03:10:00``; with the date (``10月1日 23:50:00``) when that is not today's."""
    there, here = local(at), local(today)
    text = f"{there:%H:%M:%S}"
    return text if there.date() == here.date() else f"{there.month}月{there.day}日 {text}"


def stamp(at: datetime) -> str:
    """``2026-10-02 03:10:00``, for tables and paper."""
    return f"{local(at):%Y-%m-%d %H:%M:%S}"


def span(seconds: float) -> str:
    """Write a duration as a clock shows it: ``12:34``, ``2:10:00``, ``1天 02:10:00``."""
    whole = max(0, int(seconds))
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}天 {hour:02}:{minute:02}:{second:02}"
    return f"{hour}:{minute:02}:{second:02}" if hour else f"{minute:02}:{second:02}"


def badge(fault_class: FaultClass, *, confirmed: bool) -> str:
    """「拟一类故障」 until a person has confirmed; a hazard is no fault class to confirm."""
    title = CLASSES[fault_class]
    return title if confirmed or fault_class is FaultClass.HAZARD else f"拟{title}"


def state(incident: Incident) -> str:
    """Name an incident's state; an open hazard is no fault yet."""
    if incident.state is State.OPEN and incident.fault_class is FaultClass.HAZARD:
        return "未消除"
    return STATES[incident.state]


def delivery(notice: Notice) -> str:
    """Where a notice is: 待发, 发送中, 已送达, 被拒绝."""
    if notice.state is NoticeState.SENT:
        return "已送达"
    if notice.state is NoticeState.SENDING:
        return "发送中"
    return "被拒绝，将重发" if is_refused(notice) else "待发"


def is_refused(notice: Notice) -> bool:
    """Tell what a channel refused from what merely waits, also after a restart."""
    return notice.state is NoticeState.QUEUED and bool(notice.last_error)


def alert_state(alert: Alert) -> str:
    """告警中, 待确认; 「无新数据」 when it fires without evidence."""
    title = ALERT_STATES[alert.state]
    return f"{title}(无新数据)" if alert.stale else title


def step(name: str, titles: Mapping[str, str] | None = None) -> str:
    """Name a step: by the plan's own title where it has one."""
    own = (titles or {}).get(name)
    if name.startswith(RAISED):
        return f"上调为{value(name.removeprefix(RAISED))}"
    return f"满{own}" if own else STEPS.get(name, name)


def value(word: str) -> str:
    """Say a word of the model (a state, a class, a scope, a step) as people read it."""
    return _VALUES.get(word, word)
