"""Faults around CONNECT and CONNACK: no answer, another answer, other packets before it, other client ids."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.faults.changes import alter, asked, having, setting, swallow, twice, without
from testbed.mqtt.faults.tap import Out, PacketTap, Plan, answers
from testbed.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingresp,
    Publish,
    Version,
)
from testbed.mqtt.properties import Property
from testbed.mqtt.reasons import Reason, ReturnCode


def accepting(packet: Any, tap: PacketTap) -> bool:
    """A CONNACK of success."""
    return packet.code == 0


def refusing(packet: Any, tap: PacketTap) -> bool:
    """A CONNACK of another kind."""
    return packet.code != 0


def refuse(
    tap: PacketTap, v311: int = ReturnCode.IDENTIFIER_REJECTED, v5: int = Reason.CLIENT_IDENTIFIER_NOT_VALID
) -> Out:
    """In the place of the tester's CONNECT: refuse it and close."""

    def now() -> None:
        tap.say(Connack(code=v5 if tap.version >= Version.V5 else v311))
        tap.end()
        tap.hang_up(True)

    tap.damage()
    tap.later(now)
    return []


class _Accepts(PacketTap):
    """Refuses some CONNECT packets that it must accept."""

    def unwanted(self, client: str, packet: Connect) -> bool:
        raise NotImplementedError

    def ask(self, packet: Packet) -> Out:
        if (
            isinstance(packet, Connect)
            and isinstance(packet.client_id, str)
            and self.unwanted(packet.client_id, packet)
        ):
            return refuse(self)
        return [packet]


class _ShortIdsOnly(_Accepts):
    def unwanted(self, client: str, packet: Connect) -> bool:
        return 22 <= len(client) <= 23 and client.isascii() and client.isalnum()


class _NoCapitals(_Accepts):
    def unwanted(self, client: str, packet: Connect) -> bool:
        return len(client) <= 23 and client.isascii() and client.isalnum() and client.lower() != client


class _NoSingleCharacter(_Accepts):
    def unwanted(self, client: str, packet: Connect) -> bool:
        return len(client) == 1 and client.isascii() and client.isalnum()


class _EarlyPacket(PacketTap):
    """Says something before the CONNACK that accepts."""

    early: Packet

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Connack) and packet.code == 0:
            self.damage()
            return [self.early, packet]
        return [packet]


class _EarlyPingresp(_EarlyPacket):
    early = Pingresp()


class _EarlyPublish(_EarlyPacket):
    early = Publish("news", b"welcome")


class _EarlyDisconnect(_EarlyPacket):
    early = Disconnect(Reason.UNSPECIFIED_ERROR)


class _OneIdForAll(PacketTap):
    """Gives every client without id the same one."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.given = ""

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Connect) and packet.client_id == "" and packet.clean_start:
            self.given = f"anybody{id(self.planted):x}"[:23]
            if self.planted.memory.setdefault("nameless", self) is not self:
                self.damage()
            return [alter(packet, client_id=self.given)]
        return [packet]

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Connack) and self.given and packet.code == 0 and self.version >= Version.V5:
            return [setting(packet, Property.ASSIGNED_CLIENT_IDENTIFIER, self.given)]
        return [packet]


def _another_assigned(packet: Any, tap: PacketTap) -> Packet:
    names = dict(packet.properties)
    given = names.get(Property.ASSIGNED_CLIENT_IDENTIFIER)
    if not isinstance(given, str):
        return packet
    return setting(packet, Property.ASSIGNED_CLIENT_IDENTIFIER, given + "x")


class _ServedAfterRefusal(PacketTap):
    """Refuses a CONNECT and acts on the packets that came behind it all the same."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.refusal: int | None = None

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Connect) and self.refusal is None:
            v5 = self.version >= Version.V5
            mended = packet
            if packet.protocol_level is not None or packet.protocol_name != "MQTT":
                self.refusal = Reason.UNSUPPORTED_PROTOCOL_VERSION if v5 else ReturnCode.UNACCEPTABLE_PROTOCOL_VERSION
                mended = alter(packet, protocol_level=None, protocol_name="MQTT")
            elif packet.reserved or packet.connect_flags is not None:
                self.refusal = Reason.MALFORMED_PACKET if v5 else -1
                mended = alter(packet, reserved=False)
            elif packet.client_id == "" and not packet.clean_start and not v5:
                self.refusal = ReturnCode.IDENTIFIER_REJECTED
                mended = alter(packet, clean_start=True)
            elif isinstance(packet.client_id, bytes):
                self.refusal = Reason.CLIENT_IDENTIFIER_NOT_VALID if v5 else -1
                mended = alter(packet, client_id=packet.client_id.decode(errors="replace"))
            return [mended]
        return [packet]

    def answer(self, packet: Packet) -> Out:
        if self.refusal is None:
            return [packet]
        if isinstance(packet, Connack):
            self.damage()
            self.later(self.end)
            return [Connack(code=self.refusal)] if self.refusal > 0 else []
        return []


def _by_disconnect(packet: Any, tap: PacketTap) -> Packet:
    return Disconnect(packet.code) if packet.code >= 0x80 else packet


def _asked_for_nothing(packet: Any, tap: PacketTap) -> bool:
    return not asked(tap, Property.REQUEST_RESPONSE_INFORMATION, 0)


class _OddIdsRejected(PacketTap):
    """Rejects client ids that it need not accept, in the wrong way: by another code, or without an end."""

    v311 = int(ReturnCode.IDENTIFIER_REJECTED)
    closes = False

    def ask(self, packet: Packet) -> Out:
        odd = isinstance(packet, Connect) and isinstance(packet.client_id, str) and len(packet.client_id) > 23
        if not odd:
            return [packet]
        self.damage()
        code = Reason.CLIENT_IDENTIFIER_NOT_VALID if self.version >= Version.V5 else self.v311
        self.later(lambda: self.say(Connack(code=code)))
        if self.closes:
            self.later(self.end)
        return []


class _OddIdsRejectedOtherwise(_OddIdsRejected):
    v311 = int(ReturnCode.NOT_AUTHORIZED)
    closes = True


class _PlainRefused(PacketTap):
    """Takes a CONNECT only when the bridge bit of its protocol level is set, which no standard knows."""

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Connect) and packet.protocol_level is None:
            return refuse(self, ReturnCode.UNACCEPTABLE_PROTOCOL_VERSION)
        return [packet]


PLANS = (
    Plan("odd-ids-held-open", "rejects long client ids and does not close", _OddIdsRejected, "3.1.3-9", "3.1.3-8"),
    Plan(
        "odd-ids-rejected-otherwise",
        "rejects long ids with return code 5",
        _OddIdsRejectedOtherwise,
        "3.1.3-9",
        "",
    ),
    Plan("extension-required", "accepts only clients that set a bit of its own making", _PlainRefused, "7.0.0-2", ""),
    Plan("no-connack", "never sends CONNACK", answers(Connack, swallow), "3.1.4-4", "3.1.4-5"),
    Plan(
        "connack-refuses-all",
        "answers every CONNECT with a refusal",
        answers(Connack, lambda packet, tap: alter(packet, code=0x88 if tap.version >= Version.V5 else 3), accepting),
        "3.1.4-4",
        "3.1.4-5",
    ),
    Plan("connack-twice", "sends CONNACK twice", answers(Connack, twice, accepting), "", "3.2.0-2"),
    Plan("pingresp-before-connack", "sends PINGRESP before CONNACK", _EarlyPingresp, "3.2.0-1", "3.2.0-1"),
    Plan("publish-before-connack", "sends a PUBLISH before CONNACK", _EarlyPublish, "3.2.0-1", "3.2.0-1"),
    Plan("disconnect-before-connack", "sends DISCONNECT before CONNACK", _EarlyDisconnect, "", "3.14.0-1"),
    Plan(
        "refuses-by-disconnect", "refuses a CONNECT with DISCONNECT", answers(Connack, _by_disconnect), "", "3.14.0-1"
    ),
    Plan(
        "connack-reserved-bits",
        "sets reserved bits of the CONNACK flags",
        answers(Connack, lambda packet, tap: alter(packet, acknowledge_flags=0x80 | packet.session_present)),
        "",
        "3.2.2-1",
    ),
    Plan("long-ids-refused", "refuses client ids of 22 and 23 characters", _ShortIdsOnly, "3.1.3-5", "3.1.3-5"),
    Plan("capitals-refused", "refuses client ids with capital letters", _NoCapitals, "3.1.3-5", "3.1.3-5"),
    Plan("short-ids-refused", "refuses client ids of one character", _NoSingleCharacter, "3.1.3-5", "3.1.3-5"),
    Plan("one-id-for-all", "gives every client without id the same id", _OneIdForAll, "3.1.3-6", "3.1.3-6"),
    Plan(
        "assigned-id-untold",
        "does not tell a client the id that it assigned",
        answers(Connack, lambda packet, tap: without(packet, Property.ASSIGNED_CLIENT_IDENTIFIER)),
        "",
        "3.2.2-16",
    ),
    Plan(
        "assigned-id-not-used",
        "tells a client another id than it assigned",
        answers(Connack, _another_assigned),
        "",
        "3.1.3-7",
    ),
    Plan(
        "served-after-refusal",
        "acts on packets behind a CONNECT that it refused",
        _ServedAfterRefusal,
        "3.1.4-5",
        "3.1.4-6",
    ),
    Plan(
        "level-refused-otherwise",
        "refuses a protocol level with return code 5",
        answers(Connack, having(code=5), lambda packet, tap: packet.code == 1),
        "3.1.2-2",
        "",
    ),
    Plan(
        "level-refused-silently",
        "closes on another protocol level without CONNACK",
        answers(Connack, swallow, lambda packet, tap: packet.code == 1),
        "3.1.2-2",
        "",
    ),
    Plan(
        "id-refused-otherwise",
        "refuses a client without id with return code 3",
        answers(Connack, having(code=3), lambda packet, tap: packet.code == 2),
        "3.1.3-8",
        "",
    ),
    Plan(
        "id-refused-silently",
        "closes on a client without id that wants a session, without CONNACK",
        answers(Connack, swallow, lambda packet, tap: packet.code == 2),
        "3.1.3-9",
        "",
    ),
    Plan(
        "response-information-unasked",
        "sends Response Information that was not asked for",
        answers(
            Connack,
            lambda packet, tap: setting(packet, Property.RESPONSE_INFORMATION, "answers/"),
            _asked_for_nothing,
        ),
        "",
        "3.1.2-28",
    ),
)
