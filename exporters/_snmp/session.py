"""
Gets and walks of one agent during one visit.

Everything asked is asked through the agent that ``io.snmp(...)`` gives: it sends, repeats,
waits and ends at the visit's deadline. What comes back is whole, or a ProbeError.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from exporters._snmp import oid, pdu
from exporters._snmp.community import V1
from exporters._snmp.pdu import Pdu, Varbind
from exporters._snmp.walk import (
    EXCEPTIONS,
    MAX_ROWS,
    NO_SUCH_NAME,
    TOO_BIG,
    Rows,
    Walk,
    refusal,
)
from monitor.probe import ProbeError

GET_AT_ONCE = 32  # OIDs in one Get
REPETITIONS = 25  # rows in one GetBulk, as snmp_exporter has it


class Agent(Protocol):
    """One agent, asked under the visit's deadline. Implemented by ``monitor.polling.snmp``."""

    version: int  # of the message: credentials.V1, V2C, V3

    async def exchange(self, request: Pdu) -> Pdu:
        """
        Send a request until its answer comes; the request-id is the agent's to choose.

        ProbeError("timeout"), ("refused"), ("unreachable") or, with what v3 reports say,
        ("status"). An error-status is in the answer and raises nothing here.
        """
        ...


class Session:
    """
    What one visit asks one agent.

    ``repetitions`` is the most rows of one GetBulk; 0 walks by GetNext alone, for agents
    that know no GetBulk. Version 1 always does.
    """

    def __init__(self, agent: Agent, repetitions: int = REPETITIONS) -> None:
        self._agent = agent
        self._repetitions = repetitions
        self._v1 = agent.version == V1

    async def get(self, oids: Sequence[bytes]) -> dict[bytes, Varbind]:
        """
        Ask for single values; an OID that the agent does not have is not in what returns.

        ProbeError("status") with the name of any other error-status.
        """
        found: dict[bytes, Varbind] = {}
        left = list(dict.fromkeys(oids))
        most = GET_AT_ONCE
        while left:
            asked = left[:most]
            answer = await self._agent.exchange(pdu.ask(pdu.GET, 0, asked))
            if not answer.error_status:
                found.update(present(answer.varbinds, asked))
                del left[: len(asked)]
            elif answer.error_status == TOO_BIG and len(asked) > 1:
                most = len(asked) // 2
            elif answer.error_status == NO_SUCH_NAME and self._v1:
                most = self._missing(answer.error_index, asked, left)
            else:
                raise refusal(answer, asked)
        return found

    async def walk(self, columns: Sequence[bytes], max_rows: int = MAX_ROWS) -> Rows:
        """
        Walk the columns of one table side by side.

        Rows by index, each with one cell per column: the varbind, or None where the agent
        has none. ProbeError("too_large") above ``max_rows``, ("protocol") where OIDs do not
        rise, ("status") with the name of an error-status.
        """
        plan = Walk(columns, max_rows, self._repetitions, v1=self._v1)
        try:
            while (request := plan.request()) is not None:
                plan.feed(await self._agent.exchange(request))
        except BaseException:
            plan.rows.clear()  # megabytes, which a traceback would hold until it is collected
            raise
        return plan.rows

    @staticmethod
    def _missing(place: int, asked: Sequence[bytes], left: list[bytes]) -> int:
        """Leave out the OID that version 1 has not; where it does not say which, ask singly."""
        if 0 < place <= len(asked):
            del left[place - 1]
            return GET_AT_ONCE
        if len(asked) == 1:
            del left[0]
        return 1


def present(varbinds: Iterable[Varbind], asked: Sequence[bytes]) -> dict[bytes, Varbind]:
    """Return the values among the answers to ``asked``; ProbeError where it is another answer."""
    found = {varbind[0]: varbind for varbind in varbinds}
    for name in asked:
        if name not in found:
            text = f"asked for {oid.text(name)}, the agent answers something else"
            raise ProbeError("protocol", text)
    return {name: found[name] for name in asked if found[name][1] < EXCEPTIONS}
