"""Faults in a host application's birth and death certificates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from testbed.mqtt.packets import Connect, Packet, Publish, Subscribe, Version
from testbed.mqtt.properties import Property
from testbed.sparkplug import state
from testbed.sparkplug.faults.tap import Passage, Plan, Twist, wills
from testbed.sparkplug.state import State
from testbed.sparkplug.topics import host_of

_TOPIC, _HOST, _FLOW = (
    "host-topic-phid",
    "operational-behavior-host-application",
    "message-flow-phid-sparkplug",
)
_HOUR = 3_600_000


def _states(change: Callable[[Publish, State], Any], online: bool) -> Twist:
    """Twist the STATE messages that say `online`."""

    def twist(packet: Any, tap: Passage) -> Any:
        found = state.read(packet.payload) if isinstance(packet, Publish) and host_of(packet.topic) else None
        return change(packet, found) if isinstance(found, State) and found.online is online else packet

    return twist


def _saying(change: Callable[[State], State]) -> Callable[[Publish, State], Packet]:
    return lambda packet, found: replace(packet, payload=change(found).encoded())


def _later(found: State) -> State:
    return State(found.online, found.timestamp + 1234)


def _without_will(packet: Any, tap: Passage) -> Packet:
    return replace(packet, will=None) if isinstance(packet, Connect) and packet.will else packet


def _keeps_session(packet: Any, tap: Passage) -> Packet:
    is_old = isinstance(packet, Connect) and tap.version < Version.V5
    return replace(packet, clean_start=False) if is_old and packet.clean_start else packet


def _expires_later(packet: Any, tap: Passage) -> Packet:
    if not isinstance(packet, Connect) or tap.version < Version.V5:
        return packet
    name = int(Property.SESSION_EXPIRY_INTERVAL)
    others = tuple(one for one in packet.properties if one[0] != name)
    return replace(packet, properties=(*others, (name, 3600)))


def _subscribes_late(packet: Any, tap: Passage) -> Any:
    """Its filters are others than its own STATE and the namespace."""
    if not isinstance(packet, Subscribe):
        return packet
    return replace(
        packet, subscriptions=tuple(replace(one, filter=f"x/{one.filter}") for one in packet.subscriptions)
    )


def _silent_again(packet: Any, tap: Passage) -> Any:
    """Only the first STATE of a connection is said."""
    if not isinstance(packet, Publish) or host_of(packet.topic) is None or tap.times("state") < 2:
        return packet
    return []


def _command_first(packet: Any, tap: Passage) -> Any:
    if not isinstance(packet, Publish) or host_of(packet.topic) is None or tap.times("state") > 1:
        return packet
    return [Publish("spBv1.0/plant/NCMD/n0", b"\x08\x01"), packet]


def _will_states(change: Callable[[State], State]) -> Twist:
    def other(will: Any) -> Any:
        found = state.read(will.payload)
        return replace(will, payload=change(found).encoded()) if isinstance(found, State) else will

    return wills(other)


PLANS = (
    Plan("no-will", f"{_TOPIC}-death-required", "it connects without a will", _without_will),
    Plan(
        "will-elsewhere",
        f"{_HOST}-connect-will-topic",
        "its will is on another topic",
        wills(lambda will: replace(will, topic=str(will.topic).replace("/STATE/", "/STATUS/"))),
    ),
    Plan(
        "will-at-qos-0", f"{_HOST}-connect-will-qos", "its will is at QoS 0", wills(lambda will: replace(will, qos=0))
    ),
    Plan(
        "will-not-retained",
        f"{_HOST}-connect-will-retained",
        "its will is not retained",
        wills(lambda will: replace(will, retain=False)),
    ),
    Plan(
        "will-of-text",
        f"{_TOPIC}-death-payload",
        "its will says OFFLINE, as in Sparkplug 2",
        wills(lambda will: replace(will, payload=b"OFFLINE")),
    ),
    Plan(
        "will-says-online",
        "payloads-state-will-message-payload",
        "its will says online",
        _will_states(lambda one: State(True, one.timestamp)),
    ),
    Plan(
        "will-with-text-for-time",
        f"{_HOST}-connect-will-payload",
        "the timestamp of its will is a text",
        wills(lambda will: replace(will, payload=b'{"online":false,"timestamp":"now"}')),
    ),
    Plan(
        "will-of-local-time",
        f"{_TOPIC}-death-payload-timestamp-connect",
        "its will is two hours off",
        _will_states(lambda one: State(one.online, one.timestamp + 2 * _HOUR)),
    ),
    Plan("keeps-session", f"{_FLOW}-clean-session-311", "CONNECT has Clean Session 0", _keeps_session),
    Plan("keeps-session-v5", f"{_FLOW}-clean-session-50", "its session expires later", _expires_later),
    Plan(
        "subscribes-to-nothing",
        f"{_TOPIC}-birth-sub-required",
        "it does not subscribe to its STATE",
        _subscribes_late,
    ),
    Plan("born-before-subscribed", f"{_FLOW}-subscription", "it is born without subscriptions", _subscribes_late),
    Plan(
        "never-online",
        f"{_TOPIC}-birth-required",
        "it never says that it is online",
        _states(lambda packet, found: [], True),
    ),
    Plan(
        "birth-at-qos-0",
        f"{_TOPIC}-birth-qos",
        "its birth is at QoS 0",
        _states(lambda packet, found: replace(packet, qos=0, packet_id=None), True),
    ),
    Plan(
        "birth-not-retained",
        f"{_TOPIC}-birth-retain",
        "its birth is not retained",
        _states(lambda packet, found: replace(packet, retain=False), True),
    ),
    Plan(
        "birth-elsewhere",
        f"{_TOPIC}-birth-topic",
        "its birth is on the topic of another host",
        _states(lambda packet, found: replace(packet, topic=f"{packet.topic}2"), True),
    ),
    Plan(
        "birth-with-another-time",
        f"{_TOPIC}-birth-payload-timestamp",
        "its birth has another time than its will",
        _states(_saying(_later), True),
    ),
    Plan(
        "birth-of-text",
        f"{_TOPIC}-birth-payload",
        "its birth says ONLINE, as in Sparkplug 2",
        _states(lambda packet, found: replace(packet, payload=b"ONLINE"), True),
    ),
    Plan("command-first", f"{_TOPIC}-birth-message", "a command comes before its birth", _command_first),
    Plan(
        "silent-when-said-offline",
        "message-flow-hid-sparkplug-state-message-delivered",
        "it does not say again that it is online",
        _silent_again,
    ),
    Plan(
        "leaves-silently", f"{_HOST}-termination", "it leaves without STATE", _states(lambda packet, found: [], False)
    ),
    Plan(
        "death-at-qos-0",
        f"{_HOST}-death-qos",
        "its death is at QoS 0",
        _states(lambda packet, found: replace(packet, qos=0, packet_id=None), False),
    ),
    Plan(
        "death-not-retained",
        f"{_HOST}-death-retained",
        "its death is not retained",
        _states(lambda packet, found: replace(packet, retain=False), False),
    ),
    Plan(
        "death-elsewhere",
        f"{_HOST}-death-topic",
        "its death is on the topic of another host",
        _states(lambda packet, found: replace(packet, topic=f"{packet.topic}2"), False),
    ),
    Plan(
        "death-of-local-time",
        f"{_TOPIC}-death-payload-timestamp-disconnect-clean",
        "its death is two hours off",
        _states(_saying(lambda one: State(False, one.timestamp + 2 * _HOUR)), False),
    ),
)
