"""Hypothesis strategies for MQTT packets: `packets` come back equal from the wire, `odd_packets` do not."""

from __future__ import annotations

from hypothesis import strategies as st

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
    Raw,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Version,
    Will,
)
from testbed.mqtt.properties import TABLE, Wire

versions = st.sampled_from(Version)
bits = st.booleans()
byte = st.integers(0, 255)
two = st.integers(0, 0xFFFF)
qos = st.integers(0, 3)
blobs = st.binary(max_size=20)


def _ill(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return True
    return False


well_formed = st.text(max_size=12)
texts = well_formed | st.binary(min_size=1, max_size=6).filter(_ill)

_VALUES = {
    Wire.BYTE: byte,
    Wire.TWO: two,
    Wire.FOUR: st.integers(0, 0xFFFFFFFF),
    Wire.VARINT: st.integers(0, 268_435_455),
    Wire.STRING: texts,
    Wire.BINARY: blobs,
    Wire.PAIR: st.tuples(texts, texts),
}
one_property = st.sampled_from(list(TABLE)).flatmap(lambda key: st.tuples(st.just(key), _VALUES[TABLE[key].wire]))
#: In any packet, in any order, any number of times.
blocks = st.lists(one_property, max_size=4).map(tuple)
none = st.just(())


def packets(version: Version) -> st.SearchStrategy[Packet]:
    """Packets that come back equal from `version`'s wire."""
    v5 = version is Version.V5
    block = blocks if v5 else none
    code = byte if v5 else st.just(0)
    codes = st.lists(byte, max_size=4).map(tuple)
    zero = st.none() | st.integers(1, 15)
    two_usual = st.none() | st.integers(0, 15).filter(lambda low: low != 2)
    wills = st.builds(Will, texts, blobs, qos, bits, block)
    options = (qos, bits, bits, qos) if v5 else (qos,)
    publish = st.tuples(texts, blobs, bits, bits, block)
    subscriptions = st.lists(st.builds(Subscription, texts, *options), max_size=3).map(tuple)
    some = [
        st.builds(
            Connect,
            texts,
            bits,
            two,
            st.none() | wills,
            st.none() | texts,
            st.none() | blobs,
            block,
            texts,
            reserved=bits,
            flags=zero,
        ),
        st.builds(Connack, bits, byte, block, flags=zero),
        publish.map(lambda p: Publish(p[0], p[1], 0, p[2], p[3], None, p[4])),
        st.builds(
            lambda p, level, identifier: Publish(p[0], p[1], level, p[2], p[3], identifier, p[4]),
            publish,
            st.integers(1, 3),
            two,
        ),
        st.builds(Puback, two, code, block, flags=zero),
        st.builds(Pubrec, two, code, block, flags=zero),
        st.builds(Pubrel, two, code, block, flags=two_usual),
        st.builds(Pubcomp, two, code, block, flags=zero),
        st.builds(Subscribe, two, subscriptions, block, flags=two_usual),
        st.builds(Suback, two, codes, block, flags=zero),
        st.builds(Unsubscribe, two, st.lists(texts, max_size=3).map(tuple), block, flags=two_usual),
        st.builds(Unsuback, two, codes if v5 else none, block, flags=zero),
        st.builds(Pingreq, zero),
        st.builds(Pingresp, zero),
        st.builds(Disconnect, code, block, flags=zero),
    ]
    if v5:
        some.append(st.builds(Auth, code, block, flags=zero))
    return st.one_of(some)


def odd_packets(version: Version) -> st.SearchStrategy[Packet]:
    """Packets whose fields contradict each other: they have bytes, and these come back as something else."""
    block = blocks if version is Version.V5 else none
    nibble = st.none() | st.integers(0, 15)
    maybe = st.none() | byte
    wills = st.builds(Will, texts, blobs, qos, bits, block)
    return st.one_of(
        st.builds(
            Connect,
            texts,
            bits,
            two,
            st.none() | wills,
            st.none() | texts,
            st.none() | blobs,
            none,
            texts,
            maybe,
            bits,
            maybe,
            nibble,
        ),
        st.builds(Connack, bits, byte, block, maybe, nibble),
        st.builds(Publish, texts, blobs, qos, bits, bits, st.none() | two, block, nibble),
        st.builds(Subscribe, two, st.tuples(st.builds(Subscription, texts, qos, bits, bits, qos, maybe)), block),
        st.builds(Raw, byte, blobs, st.none() | st.binary(max_size=5)),
        st.builds(Auth, byte, blobs.map(lambda _: ())),
    )


@st.composite
def hostile_frames(draw: st.DrawFn) -> bytes:
    """A valid frame with a few bytes changed, cut or added, its length field sometimes put right again."""
    from testbed.mqtt.codec import encode

    version = draw(versions)
    frame = bytearray(encode(draw(packets(version)), version))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(frame)))
        match draw(st.sampled_from(("set", "cut", "add"))):
            case "set" if at < len(frame):
                frame[at] = draw(byte)
            case "cut":
                del frame[at : at + draw(st.integers(1, 3))]
            case _:
                frame[at:at] = draw(st.binary(min_size=1, max_size=3))
    if draw(bits) and 2 <= len(frame) < 130:
        frame[1] = len(frame) - 2
    return bytes(frame)
