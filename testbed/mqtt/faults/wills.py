"""Faults in wills: not published, published in spite of DISCONNECT, too early, twice, altered."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.faults.changes import alter, is_wild, setting, without
from testbed.mqtt.faults.sessions import FOR_EVER, stored
from testbed.mqtt.faults.tap import Change, Out, PacketTap, Plan, asks
from testbed.mqtt.packets import Connect, Disconnect, Packet, Publish, Subscribe, Version, Will
from testbed.mqtt.properties import Property, get
from testbed.mqtt.reasons import Reason


def _will(change: Any) -> Change:
    """A CONNECT with its will changed; `change` returns the same will when there is nothing to break."""

    def on(packet: Any, tap: PacketTap) -> Packet:
        if packet.will is None:
            return packet
        will = change(packet.will)
        return packet if will is packet.will else alter(packet, will=will)

    return on


def _prompt(will: Will) -> Will:
    return without(will, Property.WILL_DELAY_INTERVAL)


def _backwards(will: Will) -> Will:
    user = [entry for entry in will.properties if entry[0] == Property.USER_PROPERTY]
    if len(user) < 2:
        return will
    others = [entry for entry in will.properties if entry[0] != Property.USER_PROPERTY]
    return alter(will, properties=(*others, *user[::-1]))


class _DespiteDisconnect(PacketTap):
    """Treats a proper DISCONNECT like a connection that breaks."""

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Disconnect) and packet.code == 0 and self.connect and self.connect.will:
            self.damage()
            self.later(lambda: self.hang_up(True))
            return []
        return [packet]


class _Kept(PacketTap):
    """A client that comes back without a will still has that of its last connection, published or not."""

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Connect) and packet.client_id:
            here = ("will", packet.client_id)
            if packet.will is not None:
                self.planted.memory[here] = packet.will
            elif here in self.planted.memory and packet.connect_flags is None:
                self.damage()
                return [alter(packet, will=self.planted.memory[here])]
        return [packet]


class _SentTwice(PacketTap):
    """Publishes a will twice."""

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Connect) and packet.will is not None:
            self.planted.memory["will", packet.will.topic, packet.will.payload] = True
        return [packet]

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and ("will", packet.topic, packet.payload) in self.planted.memory:
            self.damage()
            return [packet, alter(packet, qos=0, packet_id=None)]
        return [packet]


class _Invented(PacketTap):
    """Publishes something when a client without a will is gone, to whatever topic is listened to."""

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Subscribe):
            for one in packet.subscriptions:
                if isinstance(one.filter, str) and not one.filter.startswith("$"):
                    self.planted.memory["topic"] = one.filter.replace("#", "w").replace("+", "w")
        elif isinstance(packet, Connect) and packet.will is None and packet.connect_flags is None:
            topic = self.planted.memory.get("topic")
            if topic and not is_wild(topic):
                self.damage()
                return [alter(packet, will=Will(topic, b"gone"))]
        return [packet]


class _DelayOutlivesSession(PacketTap):
    """Waits for the whole Will Delay Interval though the session ends before."""

    def ask(self, packet: Packet) -> Out:
        if not isinstance(packet, Connect) or packet.will is None or self.version < Version.V5:
            return [packet]
        delay = get(packet.will.properties, Property.WILL_DELAY_INTERVAL, 0)
        if delay <= get(packet.properties, Property.SESSION_EXPIRY_INTERVAL, 0):
            return [packet]
        self.damage()
        return [setting(packet, Property.SESSION_EXPIRY_INTERVAL, FOR_EVER)]


class _OtherMessage(PacketTap):
    """Publishes wills without their payload."""

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Connect) and packet.will is not None and packet.will.payload:
            self.damage()
            return [alter(packet, will=alter(packet.will, payload=b""))]
        return [packet]


def _none(packet: Any, tap: PacketTap) -> Packet:
    return packet if packet.will is None else alter(packet, will=None)


PLANS = (
    Plan("will-never-sent", "never publishes a will", asks(Connect, _none), "3.1.2-8", "3.1.2-8"),
    Plan(
        "will-not-stored",
        "stores no will of a client whose session is kept",
        asks(Connect, _none, lambda packet, tap: stored(packet, tap.version)),
        "",
        "3.1.2-7",
    ),
    Plan("will-without-payload", "publishes wills without their payload", _OtherMessage, "3.1.2-8", "3.1.2-7"),
    Plan(
        "will-despite-disconnect",
        "publishes a will after a proper DISCONNECT",
        _DespiteDisconnect,
        "3.14.4-3",
        "3.14.4-3",
    ),
    Plan("will-kept", "publishes the will of a client's earlier connection", _Kept, "3.1.2-10", "3.1.2-10"),
    Plan("will-twice", "publishes a will twice", _SentTwice, "3.1.2-10", "3.1.2-10"),
    Plan("will-invented", "publishes a will that nobody left", _Invented, "3.1.2-12", ""),
    Plan(
        "will-retained",
        "publishes every will retained",
        asks(Connect, _will(lambda will: will if will.retain else alter(will, retain=True))),
        "3.1.2-16",
        "3.1.2-14",
    ),
    Plan(
        "will-not-retained",
        "publishes no will retained",
        asks(Connect, _will(lambda will: alter(will, retain=False) if will.retain else will)),
        "3.1.2-17",
        "3.1.2-15",
    ),
    Plan("will-too-early", "does not wait for the Will Delay Interval", asks(Connect, _will(_prompt)), "", "3.1.3-9"),
    Plan("will-delay-ignored", "publishes a will with a delay at once", asks(Connect, _will(_prompt)), "", "3.1.2-8"),
    Plan(
        "will-after-session",
        "waits for the Will Delay Interval when the session has ended",
        _DelayOutlivesSession,
        "",
        "3.1.2-8",
    ),
    Plan(
        "no-will-on-disconnect-04",
        "publishes no will after DISCONNECT with code 0x04",
        asks(
            Disconnect,
            lambda packet, tap: alter(packet, code=0),
            lambda packet, tap: packet.code == Reason.DISCONNECT_WITH_WILL_MESSAGE,
        ),
        "",
        "3.1.2-8",
    ),
    Plan(
        "will-properties-backwards",
        "turns the order of a will's User Properties",
        asks(Connect, _will(_backwards)),
        "",
        "3.1.3-10",
    ),
)
