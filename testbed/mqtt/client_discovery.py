"""What a client under test can do, as far as its control tells, and whether it speaks an edition."""

from __future__ import annotations

from testbed.dut import Dut, Shim
from testbed.findings import Inconclusive
from testbed.launch.clients import Clients
from testbed.mqtt import shim
from testbed.mqtt.client import Client, tester
from testbed.mqtt.shimmed import shimmed
from testbed.trial import Trial

#: Claim -> what it means. All but the first four are features of a shim or options of a command line.
CLAIMS = {
    "publish": "publishes when told to, or claims to publish by itself",
    "subscribe": "subscribes when told to, or claims to subscribe by itself",
    "told": "is told what to say: by a shim, or by a command line",
    "orders": "takes one order after another and tells what came of it: a shim",
    **shim.FEATURES,
    "ipv6": "connects over IPv6",
    "keep-alive": "takes a Keep Alive",
    "retain": "publishes retained messages when told to",
    "session-expiry": "takes a Session Expiry Interval (5.0)",
    "receive-maximum": "takes a Receive Maximum (5.0)",
    "topic-alias-maximum": "takes a Topic Alias Maximum (5.0)",
    "maximum-packet-size": "takes a Maximum Packet Size (5.0)",
    "no-local": "takes No Local (5.0)",
}
#: What a shim that takes properties takes, and any shim.
_PROPERTIES = ("session-expiry", "receive-maximum", "topic-alias-maximum", "maximum-packet-size")
_ANY_SHIM = ("publish", "subscribe", "orders", "keep-alive", "retain")
#: What a client that nobody commands may claim to do by itself; all else it cannot be told.
_BY_ITSELF = ("publish", "subscribe", "qos-1", "qos-2", "keep-alive", "will", "credentials")


async def ready(dut: Dut) -> None:
    """Returns when a client can be told what to do. LaunchError when its shim does not begin as it must."""
    if isinstance(dut.clients, Clients) and isinstance(dut.clients.launch, Shim):
        edition = next(iter(dut.endpoints))
        async with shimmed(Trial(dut, edition, "ready"), dut.clients):
            pass


async def discover(trial: Trial) -> dict[str, bool]:
    """Claim -> whether it is there. Inconclusive when the client does not connect in this edition."""
    async with tester(trial) as client:
        _speaks(client)
        connection = await client.opens()
        await connection.accept()
        features = set(client.control.features) | ({"told"} if client.control.told else set())
        if client.control.orders:
            features |= {*_ANY_SHIM, *(_PROPERTIES if "properties" in features else ())}
            if "subscription-options" in features:
                features.add("no-local")
    if trial.dut.clients is not None and not features:
        return {claim: False for claim in CLAIMS if claim not in _BY_ITSELF or claim not in trial.dut.claims}
    # Whether a client speaks IPv6 is for its vendor to say.
    return {claim: claim in features for claim in CLAIMS if claim != "ipv6"}


def _speaks(client: Client) -> None:
    ready = getattr(client.control, "ready", None)
    if ready is not None and client.trial.edition not in ready.editions:
        raise Inconclusive(f"the shim of {client.trial.dut.name} does not speak {client.trial.edition}")
