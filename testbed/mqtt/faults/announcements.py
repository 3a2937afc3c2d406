"""Faults in what CONNACK announces: a limit that is not kept to, or not told (5.0)."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.faults.changes import alter, setting
from testbed.mqtt.faults.tap import Out, PacketTap, Plan
from testbed.mqtt.packets import (
    Connack,
    Connect,
    Packet,
    Publish,
    Suback,
    Subscribe,
)
from testbed.mqtt.properties import Property
from testbed.mqtt.reasons import Reason


class _Limited(PacketTap):
    """Announces a limit in CONNACK, and has another."""

    name = Property.MAXIMUM_QOS
    value = 1

    def answer(self, packet: Packet) -> Out:
        return [
            setting(packet, self.name, self.value) if isinstance(packet, Connack) and packet.code == 0 else packet
        ]


class _WillAboveLimit(_Limited):
    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Connect) and packet.will is not None and packet.will.qos > self.value:
            self.damage()
        return [packet]


class _WillRetained(_Limited):
    name = Property.RETAIN_AVAILABLE
    value = 0

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Connect) and packet.will is not None and packet.will.retain:
            self.damage()
        return [packet]


class _NoSubscriptionAboveLimit(_Limited):
    """Refuses filters at a QoS above the maximum that it announces."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.above: dict[int, tuple[bool, ...]] = {}

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Subscribe):
            self.above[packet.packet_id] = tuple(one.qos > self.value for one in packet.subscriptions)
        return [packet]

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Suback) and any(self.above.get(packet.packet_id, ())):
            self.damage()
            above = self.above[packet.packet_id]
            codes = zip(packet.codes, above, strict=False)
            return [alter(packet, codes=tuple(0x80 if over else code for code, over in codes))]
        return super().answer(packet)


class _QosUnannounced(PacketTap):
    """Closes on QoS 2, without having said in CONNACK that it has none."""

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.qos == 2:
            self.damage()
            self.close(Reason.QOS_NOT_SUPPORTED)
            return []
        return [packet]


PLANS = (
    Plan(
        "will-above-maximum-qos", "announces Maximum QoS 1 and takes a will of QoS 2", _WillAboveLimit, "", "3.2.2-12"
    ),
    Plan("will-retained-anyway", "announces no retain and takes a retained will", _WillRetained, "", "3.2.2-13"),
    Plan(
        "filters-above-maximum-qos-refused",
        "announces Maximum QoS 1 and refuses filters of QoS 2",
        _NoSubscriptionAboveLimit,
        "",
        "3.2.2-10",
    ),
    Plan("maximum-qos-untold", "closes on QoS 2 and announced no Maximum QoS", _QosUnannounced, "", "3.2.2-9"),
)
