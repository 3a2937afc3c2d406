"""What a server that is right answers to a packet of its client."""

from __future__ import annotations

from testbed.mqtt.packets import (
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    Version,
)


def answer(packet: Packet, version: Version, codes: tuple[int, ...] = ()) -> Packet | None:
    """The acknowledgement of `packet`, with `codes` where it has some (default: everything is granted); None where
    nothing is owed."""
    match packet:
        case Subscribe():
            return Suback(packet.packet_id, codes or tuple(min(one.qos, 2) for one in packet.subscriptions))
        case Unsubscribe():
            return Unsuback(packet.packet_id, (0,) * len(packet.filters) if version >= Version.V5 else ())
        case Publish(qos=1):
            return Puback(packet.packet_id or 0, codes[0] if codes else 0)
        case Publish(qos=2):
            return Pubrec(packet.packet_id or 0, codes[0] if codes else 0)
        case Pubrec():
            return Pubrel(packet.packet_id) if packet.code < 0x80 else None
        case Pubrel():
            return Pubcomp(packet.packet_id)
        case Pingreq():
            return Pingresp()
        case _:
            return None
