"""The QoS at which a subscription's messages come: MQTT 3.1.1 and 5.0, section 3.8.4."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Publish, Suback, Subscribe, Subscription


def _rows(*pairs: tuple[int, int]) -> dict[str, tuple[int, int]]:
    return {f"published {published} granted {granted}": (published, granted) for published, granted in pairs}


@case(
    v311("3.8.4-6"),
    v5("3.8.4-8"),
    v5("3.8.4-7"),
    needs=("qos-1",),
    rows=_rows((0, 0), (0, 1), (1, 0), (1, 1)),
)
async def a_message_comes_at_the_lower_of_published_and_granted_qos(broker: Broker, row: tuple[int, int]) -> None:
    await _is_delivered(broker, *row)


@case(
    v311("3.8.4-6"),
    v5("3.8.4-8"),
    v5("3.8.4-7"),
    needs=("qos-1", "qos-2"),
    rows=_rows((0, 2), (1, 2), (2, 0), (2, 1), (2, 2)),
)
async def the_lower_qos_counts_with_qos_2_as_well(broker: Broker, row: tuple[int, int]) -> None:
    await _is_delivered(broker, *row)


async def _is_delivered(broker: Broker, published: int, granted: int) -> None:
    topic = broker.topic()
    client = await broker.subscriber(topic, qos=granted)
    publisher = await broker.connected()
    await publisher.published(topic, b"x", qos=published)
    await client.message(topic, qos=min(published, granted), payload=b"x")


@case(v311("3.8.4-5"), v311("3.8.4-6"), v5("3.8.4-7"), v5("3.8.4-8"), rows={f"QoS {qos}": qos for qos in (0, 1, 2)})
async def no_message_comes_above_the_qos_that_suback_granted(broker: Broker, asked: int) -> None:
    """Whatever is granted, it is what the broker keeps to."""
    topic = broker.topic()
    client = await broker.connected()
    await client.send(Subscribe(client.next_id(), (Subscription(topic, asked),)))
    suback = await client.expect(Suback, because="to our SUBSCRIBE")
    if len(suback.codes) != 1 or (suback.codes[0] > 2 and suback.codes[0] < 0x80):
        client.violated("SUBACK with the QoS granted, or a failure", describe(suback))
    granted = suback.codes[0]
    if granted >= 0x80:
        client.unprepared(f"the subscription was refused with 0x{granted:02X}")
    publisher = await broker.connected()
    best = max(qos for qos in (0, 1, 2) if qos == 0 or broker.claims(f"qos-{qos}"))
    await publisher.published(topic, b"x", qos=best)
    await client.message(topic, qos=min(best, granted), because=f"as QoS {granted} was granted")


@case(v311("3.8.4-6"), v5("3.8.4-8"), needs=("qos-1", "retain"), rows=_rows((0, 1), (1, 0), (1, 1)))
async def a_retained_message_comes_at_the_lower_qos(broker: Broker, row: tuple[int, int]) -> None:
    published, granted = row
    topic = broker.topic()
    publisher = await broker.connected()
    await publisher.published(topic, b"kept", qos=published, retain=True)
    client = await broker.subscriber(topic, qos=granted)
    message = await client.maybe(Publish)
    if message is None:
        client.unprepared("the retained message did not come")
    if message.qos != min(published, granted):
        client.violated(f"the retained message at QoS {min(published, granted)}", describe(message))
    await publisher.published(topic, retain=True)
