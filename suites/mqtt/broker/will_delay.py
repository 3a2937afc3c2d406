"""Will Delay Interval: MQTT 5.0 sections 3.1.2.5 and 3.1.3.2.2."""

from __future__ import annotations

from msgspec.structs import replace

from harness.case import case
from suites.mqtt import v5
from testbed.mqtt.broker import Broker
from testbed.mqtt.packets import Disconnect, Publish, Will
from testbed.mqtt.properties import Property, props
from testbed.mqtt.reasons import Reason

#: Seconds a broker may be late: how late is not ours to judge.
GRACE = 10.0
_KEPT = ("session-expiry",)


def _delayed(topic: str, seconds: int) -> Will:
    return Will(topic, b"gone", properties=props({Property.WILL_DELAY_INTERVAL: seconds}))


def _grace(broker: Broker) -> float:
    return float(broker.parameter("will-delay-grace", GRACE))


@case(
    v5("3.1.2-7"), v5("3.1.2-8"), needs=_KEPT, lasts=2.0 + GRACE, rows={"broken": True, "disconnect-with-will": False}
)
async def a_will_waits_for_its_delay(broker: Broker, broken: bool) -> None:
    """A delay of 2 s: not within the first second (whole seconds are what brokers count in), but in the end."""
    topic = broker.topic()
    watcher = await broker.subscriber(topic)
    client = await broker.connected(stored=True, will=_delayed(topic, 2))
    if broken:
        client.drop()
    else:
        await client.send(Disconnect(Reason.DISCONNECT_WITH_WILL_MESSAGE))
        client.close()
    await watcher.receives_no(for_=0.9, because="before the Will Delay Interval of 2 s has passed")
    await watcher.message(topic, payload=b"gone", within=1.1 + _grace(broker), because="as the will")


@case(v5("3.1.3-9"), v5("3.1.2-8"), needs=_KEPT, lasts=3.0)
async def coming_back_before_the_will_delay_ends_cancels_the_will(broker: Broker) -> None:
    topic = broker.topic()
    watcher = await broker.subscriber(topic)
    client = await broker.connected(stored=True, will=_delayed(topic, 1))
    client.drop()
    await broker.resumed(client.id)
    await watcher.receives_no(for_=3.0, because="as the will of a client that came back within the delay of 1 s")


@case(v5("3.1.3-9"), v5("3.1.2-8"), needs=_KEPT, lasts=3.0)
async def a_take_over_within_the_will_delay_cancels_the_will(broker: Broker) -> None:
    topic = broker.topic()
    watcher = await broker.subscriber(topic)
    client = await broker.connected(stored=True, will=_delayed(topic, 1))
    await broker.resumed(client.id)
    await client.is_closed_by_broker(because="whose client id connected again")
    await watcher.receives_no(for_=3.0, because="as the will of a client that was back within the delay of 1 s")


@case(v5("3.1.2-8"), needs=_KEPT, lasts=1.0 + GRACE)
async def a_will_is_published_when_the_session_ends_before_its_delay(broker: Broker) -> None:
    """Session Expiry 1 s, Will Delay 60 s: the session ends first."""
    topic = broker.topic()
    watcher = await broker.subscriber(topic)
    client = await broker.connected(
        clean=False, will=_delayed(topic, 60), properties={Property.SESSION_EXPIRY_INTERVAL: 1}
    )
    client.drop()
    await watcher.message(topic, payload=b"gone", within=1.0 + _grace(broker), because="as the session ended")


@case(v5("3.1.2-8"), lasts=GRACE)
async def a_will_does_not_wait_when_the_session_ends_with_its_connection(broker: Broker) -> None:
    """No Session Expiry Interval, Will Delay 60 s: session and connection end together."""
    topic = broker.topic()
    watcher = await broker.subscriber(topic)
    client = await broker.connected(will=_delayed(topic, 60))
    client.drop()
    await watcher.message(topic, payload=b"gone", within=_grace(broker), because="as the session ended")


@case(v5("3.1.2-10"), needs=_KEPT, lasts=2.5 + GRACE)
async def disconnect_deletes_a_delayed_will(broker: Broker) -> None:
    """Another client with such a will is lost at the same time: its will comes, and shows when."""
    topic = broker.topic()
    watcher = await broker.subscriber(topic)
    client = await broker.connected(stored=True, will=_delayed(topic, 1))
    other = await broker.connected(stored=True, will=replace(_delayed(topic, 1), payload=b"of the other"))
    await client.disconnect()
    other.drop()
    if await watcher.maybe(Publish, lambda p: p.payload == b"of the other", within=1.0 + _grace(broker)) is None:
        watcher.unprepared("the delayed will of the other client was not published")
    await watcher.receives_no(for_=1.5, because="as a will that DISCONNECT deleted")


@case(v5("3.1.2-10"), needs=_KEPT, lasts=2.0 + GRACE)
async def a_delayed_will_is_published_once(broker: Broker) -> None:
    """Neither again after the delay, nor when the client comes back without one and is lost."""
    topic = broker.topic()
    watcher = await broker.subscriber(topic)
    client = await broker.connected(stored=True, will=_delayed(topic, 1))
    client.drop()
    if await watcher.until(lambda: watcher.inbox or None, 1.0 + _grace(broker)) is None:
        watcher.unprepared("the delayed will was not published")
    watcher.inbox.clear()
    back = await broker.connected(client.id, stored=True)
    back.drop()
    await watcher.receives_no(for_=1.5, because="as a will that was published before")
