"""The packets of MQTT 3.1, 3.1.1 and 5.0 as frozen values.

A value says what goes onto the wire, sensible or not: QoS 3, packet identifier 0, properties twice. Fields
that restate a whole byte (`connect_flags`, `acknowledge_flags`, `options`) or the low nibble of the first
byte (`flags`) override it; a decoded packet has them only when the byte says what the other fields cannot.
`kind` is the packet's name in the standard, `type` its number.
"""

from __future__ import annotations

import enum
from typing import ClassVar, Literal

from msgspec import Struct

from testbed.mqtt.properties import Properties
from testbed.mqtt.wire import Text

#: How much of the reason code and the properties a 5.0 acknowledgement, DISCONNECT or AUTH spells out:
#: neither, the code only, or both. None is the shortest that says everything.
Form = Literal["short", "code", "full"] | None


class Version(enum.IntEnum):
    """Protocol levels as CONNECT carries them."""

    V31 = 3
    V311 = 4
    V5 = 5


class Will(Struct, frozen=True, gc=False):
    """The will inside a CONNECT (5.0 sections 3.1.3.2 to 3.1.3.4)."""

    topic: Text
    payload: bytes = b""
    qos: int = 0
    retain: bool = False
    properties: Properties = ()


class Connect(Struct, frozen=True, gc=False):
    """CONNECT (section 3.1). `clean_start` is 3.1.1's Clean Session. `keep_alive` is in seconds.

    Without `protocol_level` it has the level of the version it is encoded for. Levels 3, 4 and 5 (also
    with bit 7, as bridges set it) decide whether there are properties; for other levels the version does.
    `reserved` is bit 0 of the connect flags. The payload holds the fields that are not None, whatever
    `connect_flags` says. 3.1 wants `protocol_name="MQIsdp"`.
    """

    client_id: Text = ""
    clean_start: bool = True
    keep_alive: int = 60
    will: Will | None = None
    username: Text | None = None
    password: bytes | None = None
    properties: Properties = ()
    protocol_name: Text = "MQTT"
    protocol_level: int | None = None
    reserved: bool = False
    connect_flags: int | None = None
    flags: int | None = None
    kind: ClassVar[str] = "CONNECT"
    type: ClassVar[int] = 1


class Connack(Struct, frozen=True, gc=False):
    """CONNACK (section 3.2). `code` is a reason code in 5.0, a return code in 3.1.1. `acknowledge_flags` is
    the whole first byte, of which `session_present` is bit 0."""

    session_present: bool = False
    code: int = 0
    properties: Properties = ()
    acknowledge_flags: int | None = None
    flags: int | None = None
    kind: ClassVar[str] = "CONNACK"
    type: ClassVar[int] = 2


class Publish(Struct, frozen=True, gc=False):
    """PUBLISH (section 3.3). The packet identifier is on the wire when it is not None, whatever the QoS."""

    topic: Text
    payload: bytes = b""
    qos: int = 0
    retain: bool = False
    dup: bool = False
    packet_id: int | None = None
    properties: Properties = ()
    flags: int | None = None
    kind: ClassVar[str] = "PUBLISH"
    type: ClassVar[int] = 3


class Puback(Struct, frozen=True, gc=False):
    """PUBACK (section 3.4). In 3.1.1 it has the packet identifier only."""

    packet_id: int
    code: int = 0
    properties: Properties = ()
    form: Form = None
    flags: int | None = None
    kind: ClassVar[str] = "PUBACK"
    type: ClassVar[int] = 4


class Pubrec(Struct, frozen=True, gc=False):
    """PUBREC (section 3.5)."""

    packet_id: int
    code: int = 0
    properties: Properties = ()
    form: Form = None
    flags: int | None = None
    kind: ClassVar[str] = "PUBREC"
    type: ClassVar[int] = 5


class Pubrel(Struct, frozen=True, gc=False):
    """PUBREL (section 3.6)."""

    packet_id: int
    code: int = 0
    properties: Properties = ()
    form: Form = None
    flags: int | None = None
    kind: ClassVar[str] = "PUBREL"
    type: ClassVar[int] = 6


class Pubcomp(Struct, frozen=True, gc=False):
    """PUBCOMP (section 3.7)."""

    packet_id: int
    code: int = 0
    properties: Properties = ()
    form: Form = None
    flags: int | None = None
    kind: ClassVar[str] = "PUBCOMP"
    type: ClassVar[int] = 7


class Subscription(Struct, frozen=True, gc=False):
    """One filter of a SUBSCRIBE with its options byte (5.0 section 3.8.3.1). `options` is the whole byte: a
    decoded one has it when reserved bits are set, which in 3.1.1 are all but the QoS."""

    filter: Text
    qos: int = 0
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0
    options: int | None = None


class Subscribe(Struct, frozen=True, gc=False):
    """SUBSCRIBE (section 3.8)."""

    packet_id: int
    subscriptions: tuple[Subscription, ...]
    properties: Properties = ()
    flags: int | None = None
    kind: ClassVar[str] = "SUBSCRIBE"
    type: ClassVar[int] = 8


class Suback(Struct, frozen=True, gc=False):
    """SUBACK (section 3.9): a reason code per filter."""

    packet_id: int
    codes: tuple[int, ...]
    properties: Properties = ()
    flags: int | None = None
    kind: ClassVar[str] = "SUBACK"
    type: ClassVar[int] = 9


class Unsubscribe(Struct, frozen=True, gc=False):
    """UNSUBSCRIBE (section 3.10)."""

    packet_id: int
    filters: tuple[Text, ...]
    properties: Properties = ()
    flags: int | None = None
    kind: ClassVar[str] = "UNSUBSCRIBE"
    type: ClassVar[int] = 10


class Unsuback(Struct, frozen=True, gc=False):
    """UNSUBACK (section 3.11): a reason code per filter in 5.0, none in 3.1.1."""

    packet_id: int
    codes: tuple[int, ...] = ()
    properties: Properties = ()
    flags: int | None = None
    kind: ClassVar[str] = "UNSUBACK"
    type: ClassVar[int] = 11


class Pingreq(Struct, frozen=True, gc=False):
    """PINGREQ (section 3.12)."""

    flags: int | None = None
    kind: ClassVar[str] = "PINGREQ"
    type: ClassVar[int] = 12


class Pingresp(Struct, frozen=True, gc=False):
    """PINGRESP (section 3.13)."""

    flags: int | None = None
    kind: ClassVar[str] = "PINGRESP"
    type: ClassVar[int] = 13


class Disconnect(Struct, frozen=True, gc=False):
    """DISCONNECT (section 3.14). In 3.1.1 it is empty."""

    code: int = 0
    properties: Properties = ()
    form: Form = None
    flags: int | None = None
    kind: ClassVar[str] = "DISCONNECT"
    type: ClassVar[int] = 14


class Auth(Struct, frozen=True, gc=False):
    """AUTH (5.0 section 3.15). Encoded for 3.1.1 it has its 5.0 form; decoded there, type 15 is malformed."""

    code: int = 0
    properties: Properties = ()
    form: Form = None
    flags: int | None = None
    kind: ClassVar[str] = "AUTH"
    type: ClassVar[int] = 15


class Raw(Struct, frozen=True, gc=False):
    """Anything at all: the first byte, the remaining length as bytes (None: computed), and what follows."""

    first: int
    body: bytes = b""
    length: bytes | None = None
    kind: ClassVar[str] = "RAW"

    @property
    def type(self) -> int:
        """The high nibble of the first byte."""
        return self.first >> 4


class Malformed(Struct, frozen=True, gc=False):
    """A received frame that is no packet of its version. `raw` is the whole frame, `type` the high nibble of
    its first byte (0 for an empty frame), `problem` a phrase that says where reading ended."""

    type: int
    raw: bytes
    problem: str
    kind: ClassVar[str] = "MALFORMED"


Packet = (
    Connect
    | Connack
    | Publish
    | Puback
    | Pubrec
    | Pubrel
    | Pubcomp
    | Subscribe
    | Suback
    | Unsubscribe
    | Unsuback
    | Pingreq
    | Pingresp
    | Disconnect
    | Auth
    | Raw
    | Malformed
)

#: Packet type -> its name in the standard.
KINDS: dict[int, str] = {
    packet.type: packet.kind
    for packet in (
        Connect,
        Connack,
        Publish,
        Puback,
        Pubrec,
        Pubrel,
        Pubcomp,
        Subscribe,
        Suback,
        Unsubscribe,
        Unsuback,
        Pingreq,
        Pingresp,
        Disconnect,
        Auth,
    )
}


def connect_version(level: int | None, version: Version) -> Version:
    """The format of a CONNECT of protocol level `level` that is read or written for `version`."""
    if level is None or level == version:
        return version
    level &= 0x7F
    return Version(level) if level in (3, 4) else Version.V5 if level == 5 else version
