"""The packets of moves."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.broker import STORED, Broker
from testbed.mqtt.model import topics
from testbed.mqtt.model.ledger import Message
from testbed.mqtt.model.moves import Connect as ConnectMove
from testbed.mqtt.model.moves import Publish as PublishMove
from testbed.mqtt.model.moves import Subscribe as SubscribeMove
from testbed.mqtt.packets import Connect, Publish, Subscribe, Subscription, Will
from testbed.mqtt.properties import Property, props

#: Seconds of a Will Delay that no conversation outlasts.
DELAY = 100


def connect_packet(broker: Broker, move: ConnectMove, payload: bytes) -> Connect:
    """CONNECT as the move asks; `payload` is that of its will."""
    will = None
    if move.will is not None:
        delay = {Property.WILL_DELAY_INTERVAL: DELAY} if move.will.delayed else {}
        topic = topics.below(broker.trial.scope, move.will.topic)
        will = Will(topic, payload, move.will.qos, move.will.retain, props(delay))
    properties: dict[Property, Any] = {}
    if broker.v5:
        if move.kept:
            properties[Property.SESSION_EXPIRY_INTERVAL] = STORED
        if move.receive_maximum:
            properties[Property.RECEIVE_MAXIMUM] = move.receive_maximum
        if move.aliases:
            properties[Property.TOPIC_ALIAS_MAXIMUM] = move.aliases
    return broker.connect(broker.client_id(move.who), clean=move.clean, will=will, properties=properties)


def subscribe_packet(broker: Broker, move: SubscribeMove, number: int) -> Subscribe:
    """SUBSCRIBE with packet identifier `number`."""
    filter = topics.below(broker.trial.scope, move.filter)
    if move.group:
        filter = f"$share/{move.group}/{filter}"
    one = Subscription(filter, move.qos, move.no_local, move.retain_as_published, move.retain_handling)
    identifier = {Property.SUBSCRIPTION_IDENTIFIER: move.identifier} if move.identifier else {}
    return Subscribe(number, (one,), props(identifier))


def publish_packet(broker: Broker, move: PublishMove, message: Message, number: int | None) -> Publish:
    """PUBLISH of a message with packet identifier `number`."""
    properties = props(message.properties)
    if message.expiry:
        properties = (*properties, (int(Property.MESSAGE_EXPIRY_INTERVAL), message.expiry))
    topic = topics.below(broker.trial.scope, move.topic)
    return Publish(topic, message.payload, move.qos, move.retain, False, number, properties)
