"""Wireshark's dissector reads from our frames what we put in: about 100 packets, one capture, one run."""

from __future__ import annotations

import json
import random
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from testbed.mqtt.codec import encode
from testbed.mqtt.packets import (
    Auth,
    Connack,
    Connect,
    Disconnect,
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
    Subscription,
    Unsuback,
    Unsubscribe,
    Version,
    Will,
)
from testbed.mqtt.properties import Properties, Property

Fields = dict[str, list[str]]
_TSHARK = shutil.which("tshark")
pytestmark = pytest.mark.skipif(_TSHARK is None, reason="tshark is not on PATH (Debian: apt install tshark)")


def conversation(version: Version, seed: int) -> list[Packet]:
    """A CONNECT, from which the dissector learns the version, and about 50 packets of every kind."""
    dice = random.Random(seed)
    v5 = version is Version.V5

    def word() -> str:
        return "".join(dice.choices("abcdefgh/é水", k=dice.randint(1, 9)))

    def number() -> int:
        return dice.randint(1, 65_535)

    def block(*choices: tuple[int, Any]) -> Properties:
        user = (Property.USER_PROPERTY, (word(), word()))
        return tuple(dice.sample([*choices, user], dice.randint(0, len(choices) + 1))) if v5 else ()

    def publish() -> Publish:
        qos = dice.randint(0, 2)
        return Publish(
            word(),
            dice.randbytes(dice.randint(1, 200)),
            qos,
            dice.random() < 0.5,
            qos > 0 and dice.random() < 0.5,
            number() if qos else None,
            block((Property.CONTENT_TYPE, word()), (Property.MESSAGE_EXPIRY_INTERVAL, number())),
        )

    def acknowledgement() -> Packet:
        made = dice.choice((Puback, Pubrec, Pubrel, Pubcomp))
        code = dice.choice((0x00, 0x92) if made in (Pubrel, Pubcomp) else (0x00, 0x10, 0x80, 0x97))
        return made(number(), code, block((Property.REASON_STRING, word()))) if v5 else made(number())

    def subscribe() -> Subscribe:
        wanted = [
            Subscription(word(), dice.randint(0, 2), *((True, False, dice.randint(0, 2)) if v5 else ()))
            for _ in range(dice.randint(1, 3))
        ]
        return Subscribe(number(), tuple(wanted), block((Property.SUBSCRIPTION_IDENTIFIER, number())))

    makers: list[Callable[[], Packet]] = [
        publish,
        publish,
        acknowledgement,
        acknowledgement,
        subscribe,
        lambda: Suback(number(), (0, 1, 2, 0x80), block((Property.REASON_STRING, word()))),
        lambda: Unsubscribe(number(), (word(), word()), block()),
        lambda: Unsuback(number(), (0, 0x11) if v5 else (), block()),
        lambda: dice.choice((Pingreq(), Pingresp())),
        lambda: Connack(dice.random() < 0.5, 0x87 if v5 else 5, block((Property.RECEIVE_MAXIMUM, number()))),
    ]
    will = Will(word(), b"gone", 2, True, block((Property.WILL_DELAY_INTERVAL, number())))
    head = Connect(
        word(), True, number(), will, word(), b"secret", block((Property.SESSION_EXPIRY_INTERVAL, number()))
    )
    tail: list[Packet] = [Auth(0x18, ((Property.AUTHENTICATION_METHOD, word()),))] if v5 else []
    tail.append(Disconnect(0x04 if v5 else 0))
    return [head, *(makers[turn % len(makers)]() for turn in range(48)), *tail]


def capture(conversations: list[list[bytes]]) -> bytes:
    """A pcap file of raw IPv4: each conversation a TCP connection to port 1883, each frame a segment."""
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 101)]
    for index, frames in enumerate(conversations):
        sequence = 1
        for frame in frames:
            tcp = struct.pack("!HHIIBBHHH", 50_000 + index, 1883, sequence, 1, 0x50, 0x18, 8192, 0, 0)
            size = 20 + len(tcp) + len(frame)
            ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, size, 0, 0, 64, 6, 0, b"\x7f\0\0\1", b"\x7f\0\0\2")
            out += struct.pack("<IIII", index, sequence & 0xFFFF, size, size), ip, tcp, frame
            sequence += len(frame)
    return b"".join(out)


def dissect(path: Path) -> list[Fields]:
    """The MQTT fields of each packet of a capture, by name, in order."""
    assert _TSHARK is not None
    ran = subprocess.run(
        [_TSHARK, "-r", str(path), "-d", "tcp.port==1883,mqtt", "-T", "json"],
        capture_output=True,
        check=True,
        timeout=60,
    )

    def walk(pairs: list[tuple[str, Any]], into: Fields) -> Fields:
        for key, value in pairs:
            if isinstance(value, list):
                walk(value, into)
            else:
                into.setdefault(key, []).append(value)
        return into

    found: list[Fields] = []
    for packet in json.loads(ran.stdout, object_pairs_hook=list):
        layers = dict(dict(packet)["_source"])["layers"]
        found.append(walk([pair for pair in layers if pair[0] == "mqtt"], {}))
    return found


def fields(packet: Packet, version: Version) -> Fields:
    """What the dissector must say of `packet`."""
    v5 = version is Version.V5
    said: Fields = {"mqtt.msgtype": [str(packet.type)]}
    identifier = getattr(packet, "packet_id", None)
    if identifier is not None:
        said["mqtt.msgid"] = [str(identifier)]
    blocks: list[Properties] = [getattr(packet, "properties", ())]
    if isinstance(packet, Connect) and packet.will is not None:
        blocks.append(packet.will.properties)
    everything = [one for block in blocks for one in block]
    if everything:
        said["mqtt.property_id"] = [f"0x{key:02x}" for key, _ in everything]
        said["mqtt.prop_key"] = [value[0] for _, value in everything if isinstance(value, tuple)]
        said["mqtt.prop_value"] = [value[1] for _, value in everything if isinstance(value, tuple)]
    code = getattr(packet, "code", None)
    if code and v5:
        said[f"mqtt.{packet.kind.lower()}.reason_code"] = [str(code)]
    match packet:
        case Connect(will=Will() as will):
            said |= {
                "mqtt.ver": [str(int(version))],
                "mqtt.protoname": ["MQTT"],
                "mqtt.clientid": [str(packet.client_id)],
                "mqtt.kalive": [str(packet.keep_alive)],
                "mqtt.username": [str(packet.username)],
                "mqtt.passwd": ["secret"],
                "mqtt.willtopic": [str(will.topic)],
                "mqtt.willmsg": [will.payload.hex(":")],
                "mqtt.conflag.qos": ["2"],
            }
        case Publish():
            said |= {
                "mqtt.topic": [str(packet.topic)],
                "mqtt.msg": [packet.payload.hex(":")],
                "mqtt.qos": [str(packet.qos)],
                "mqtt.retain": [str(int(packet.retain))],
                "mqtt.dupflag": [str(int(packet.dup))],
            }
        case Subscribe():
            wanted = packet.subscriptions
            said["mqtt.topic"] = [str(one.filter) for one in wanted]
            if v5:
                said["mqtt.subscription_options_qos"] = [str(one.qos) for one in wanted]
                said["mqtt.subscription_options_retain"] = [str(one.retain_handling) for one in wanted]
                said["mqtt.subscription_options_nl"] = ["1"] * len(wanted)
            else:
                said["mqtt.sub.qos"] = [str(one.qos) for one in wanted]
        case Unsubscribe():
            said["mqtt.topic"] = [str(one) for one in packet.filters]
        case Suback() | Unsuback():
            name = f"mqtt.{packet.kind.lower()}.reason_code" if v5 else "mqtt.suback.qos"
            said |= {name: [str(code) for code in packet.codes]} if packet.codes else {}
        case Connack():
            said["mqtt.conack.flags.sp"] = [str(int(packet.session_present))]
    return {name: values for name, values in said.items() if values}


def _plain(name: str, value: str) -> str:
    """One spelling for values that releases of the dissector write differently."""
    if value in ("True", "False", "true", "false"):
        return str(int(value.lower() == "true"))
    if name != "mqtt.property_id" and value.startswith("0x"):
        return str(int(value, 16))
    return value


def test_tshark_reads_what_was_said(tmp_path: Path) -> None:
    spoken = {version: conversation(version, seed=int(version)) for version in (Version.V311, Version.V5)}
    path = tmp_path / "codec.pcap"
    path.write_bytes(
        capture([[encode(packet, version) for packet in packets] for version, packets in spoken.items()])
    )
    read = dissect(path)
    expected = [(packet, fields(packet, version)) for version, packets in spoken.items() for packet in packets]
    assert len(read) == len(expected) >= 99
    for (packet, said), seen in zip(expected, read, strict=True):
        values = {name: [_plain(name, value) for value in seen.get(name, [])] for name in said}
        plain = {name: [_plain(name, value) for value in want] for name, want in said.items()}
        assert values == plain, packet
