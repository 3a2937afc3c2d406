"""Rules on the server's acknowledgements (sections 3.4 to 3.7, 3.9, 3.11, 4.3) and its DISCONNECT (5.0, 3.14)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testbed.mqtt.codec import describe
from testbed.mqtt.packets import (
    Auth,
    Connack,
    Disconnect,
    Malformed,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Unsuback,
)
from testbed.mqtt.properties import Property, get
from testbed.mqtt.reasons import SUBACK_V311, allowed
from testbed.mqtt.rules.known import Known, Needs
from testbed.mqtt.rules.rule import Rule
from testbed.mqtt.rules.sides import Name


def unlisted(kind: str, sender: Name) -> Callable[[Known, Any], bool]:
    codes = allowed(kind, sender)
    return lambda known, packet: packet.code not in codes


# -- PUBACK, PUBREC, PUBREL, PUBCOMP


def never_published(known: Known, packet: Any) -> bool:
    return packet.packet_id not in known.other.published


def other_qos(qos: int) -> Callable[[Known, Any], bool]:
    def broken(known: Known, packet: Any) -> bool:
        asked = known.other.published.get(packet.packet_id)
        return asked is not None and qos not in asked

    return broken


def release_of_nothing(known: Known, packet: Pubrel) -> bool:
    """Neither was anything published under this identifier nor did the other side answer as if it had."""
    return packet.packet_id not in known.other.recs and 2 not in known.judged.published.get(packet.packet_id, ())


def release_too_early(known: Known, packet: Pubrel) -> bool:
    return packet.packet_id not in known.other.recs and 2 in known.judged.published.get(packet.packet_id, ())


def release_again(known: Known, packet: Pubrel) -> bool:
    said, asked = known.judged.rels.get(packet.packet_id, 0), known.other.recs.get(packet.packet_id, 0)
    return said >= asked > 0


def never_released(known: Known, packet: Pubcomp) -> bool:
    return packet.packet_id not in known.other.rels


# -- SUBACK, UNSUBACK


def never_subscribed(known: Known, packet: Suback) -> bool:
    return packet.packet_id not in known.subscribed


def never_unsubscribed(known: Known, packet: Unsuback) -> bool:
    return packet.packet_id not in known.unsubscribed


def second_suback(known: Known, packet: Suback) -> bool:
    """One more for a SUBSCRIBE with several filters, which gets a single answer."""
    answered = packet.packet_id in known.subscribed and packet.packet_id not in known.subscribes
    return answered and known.subscribed[packet.packet_id] > 1


def other_count_of_codes(known: Known, packet: Suback) -> str | None:
    waiting = known.subscribes.get(packet.packet_id)
    return _other_count(packet, len(waiting[0].subscriptions)) if waiting else None


def other_count_of_unsubscribe_codes(known: Known, packet: Unsuback) -> str | None:
    waiting = known.unsubscribes.get(packet.packet_id)
    return _other_count(packet, len(waiting[0].filters)) if waiting else None


def _other_count(packet: Suback | Unsuback, asked: int) -> str | None:
    # A request without filters deserves no answer; any answer to it is as good.
    if asked == 0 or len(packet.codes) == asked:
        return None
    return f"{describe(packet)} for {asked} filter{'s' * (asked > 1)}"


_SUBACK_CODES = allowed("SUBACK", "server")
_UNSUBACK_CODES = allowed("UNSUBACK", "server")


def no_return_code(known: Known, packet: Suback) -> bool:
    return not SUBACK_V311.issuperset(packet.codes)


def no_suback_code(known: Known, packet: Suback) -> bool:
    return not _SUBACK_CODES.issuperset(packet.codes)


def no_unsuback_code(known: Known, packet: Unsuback) -> bool:
    return not _UNSUBACK_CODES.issuperset(packet.codes)


# -- DISCONNECT


def session_expiry(known: Known, packet: Disconnect) -> bool:
    return get(packet.properties, Property.SESSION_EXPIRY_INTERVAL) is not None


def after_disconnect(known: Known, packet: Any) -> bool:
    return known.judged.gone


_FROM_SERVER = (
    *(Connack, Publish, Puback, Pubrec, Pubrel, Pubcomp, Suback, Unsuback),
    *(Pingresp, Disconnect, Auth, Malformed),
)
_ECHO = "the packet identifier of a PUBLISH that the client sent"

RULES = (
    *(
        Rule(
            (packet,),
            "",
            number,
            Needs.CONNECT,
            f"a reason code listed for {packet.kind}",
            unlisted(packet.kind, "server"),
        )
        for packet, number in (
            (Puback, "3.4.2-1"),
            (Pubrec, "3.5.2-1"),
            (Pubrel, "3.6.2-1"),
            (Pubcomp, "3.7.2-1"),
            (Disconnect, "3.14.2-1"),
        )
    ),
    Rule((Puback,), "2.3.1-6 4.3.2-2", "2.2.1-5 4.3.2-4", Needs.SESSION, _ECHO, never_published),
    Rule((Pubrec,), "2.3.1-6 4.3.3-2", "2.2.1-5 4.3.3-8", Needs.SESSION, _ECHO, never_published),
    Rule((Puback,), "3.3.4-1", "3.3.4-1", Needs.SESSION, "PUBACK in answer to QoS 1 only", other_qos(1)),
    Rule((Pubrec,), "3.3.4-1", "3.3.4-1", Needs.SESSION, "PUBREC in answer to QoS 2 only", other_qos(2)),
    Rule(
        (Pubrel,),
        "2.3.1-6",
        "2.2.1-5",
        Needs.SESSION,
        "the packet identifier of a PUBLISH with QoS 2 that the server sent",
        release_of_nothing,
    ),
    Rule((Pubrel,), "4.3.3-1", "4.3.3-3", Needs.SESSION, "no PUBREL before the client's PUBREC", release_too_early),
    Rule((Pubrel,), "", "4.4.0-1", Needs.SESSION, "no PUBREL sent again on the same connection", release_again),
    Rule(
        (Pubcomp,),
        "4.3.3-2",
        "2.2.1-5 4.3.3-11",
        Needs.SESSION,
        "the packet identifier of a PUBREL that the client sent",
        never_released,
    ),
    Rule(
        (Suback,),
        "3.8.4-2 2.3.1-7",
        "3.8.4-2 2.2.1-6",
        Needs.TALK,
        "the packet identifier of a SUBSCRIBE",
        never_subscribed,
    ),
    Rule((Suback,), "3.8.4-4", "3.8.4-5", Needs.TALK, "a single SUBACK for a SUBSCRIBE", second_suback),
    Rule((Suback,), "3.8.4-5", "3.8.4-6", Needs.TALK, "as many codes as filters", other_count_of_codes),
    Rule((Suback,), "3.9.3-2", "", Needs.CONNECT, "return codes 0x00, 0x01, 0x02 or 0x80", no_return_code),
    Rule((Suback,), "", "3.9.3-2", Needs.CONNECT, "reason codes listed for SUBACK", no_suback_code),
    Rule(
        (Unsuback,),
        "3.10.4-4 2.3.1-7",
        "3.10.4-5 2.2.1-6",
        Needs.TALK,
        "the packet identifier of an UNSUBSCRIBE",
        never_unsubscribed,
    ),
    Rule((Unsuback,), "", "3.11.3-2", Needs.TALK, "as many codes as filters", other_count_of_unsubscribe_codes),
    Rule((Unsuback,), "", "3.11.3-2", Needs.CONNECT, "reason codes listed for UNSUBACK", no_unsuback_code),
    Rule((Disconnect,), "", "3.14.2-2", Needs.CONNECT, "no Session Expiry Interval from a server", session_expiry),
    Rule(_FROM_SERVER, "", "3.14.4-1", Needs.CONNECT, "nothing after the server's DISCONNECT", after_disconnect),
)
