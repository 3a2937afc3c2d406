"""PINGREQ and PINGRESP: MQTT 3.1.1 and 5.0, sections 3.12 and 3.13."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.broker import Broker
from testbed.mqtt.packets import Pingreq, Pingresp, Publish, Pubrec


@case(v311("3.12.4-1"), v5("3.12.4-1"), rows={"1": 1, "2": 2, "20": 20})
async def every_pingreq_is_answered_by_a_pingresp(broker: Broker, count: int) -> None:
    client = await broker.connected()
    await client.send(*[Pingreq()] * count)
    for number in range(1, count + 1):
        await client.expect(Pingresp, because=f"to PINGREQ {number} of {count}")


@case(v311("3.12.4-1"), v5("3.12.4-1"))
async def pingreq_is_answered_after_messages(broker: Broker) -> None:
    client = await broker.subscriber(broker.topic())
    await client.send(*(Publish(broker.topic(), b"%d" % n) for n in range(10)), Pingreq())
    await client.expect(Pingresp, because="to a PINGREQ behind ten messages")
    for number in range(10):
        await client.message(broker.topic(), payload=b"%d" % number)


@case(v311("3.12.4-1"), v5("3.12.4-1"), needs=("qos-2",))
async def pingreq_is_answered_amid_a_handshake(broker: Broker) -> None:
    """The client owes PUBREL for its own message and PUBREC for the broker's."""
    client = await broker.subscriber(broker.topic("in"), qos=2)
    publisher = await broker.connected()
    await publisher.published(broker.topic("in"), b"x", qos=2)
    if await client.maybe(Publish) is None:
        client.unprepared("a message with QoS 2 was to be delivered")
    number = client.next_id()
    await client.send(Publish(broker.topic("out"), b"x", 2, packet_id=number))
    if await client.maybe(Pubrec) is None:
        client.unprepared("PUBLISH with QoS 2 was not answered by PUBREC")
    await client.send(Pingreq())
    await client.expect(Pingresp, because="to a PINGREQ amid unfinished handshakes")


@case(v311("3.12.4-1"), v5("3.12.4-1"))
async def pingreq_is_answered_without_a_keep_alive(broker: Broker) -> None:
    client = await broker.connected(keep_alive=0)
    await client.send(Pingreq())
    await client.expect(Pingresp, because="to a PINGREQ where Keep Alive is 0")
