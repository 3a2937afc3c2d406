"""What can be seen of a broker from outside before it is judged: that it answers, and what it lacks."""

from __future__ import annotations

import asyncio
import contextlib

from testbed.dut import Dut
from testbed.findings import Inconclusive, Violation
from testbed.mqtt import scram, ways
from testbed.mqtt.broker import Broker
from testbed.mqtt.handle import VERSIONS
from testbed.mqtt.packets import Connack, Puback, Publish, Suback, Subscribe, Subscription
from testbed.mqtt.properties import Property
from testbed.mqtt.scripted_client import Client
from testbed.trial import Trial

#: Claims of the role mqtt-broker.
CLAIMS = {
    "qos-1": "takes and delivers messages at QoS 1",
    "qos-2": "takes and delivers messages at QoS 2",
    "retain": "keeps retained messages",
    "wildcards": "accepts + and # in subscriptions",
    "shared-subscriptions": "accepts $share subscriptions (5.0)",
    "subscription-identifiers": "accepts Subscription Identifiers (5.0)",
    "topic-alias": "accepts topic aliases, Topic Alias Maximum above 0 (5.0)",
    "session-expiry": "keeps a session for the Session Expiry Interval asked for (5.0)",
    "assigned-client-id": "gives a client id to a client that has none",
    "enhanced-auth": "supports an Authentication Method (5.0)",
    "scram": "supports the one of SCRAM that the parameter auth-method names (5.0)",
    "alias-limit": "does not take every topic alias, Topic Alias Maximum below 65,535 (5.0)",
    "receive-limit": "announces a Receive Maximum of at most 1,000 (5.0)",
    "packet-limit": "announces a Maximum Packet Size of at most 1 MiB (5.0)",
    "restricted-topics": "refuses messages to some topic (parameter restricted-topic, else one below $SYS)",
    "authentication": "checks user name and password",
    **ways.CLAIMS,
}

#: Limits of a broker that are low enough to be tried: messages in flight, bytes in a packet.
MOST_MESSAGES, MOST_BYTES = 1000, 1 << 20
#: Seconds a first answer may take while it is not known whether anybody is there.
FIRST = 1.0


async def ready(dut: Dut) -> None:
    """Returns when the broker accepts a CONNECT in every edition its description names (in any of them when it
    names none). OSError otherwise."""
    named = [edition for edition in VERSIONS if edition in dut.endpoints]
    editions = named or list(VERSIONS)
    answers = await asyncio.gather(*(accepts(dut, edition) for edition in editions))
    if not (all(answers) if named else any(answers)):
        raise ConnectionError("it accepts the connection, but no CONNACK accepts a CONNECT")


async def accepts(dut: Dut, edition: str, patience: float = FIRST) -> bool:
    """Whether a CONNECT in `edition` is answered by a CONNACK of success. OSError when nobody listens."""
    trial = Trial(dut, edition, "probe", patience=patience)
    try:
        try:
            client = await Broker(trial).linked()
        except Inconclusive as refusal:
            raise ConnectionRefusedError(refusal.reason) from None
        # An id for each edition, and a proper end: a broker must not fall over its own start.
        await client.send(Broker(trial).connect(f"testbedprobe{int(VERSIONS[edition])}"))
        connack = await client.maybe(Connack)
        if connack is None or connack.code:
            return False
        with contextlib.suppress(Inconclusive):  # it has answered, whatever it does now
            await client.disconnect()
        return True
    finally:
        trial.close()


async def probe(dut: Dut) -> dict[str, str]:
    """Edition -> endpoint, for every edition that answers at the description's default endpoint."""
    found = {}
    for edition in VERSIONS:
        endpoint = dut.endpoint(edition)
        if endpoint and await accepts(dut, edition):
            found[edition] = str(endpoint)
    return found


async def discover(trial: Trial) -> dict[str, bool]:
    """Claim -> whether it is there. What 5.0 lets a broker announce in CONNACK is taken at its word; 3.1.1 has
    no such words, so there each feature is tried. Inconclusive when a CONNECT is not accepted."""
    broker = Broker(trial)
    # A session is asked for: the broker's CONNACK tells when it will not keep it.
    client = await broker.connected(properties={Property.SESSION_EXPIRY_INTERVAL: 60} if broker.v5 else ())
    empty = asyncio.create_task(_takes_empty_id(broker))
    found: dict[str, bool]
    if broker.v5:
        found = _announced(client)
        if "enhanced-auth" not in trial.dut.claims:
            # It cannot be seen without the name of a method, which the description has to give.
            found["enhanced-auth"] = bool(broker.parameter("auth-method", ""))
        found["scram"] = broker.parameter("auth-method", "") in scram.METHODS
    else:
        tried = await asyncio.gather(_qos(broker, 1), _qos(broker, 2), _retain(broker), _wildcards(broker))
        found = dict(zip(("qos-1", "qos-2", "retain", "wildcards"), tried, strict=True))
    found["assigned-client-id"] = await empty
    found["restricted-topics"] = await _restricted_topics(broker)
    return found | await ways.discover(broker)


async def _restricted_topics(broker: Broker) -> bool:
    """Whether a message to the restricted topic is refused: by its reason code in 5.0, and in 3.1.1, which has none,
    by not being delivered."""
    topic = str(broker.parameter("restricted-topic", f"$SYS/{broker.topic('restricted')}"))
    try:
        client = await broker.connected()
        if broker.v5:
            await client.send(Publish(topic, b"x", 1, packet_id=1))
            puback = await client.maybe(Puback)
            return puback is not None and puback.code >= 0x80
        subscriber = await broker.subscriber(topic)
        await client.send(Publish(topic, b"x"))
        return await subscriber.maybe(Publish, within=max(broker.trial.quiet, 0.2)) is None
    except Inconclusive:
        return False


def _announced(client: Client) -> dict[str, bool]:
    """5.0 section 3.2.2.3: an absent property means that the feature is there (topic aliases: that it is not)."""
    best = client.announced(Property.MAXIMUM_QOS, 2)
    return {
        "qos-1": best >= 1,
        "qos-2": best >= 2,
        "retain": client.announced(Property.RETAIN_AVAILABLE, 1) == 1,
        "wildcards": client.announced(Property.WILDCARD_SUBSCRIPTION_AVAILABLE, 1) == 1,
        "shared-subscriptions": client.announced(Property.SHARED_SUBSCRIPTION_AVAILABLE, 1) == 1,
        "subscription-identifiers": client.announced(Property.SUBSCRIPTION_IDENTIFIER_AVAILABLE, 1) == 1,
        "topic-alias": client.announced(Property.TOPIC_ALIAS_MAXIMUM, 0) > 0,
        "session-expiry": client.announced(Property.SESSION_EXPIRY_INTERVAL, 1) > 0,
        "alias-limit": client.announced(Property.TOPIC_ALIAS_MAXIMUM, 0) < 0xFFFF,
        "receive-limit": client.announced(Property.RECEIVE_MAXIMUM, 65_535) <= MOST_MESSAGES,
        "packet-limit": client.announced(Property.MAXIMUM_PACKET_SIZE, 1 << 32) <= MOST_BYTES,
    }


async def _takes_empty_id(broker: Broker) -> bool:
    client = await broker.linked()
    await client.send(broker.connect(""))
    connack = await client.maybe(Connack)
    return connack is not None and connack.code == 0


async def _qos(broker: Broker, qos: int) -> bool:
    topic = broker.topic(f"q{qos}")
    try:
        client = await broker.subscriber(topic, qos=qos)
        await client.published(topic, b"x", qos=qos)
        await client.message(topic, qos=qos)
    except (Inconclusive, Violation):
        return False
    return True


async def _retain(broker: Broker) -> bool:
    topic = broker.topic("r")
    client = await broker.connected()
    try:
        await client.published(topic, b"x", retain=True)
        await client.subscribed(topic)
        await client.message(topic)
        await client.send(Publish(topic, b"", retain=True))
    except (Inconclusive, Violation):
        return False
    return True


async def _wildcards(broker: Broker) -> bool:
    """Refused wildcards are a feature that is not there [MQTT-3.8.3-2]; those granted must work."""
    client = await broker.connected()
    await client.send(Subscribe(client.next_id(), (Subscription(broker.topic("w/+")),)))
    suback = await client.maybe(Suback)
    return suback is None or suback.codes != (0x80,)
