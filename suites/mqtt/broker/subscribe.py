"""SUBSCRIBE and SUBACK: MQTT 3.1.1 and 5.0, sections 3.8 and 3.9."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.findings import Inconclusive
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe, encode
from testbed.mqtt.packets import Raw, Suback, Subscribe, Subscription
from testbed.mqtt.properties import Property
from testbed.mqtt.reasons import ALLOWED, SUBACK_V311

#: First byte of a proper SUBSCRIBE.
FIRST = 0x82


@case(
    v311("3.8.4-1"),
    v311("3.8.4-2"),
    v311("2.3.1-7"),
    v5("3.8.4-1"),
    v5("3.8.4-2"),
    v5("2.2.1-6"),
    rows={f"packet id {number}": number for number in (1, 2, 127, 128, 255, 256, 0x1234, 0xFFFF)},
)
async def suback_answers_with_the_packet_id_of_the_subscribe(broker: Broker, number: int) -> None:
    client = await broker.connected()
    await client.send(Subscribe(number, (Subscription(broker.topic()),)))
    await client.expect(Suback, packet_id=number, because="to our SUBSCRIBE")


@case(v311("3.8.4-1"), v311("3.8.4-2"), v5("3.8.4-1"), v5("3.8.4-2"))
async def every_subscribe_of_a_burst_is_answered(broker: Broker) -> None:
    client = await broker.connected()
    numbers = [client.next_id() for _ in range(10)]
    await client.send(*(Subscribe(n, (Subscription(broker.topic(f"t{n}")),)) for n in numbers))
    for number in numbers:
        await client.expect(Suback, lambda p, n=number: p.packet_id == n, because=f"with packet id {number}")


@case(
    v311("3.8.1-1"),
    v311("2.2.2-2"),
    v5("3.8.1-1"),
    v5("2.1.3-1"),
    rows={f"flags {flags:04b}": flags for flags in (0b0000, 0b0001, 0b0011, 0b0110, 0b1010, 0b1111)},
)
async def subscribe_with_reserved_flags_closes_the_connection(broker: Broker, flags: int) -> None:
    client = await broker.subscriber(broker.topic("good"))
    await client.send(Subscribe(client.next_id(), (Subscription(broker.topic()),), flags=flags))
    await client.is_closed_by_broker(because=f"after a SUBSCRIBE with the flags {flags:04b}")


@case(v311("4.8.0-1"), v5("4.13.1-1"))
async def subscribe_without_a_filter_closes_the_connection(broker: Broker) -> None:
    client = await broker.subscriber(broker.topic("good"))
    await client.send(Subscribe(client.next_id(), ()))
    await client.is_closed_by_broker(because="after a SUBSCRIBE without a filter")


@case(
    v311("4.8.0-1"),
    v5("4.13.1-1"),
    rows={"options missing": b"\0\1a", "filter cut short": b"\0\4abc", "half a length": b"\0"},
    exclusive=("options missing",),
)
async def subscribe_that_ends_inside_a_field_closes_the_connection(broker: Broker, rest: bytes) -> None:
    """Alone on the broker, and with a look at it afterwards: there are brokers that it kills."""
    client = await broker.subscriber(broker.topic("good"))
    whole = encode(Subscribe(client.next_id(), (Subscription(broker.topic()),)), broker.version)
    await client.send(Raw(FIRST, whole[2:] + rest))
    await client.is_closed_by_broker(because="after a SUBSCRIBE that ends inside a field")
    await broker.connected()


@case(
    v311("3.8.4-5"),
    v5("3.8.4-6"),
    v5("3.9.3-2"),
    rows={f"{count} filters" if count > 1 else "1 filter": count for count in (1, 2, 7, 40)},
)
async def suback_has_one_code_for_each_filter(broker: Broker, count: int) -> None:
    client = await broker.connected()
    wanted = tuple(Subscription(broker.topic(f"t{n}")) for n in range(count))
    await client.send(Subscribe(client.next_id(), wanted))
    suback = await client.expect(Suback, because="to our SUBSCRIBE")
    if len(suback.codes) != count:
        client.violated(f"SUBACK with {count} codes, one for each filter", describe(suback))


@case(
    v311("3.9.3-1"),
    v5("3.9.3-1"),
    needs=("qos-1",),
    rows={" ".join(map(str, asked)): asked for asked in ((2, 0, 1), (0, 1, 2), (1, 2, 0), (0, 0, 0, 2))},
)
async def suback_codes_come_in_the_order_of_the_filters(broker: Broker, asked: tuple[int, ...]) -> None:
    """The broker may grant less than asked, but the same best QoS to all."""
    client = await broker.connected()
    wanted = tuple(Subscription(broker.topic(f"t{n}"), qos) for n, qos in enumerate(asked))
    await client.send(Subscribe(client.next_id(), wanted))
    suback = await client.expect(Suback, because="to our SUBSCRIBE")
    for best in (2, 1):
        granted = tuple(min(qos, best) for qos in asked)
        if suback.codes == granted:
            return
        if sorted(suback.codes) == sorted(granted):
            client.violated(f"SUBACK with the codes {granted}, in the order of the filters", describe(suback))
    raise Inconclusive(f"the order does not show in the QoS granted: {describe(suback)}")


@case(v311("3.9.3-2"), v311("3.8.4-5"), v5("3.9.3-2"), v5("3.8.4-7"))
async def suback_uses_only_the_codes_of_the_standard(broker: Broker) -> None:
    """Of granted filters, and of one that may not be granted, should the broker answer that instead of closing."""
    listed = ALLOWED["SUBACK"] if broker.v5 else SUBACK_V311
    client = await broker.connected()
    granted = tuple(Subscription(broker.topic(f"t{qos}"), qos) for qos in (0, 1, 2))
    await client.send(Subscribe(client.next_id(), granted))
    first = await client.expect(Suback, because="to our SUBSCRIBE")
    await client.send(Subscribe(client.next_id(), (Subscription(broker.topic("a/#/b")),)))
    second = await client.maybe(Suback)
    for suback in filter(None, (first, second)):
        if not listed.issuperset(suback.codes):
            codes = " ".join(f"{code:02X}" for code in sorted(listed))
            client.violated(f"SUBACK with codes out of {codes}", describe(suback))


@case(v311("3.8.4-4"), v5("3.8.4-5"))
async def several_filters_get_one_suback_and_a_subscription_each(broker: Broker) -> None:
    topics = [broker.topic(name) for name in ("a", "b", "c")]
    client = await broker.connected()
    await client.send(Subscribe(client.next_id(), tuple(map(Subscription, topics))))
    await client.expect(Suback, because="to our SUBSCRIBE")
    publisher = await broker.connected()
    for topic in topics:
        await publisher.published(topic, b"x")
        await client.message(topic, because="one of the filters of our SUBSCRIBE")
    await client.receives_no(Suback, because="beside the one that answers all filters")


@case(
    v311("3.8.4-4"),
    v311("3.8.4-3"),
    v5("3.8.4-5"),
    v5("3.8.4-3"),
    needs=("qos-1",),
    rows={"then lower": (1, 0), "then higher": (0, 1)},
)
async def a_filter_twice_in_one_subscribe_counts_as_two_subscribes(broker: Broker, row: tuple[int, int]) -> None:
    """In sequence the second replaces the first, so its QoS is the one that holds."""
    first, last = row
    topic = broker.topic()
    client = await broker.connected()
    await client.subscribed(Subscription(topic, first), Subscription(topic, last))
    publisher = await broker.connected()
    await publisher.published(topic, b"x", qos=1)
    await client.message(topic, qos=last, because="at the QoS of the filter's last entry")
    for copy in await client.all_messages():
        if copy.qos != last:
            client.violated(f"every copy at QoS {last}, the first entry replaced", describe(copy))


@case(v311("3.8.3-2"), rows={"one level": "+", "all levels": "#"})
async def a_filter_with_a_wildcard_is_refused_or_honoured(broker: Broker, wildcard: str) -> None:
    client = await broker.connected()
    await client.send(Subscribe(client.next_id(), (Subscription(broker.topic(wildcard)),)))
    suback = await client.maybe(Suback)
    if suback is None:
        client.unprepared("SUBSCRIBE was not answered by SUBACK")
    if suback.codes == (0x80,):
        return
    publisher = await broker.connected()
    await publisher.published(broker.topic("x"), b"x")
    await client.message(broker.topic("x"), because=f"as the filter with {wildcard} was granted")


@case(v5("3.9.2-1"), v5("3.9.2-2"))
async def suback_leaves_its_texts_out_rather_than_outgrow_the_client(broker: Broker) -> None:
    """A SUBACK whose codes alone fill the client's Maximum Packet Size: a Reason String or a User Property would
    make it too large."""
    probe = await broker.connected()
    assert probe.connack is not None
    size = max(64, len(encode(probe.connack, broker.version)) + 32)
    client = await broker.connected(properties={Property.MAXIMUM_PACKET_SIZE: size})
    # Two bytes of fixed header, two of packet identifier, one of property length.
    filters = tuple(Subscription(broker.topic(f"t{n}")) for n in range(min(size, 129) - 5))
    await client.send(Subscribe(client.next_id(), filters))
    suback = await client.maybe(Suback)
    if suback is None:
        client.unprepared("SUBSCRIBE was not answered by SUBACK")
    length = len(encode(suback, broker.version))
    texts = {Property.REASON_STRING, Property.USER_PROPERTY} & {name for name, _ in suback.properties}
    if length > size and texts:
        client.violated(f"SUBACK without texts, within {size} bytes", f"{length} bytes: {describe(suback)}")
