"""What is wrong with the payload of a CONNECT that cannot be read (section 3.1.3)."""

from __future__ import annotations

import enum

from testbed.mqtt.packets import Version
from testbed.mqtt.properties import read_block
from testbed.mqtt.wire import Ill, read_binary, read_text, read_varint


class Fault(enum.StrEnum):
    """A field that the connect flags announce and that is missing, or one that they do not announce.

    Fields have no names of their own, only places; so a field is missing where the payload ends, and one too
    many is taken for what may follow the last that was announced.
    """

    NO_CLIENT_ID = "no client identifier"
    NO_WILL = "Will Flag 1 and a will that is missing or cut short"
    NO_USER_NAME = "User Name Flag 1 and no user name"
    NO_PASSWORD = "Password Flag 1 and no password"
    USER_NAME = "User Name Flag 0 and one more field in that place"
    PASSWORD = "Password Flag 0 and one more field in that place"
    OTHER_FIELDS = "fields that its flags do not announce"


def ailing(frame: bytes, version: Version) -> Fault | None:
    """Why the payload of this CONNECT cannot be read; None when that is not its fault, or not to be told."""
    try:
        found = _payload(frame, version)
    except (Ill, IndexError):
        return None
    if found is None:
        return None
    bits, at = frame[found[0]], found[1]
    announced = [Fault.NO_CLIENT_ID]
    announced += [Fault.NO_WILL] * 2 if bits & 0x04 else []
    announced += [Fault.NO_USER_NAME] if bits & 0x80 else []
    announced += [Fault.NO_PASSWORD] if bits & 0x40 else []
    for index, fault in enumerate(announced):
        if at == len(frame):
            return fault
        try:
            if version >= Version.V5 and fault is Fault.NO_WILL and index == 1:
                _, at = read_block(frame, at)
            _, at = read_binary(frame, at)
        except (Ill, IndexError):
            # A length that runs over the end says nothing about which fields there are.
            return None
    return _too_many(frame, at, bits)


def _payload(frame: bytes, version: Version) -> tuple[int, int] | None:
    """Offsets of the connect flags and of the payload; None for another protocol."""
    size, at = read_varint(frame, 1)
    if size != len(frame) - at:
        return None
    name, at = read_text(frame, at)
    if name != "MQTT" or frame[at] != version:
        return None
    flags, at = at + 1, at + 4
    if version >= Version.V5:
        _, at = read_block(frame, at)
    return flags, at


def _too_many(frame: bytes, at: int, bits: int) -> Fault | None:
    """What the bytes after the last field are, if they are whole fields."""
    count = 0
    while at < len(frame):
        try:
            _, at = read_binary(frame, at)
        except (Ill, IndexError):
            return None
        count += 1
    if count == 0:
        return None
    if count > 1 or bits & 0x40:
        return Fault.OTHER_FIELDS
    return Fault.PASSWORD if bits & 0x80 else Fault.USER_NAME
