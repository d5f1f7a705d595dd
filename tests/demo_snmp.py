"""Clients for the demo's virtual devices: pysnmp's own, and a bare SNMPv3 discovery."""

import asyncio
import warnings

with warnings.catch_warnings():
    # pysnmp imports what pysmi has renamed.
    warnings.simplefilter("ignore", DeprecationWarning)
    from pysnmp.hlapi.v3arch import asyncio as hlapi

from monitor.demo.edge import HOST

# RFC 3414 section 4: an empty noAuthNoPriv GET; every SNMPv3 agent answers with a Report.
DISCOVERY = bytes.fromhex(
    "303e020103301102041a2b3c4d020300ffe30401040201030410300e04000201000201000400040004003014"
    "04000400a00e02041a2b3c4d0201000201003000"
)
SILENCE = 0.7  # seconds that pass before a device counts as silent


class _Once(asyncio.DatagramProtocol):
    def __init__(self):
        self.answer = asyncio.get_running_loop().create_future()

    def datagram_received(self, data, addr):
        if not self.answer.done():
            self.answer.set_result(data)


async def discovered(port, seconds=SILENCE):
    """Whether an SNMPv3 agent answers on the port."""
    loop = asyncio.get_running_loop()
    transport, once = await loop.create_datagram_endpoint(_Once, remote_addr=(HOST, port))
    try:
        transport.sendto(DISCOVERY)
        return b"zhiban-" in await asyncio.wait_for(once.answer, seconds)
    except TimeoutError:
        return False
    finally:
        transport.close()


class Manager:
    """One SNMPv3 user, as an operator's own tool would ask."""

    def __init__(self, login, priv=None):
        self._engine = hlapi.SnmpEngine()
        self._user = hlapi.UsmUserData(
            login.user,
            login.auth,
            priv or login.priv,
            hlapi.USM_AUTH_HMAC192_SHA256,
            hlapi.USM_PRIV_CFB128_AES,
        )

    async def _target(self, port):
        return await hlapi.UdpTransportTarget.create((HOST, port), timeout=4, retries=0)

    async def walk(self, port, root, repetitions=25):
        """Everything below a prefix: {oid: value}, in the order it came; errors as text."""
        found = {}
        ask = hlapi.bulk_walk_cmd(
            self._engine,
            self._user,
            await self._target(port),
            hlapi.ContextData(),
            0,
            repetitions,
            hlapi.ObjectType(hlapi.ObjectIdentity(root)),
            lookupMib=False,
            lexicographicMode=False,
        )
        async for error, status, _, pairs in ask:
            if error or status:
                return str(error or status)
            found.update({str(oid): value for oid, value in pairs})
        return found

    async def get(self, port, *oids):
        """Single values, or the error as text."""
        error, status, _, pairs = await hlapi.get_cmd(
            self._engine,
            self._user,
            await self._target(port),
            hlapi.ContextData(),
            *(hlapi.ObjectType(hlapi.ObjectIdentity(oid)) for oid in oids),
            lookupMib=False,
        )
        return str(error or status) if error or status else [value for _, value in pairs]

    def close(self):
        self._engine.close_dispatcher()
