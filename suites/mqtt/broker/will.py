"""Wills: MQTT 3.1.1 sections 3.1.2.5 to 3.1.2.7, MQTT 5.0 sections 3.1.2.5 to 3.1.2.7 and 3.1.3.2 to 3.1.3.4.
When one waits is in `will_delay`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Disconnect, Publish, Raw, Will
from testbed.mqtt.properties import Property, get, get_all, props
from testbed.mqtt.reasons import Reason
from testbed.mqtt.scripted_client import Client

# -- how a connection ends without DISCONNECT


async def _reset(client: Client, broker: Broker) -> None:
    client.drop()


async def _close(client: Client, broker: Broker) -> None:
    client.close()


async def _protocol_error(client: Client, broker: Broker) -> None:
    """The server closes after a second CONNECT."""
    await client.send(broker.connect(client.id))
    await _ended(client)


async def _malformed(client: Client, broker: Broker) -> None:
    """The server closes after a packet of the forbidden type 0."""
    await client.send(Raw(0x00))
    await _ended(client)


async def _ended(client: Client) -> None:
    if await client.until(lambda: client.ended_at) is None and client.ended_at is None:
        client.unprepared("the broker did not close the connection")


@case(
    v311("3.1.2-8"),
    v5("3.1.2-7"),
    v5("3.1.2-8"),
    rows={
        "reset-by-the-client": _reset,
        "closed-by-the-client": _close,
        "closed-after-a-protocol-error": _protocol_error,
        "closed-after-a-malformed-packet": _malformed,
    },
)
async def a_will_is_published_when_the_connection_ends_without_disconnect(
    broker: Broker, end: Callable[[Client, Broker], Awaitable[None]]
) -> None:
    topic = broker.topic()
    watcher = await broker.subscriber(topic)
    client = await broker.connected(will=Will(topic, b"gone"))
    await end(client, broker)
    await watcher.message(topic, payload=b"gone", qos=0, retain=False, because="as the will")


@case(v311("3.1.2-8"), v5("3.1.2-8"))
async def a_will_is_not_published_while_the_connection_lasts(broker: Broker) -> None:
    topic = broker.topic()
    watcher = await broker.subscriber(topic)
    client = await broker.connected(will=Will(topic, b"gone"))
    await client.settled()
    await watcher.receives_no(because="as the will of a client that is there")
    client.drop()
    await watcher.message(topic, payload=b"gone", because="as the will")


@case(
    v311("3.1.2-8"),
    v5("3.1.2-8"),
    rows={"empty": b"", "binary": bytes(range(256)), "long": b"0123456789abcdef" * 1024},
)
async def a_will_payload_is_published_as_it_was_given(broker: Broker, payload: bytes) -> None:
    topic = broker.topic()
    watcher = await broker.subscriber(topic)
    client = await broker.connected(will=Will(topic, payload))
    client.drop()
    await watcher.message(topic, payload=payload, because="as the will")


@case(v311("3.1.2-8"), v5("3.1.2-8"), needs=("qos-1",))
async def a_will_of_qos_1_is_published_at_qos_1(broker: Broker) -> None:
    await _comes_at(broker, 1)


@case(v311("3.1.2-8"), v5("3.1.2-8"), needs=("qos-2",))
async def a_will_of_qos_2_is_published_at_qos_2(broker: Broker) -> None:
    await _comes_at(broker, 2)


async def _comes_at(broker: Broker, qos: int) -> None:
    """The subscription is granted QoS `qos`, so that it lowers nothing."""
    topic = broker.topic()
    watcher = await broker.subscriber(topic, qos=qos)
    client = await broker.connected(will=Will(topic, b"gone", qos=qos))
    client.drop()
    await watcher.message(topic, payload=b"gone", qos=qos, because="as the will")


@case(v311("3.1.2-8"), v5("3.1.2-7"), needs=("qos-1", "session-expiry"))
async def a_will_is_stored_for_a_watcher_that_is_away(broker: Broker) -> None:
    topic = broker.topic()
    away = await broker.subscriber(topic, qos=1, stored=True)
    client = await broker.connected(will=Will(topic, b"gone", qos=1))
    await away.disconnect()
    witness = await broker.subscriber(topic)
    client.drop()
    if await witness.maybe(Publish) is None:
        witness.unprepared("the will was not published")
    back = await broker.resumed(away.id)
    await back.message(topic, payload=b"gone", qos=1, because="as the will, published while it was away")


# -- removal


async def _will_of_another(broker: Broker, watcher: Client, topic: str) -> None:
    """Shows that wills come, and takes that of another client out of the watcher's inbox."""
    other = await broker.connected(will=Will(topic, b"of another"))
    other.drop()
    if await watcher.maybe(Publish, lambda p: p.payload == b"of another") is None:
        watcher.unprepared("the will of another client was not published")


@case(v311("3.1.2-10"), v311("3.1.2-8"), v5("3.1.2-10"), v5("3.1.2-8"))
async def disconnect_deletes_the_will(broker: Broker) -> None:
    topic = broker.topic()
    watcher = await broker.subscriber(topic)
    client = await broker.connected(will=Will(topic, b"gone"))
    await client.disconnect()
    await _will_of_another(broker, watcher, topic)
    await watcher.receives_no(because="as a will that DISCONNECT deleted")


@case(v311("3.1.2-10"), v311("3.1.2-12"), v5("3.1.2-10"), needs=("session-expiry",))
async def a_published_will_is_removed(broker: Broker) -> None:
    """The client comes back without a will and is lost again: there is nothing left to publish."""
    topic = broker.topic()
    watcher = await broker.subscriber(topic)
    client = await broker.connected(will=Will(topic, b"gone"), stored=True)
    client.drop()
    if await watcher.maybe(Publish) is None:
        watcher.unprepared("the will was not published")
    back = await broker.connected(client.id, stored=True)
    back.drop()
    await watcher.receives_no(because="as a will that was published before")


@case(v311("3.1.2-10"), v311("3.1.2-12"), v5("3.1.2-10"), needs=("session-expiry",))
async def a_deleted_will_is_removed(broker: Broker) -> None:
    """The client comes back without a will and is lost: the will of before was deleted by DISCONNECT."""
    topic = broker.topic()
    watcher = await broker.subscriber(topic)
    client = await broker.connected(will=Will(topic, b"gone"), stored=True)
    await client.disconnect()
    back = await broker.connected(client.id, stored=True)
    back.drop()
    await _will_of_another(broker, watcher, topic)
    await watcher.receives_no(because="as a will that DISCONNECT deleted")


@case(v311("3.1.2-12"))
async def without_a_will_none_is_published(broker: Broker) -> None:
    """A client with a will on the same topic shows how one would come."""
    topic = broker.topic()
    watcher = await broker.subscriber(topic)
    client = await broker.connected()
    client.drop()
    await _will_of_another(broker, watcher, topic)
    await watcher.receives_no(because="for the client without a will")


@case(v311("3.1.2-8"), v5("3.1.2-8"))
async def a_new_connect_brings_a_new_will(broker: Broker) -> None:
    topic = broker.topic()
    watcher = await broker.subscriber(topic)
    client = await broker.connected(will=Will(topic, b"first will"))
    await client.disconnect()
    back = await broker.connected(client.id, will=Will(topic, b"second will"))
    back.drop()
    await watcher.message(topic, payload=b"second will", because="as the will of the last CONNECT")


# -- retain


@case(v311("3.1.2-16"), v5("3.1.2-14"), needs=("retain",))
async def a_will_without_will_retain_is_not_retained(broker: Broker) -> None:
    topic = broker.topic()
    watcher = await broker.subscriber(topic)
    client = await broker.connected(will=Will(topic, b"gone"))
    client.drop()
    await watcher.message(topic, payload=b"gone", retain=False, because="as the will")
    late = await broker.subscriber(topic)
    await late.receives_no(where=lambda p: p.topic == topic, because="as a will that was not to be retained")


@case(v311("3.1.2-17"), v5("3.1.2-15"), needs=("retain",))
async def a_will_with_will_retain_is_retained(broker: Broker) -> None:
    topic = broker.topic()
    watcher = await broker.subscriber(topic)
    client = await broker.connected(will=Will(topic, b"gone", retain=True))
    client.drop()
    if await watcher.maybe(Publish) is None:
        watcher.unprepared("the will was not published")
    late = await broker.subscriber(topic)
    await late.message(topic, payload=b"gone", retain=True, because="as the retained will")
    await late.published(topic, b"", retain=True)


# -- 5.0


@case(
    v5("3.1.2-8"),
    rows={
        "disconnect-with-will": Reason.DISCONNECT_WITH_WILL_MESSAGE,
        "unspecified-error": Reason.UNSPECIFIED_ERROR,
    },
)
async def any_disconnect_but_0x00_publishes_the_will(broker: Broker, code: Reason) -> None:
    topic = broker.topic()
    watcher = await broker.subscriber(topic)
    client = await broker.connected(will=Will(topic, b"gone"))
    await client.send(Disconnect(code))
    client.close()
    await watcher.message(topic, payload=b"gone", because=f"as the will, after DISCONNECT 0x{code:02X}")


async def _will_with(broker: Broker, properties: dict[Property, object]) -> tuple[Client, Publish]:
    topic = broker.topic()
    watcher = await broker.subscriber(topic)
    client = await broker.connected(will=Will(topic, b"gone", properties=props(properties)))
    client.drop()
    packet = await watcher.maybe(Publish)
    if packet is None:
        watcher.unprepared("the will was not published")
    return watcher, packet


@case(v5("3.1.3-10"))
async def the_user_properties_of_a_will_keep_their_order(broker: Broker) -> None:
    pairs = [("b", "1"), ("a", "2"), ("b", "3"), ("a", "2"), ("", "")]
    watcher, packet = await _will_with(broker, {Property.USER_PROPERTY: pairs})
    # A broker may add some of its own.
    if [one for one in get_all(packet.properties, Property.USER_PROPERTY) if one in pairs] != pairs:
        watcher.violated(f"a will with the User Properties {pairs} in this order", describe(packet))


async def _forwards(broker: Broker, name: Property, value: object) -> None:
    watcher, packet = await _will_with(broker, {name: value})
    if get(packet.properties, name) != value:
        watcher.violated(f"a will with {name.title} {value!r}", describe(packet))


@case(v5("3.3.2-4"))
async def a_will_keeps_its_payload_format_indicator(broker: Broker) -> None:
    await _forwards(broker, Property.PAYLOAD_FORMAT_INDICATOR, 1)


@case(v5("3.3.2-20"))
async def a_will_keeps_its_content_type(broker: Broker) -> None:
    await _forwards(broker, Property.CONTENT_TYPE, "text/plain")


@case(v5("3.3.2-15"))
async def a_will_keeps_its_response_topic(broker: Broker) -> None:
    await _forwards(broker, Property.RESPONSE_TOPIC, broker.topic("answer"))


@case(v5("3.3.2-16"))
async def a_will_keeps_its_correlation_data(broker: Broker) -> None:
    await _forwards(broker, Property.CORRELATION_DATA, b"\x00\xffdata")


@case(v5("3.3.2-6"))
async def a_will_keeps_its_message_expiry_interval(broker: Broker) -> None:
    """Less the time it waited, which begins when it is published."""
    watcher, packet = await _will_with(broker, {Property.MESSAGE_EXPIRY_INTERVAL: 60})
    left = get(packet.properties, Property.MESSAGE_EXPIRY_INTERVAL)
    if left is None or not 50 <= left <= 60:
        watcher.violated("a will with a Message Expiry Interval of 60 s less what has passed", describe(packet))
