"""The grammar of hostile packets: proper ones from the codec, with nonsense in their fields, then with their bytes
mangled."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import count

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st

from testbed.mqtt import packets as p
from testbed.mqtt.codec import encode
from testbed.mqtt.hostile.moves import Hello, Move, Send
from testbed.mqtt.packets import Packet, Version
from testbed.mqtt.properties import TABLE, Properties, Wire
from testbed.plans import MAKING

#: Conversations that are made up at a time.
BATCH = 25

_rare = st.sampled_from((None, None, None, 0, 1, 2, 4, 8, 15))
_ids = st.sampled_from((0, 1, 2, 0x7FFF, 0xFFFF))
_words = st.sampled_from(
    (
        "x",
        "x/y",
        "",
        "#",
        "+",
        "x/#/y",
        "x+",
        "$SYS/x",
        "$share/g/x",
        "$share//x",
        "$share/g",
        "$share/g/",
        "$share/+/x",
        "/" * 2000,
        "x" * 65_535,
        "x\0y",
        "\ufeff",
        b"\xff\xfe",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
    )
)
_payloads = st.sampled_from((b"", b"x", b"\0" * 100, b"x" * 100_000))
_bytes = st.binary(max_size=12)
_qos = st.integers(0, 3)

_VALUES: dict[Wire, st.SearchStrategy] = {
    Wire.BYTE: st.sampled_from((0, 1, 2, 255)),
    Wire.TWO: st.sampled_from((0, 1, 0xFFFF)),
    Wire.FOUR: st.sampled_from((0, 1, 0xFFFFFFFF)),
    Wire.VARINT: st.sampled_from((0, 1, 268_435_455, b"\xff\xff\xff\xff\x01", b"\x80\x00")),
    Wire.STRING: _words,
    Wire.BINARY: st.sampled_from((b"", b"x", b"\xff" * 60_000)),
    Wire.PAIR: st.tuples(_words, _words),
}
_property = st.sampled_from(sorted(TABLE)).flatmap(
    lambda name: st.tuples(st.just(int(name)), _VALUES[TABLE[name].wire] | _bytes)
) | st.tuples(st.integers(0, 127), _bytes)
_many = st.builds(lambda one, count: (one,) * count, _property, st.sampled_from((2, 50, 3000)))
_properties: st.SearchStrategy[Properties] = st.lists(_property, max_size=3).map(tuple) | _many  # type: ignore[assignment]
_will = st.none() | st.builds(p.Will, _words, _payloads, _qos, st.booleans(), _properties)
_subscription = st.builds(
    p.Subscription, _words, _qos, st.booleans(), st.booleans(), st.integers(0, 3), st.none() | st.integers(0, 255)
)
_subscriptions = st.lists(_subscription, max_size=3).map(tuple) | st.builds(
    lambda one, count: (one,) * count, _subscription, st.sampled_from((100, 2000))
)

_acknowledgements = (p.Puback, p.Pubrec, p.Pubrel, p.Pubcomp)
_codes = st.sampled_from((0, 1, 0x10, 0x7F, 0x80, 0x92, 0xFF))
_packet: st.SearchStrategy[Packet] = st.one_of(
    st.builds(
        p.Connect,
        _words,
        st.booleans(),
        st.sampled_from((0, 1, 0xFFFF)),
        _will,
        st.none() | _words,
        st.none() | _payloads.filter(lambda b: len(b) < 60_000),
        _properties,
        st.sampled_from(("MQTT", "MQIsdp", "", "mqtt", b"\xff")),
        st.sampled_from((None, 0, 3, 4, 5, 6, 0x84, 255)),
        st.booleans(),
        st.none() | st.integers(0, 255),
        _rare,
    ),
    st.builds(p.Publish, _words, _payloads, _qos, st.booleans(), st.booleans(), st.none() | _ids, _properties, _rare),
    st.builds(p.Subscribe, _ids, _subscriptions, _properties, _rare),
    st.builds(
        p.Unsubscribe,
        _ids,
        st.lists(_words, max_size=3).map(tuple) | st.just(("x",) * 3000),
        _properties,
        _rare,
    ),
    *(st.builds(one, _ids, _codes, _properties, st.just("full"), _rare) for one in _acknowledgements),
    st.builds(p.Disconnect, _codes, _properties, st.just("full"), _rare),
    st.builds(p.Auth, st.sampled_from((0, 0x18, 0x19, 0xFF)), _properties, st.just("full"), _rare),
    st.builds(p.Pingreq, _rare),
    st.builds(p.Connack, st.booleans(), _codes, _properties),
    st.builds(p.Suback, _ids, st.lists(_codes, max_size=3).map(tuple), _properties),
    st.builds(p.Unsuback, _ids, st.lists(_codes, max_size=3).map(tuple), _properties),
    st.builds(p.Pingresp, _rare),
    st.builds(p.Raw, st.integers(0, 255), st.binary(max_size=40), st.none() | st.binary(min_size=1, max_size=5)),
)


@st.composite
def _frames(draw: st.DrawFn, version: Version) -> bytes:
    """One packet on the wire, and perhaps what is left of it when its bytes are mangled."""
    try:
        data = encode(draw(_packet), version)
    except ValueError:  # it has no wire form
        data = encode(p.Pingreq(), version)
    for _ in range(draw(st.sampled_from((0, 0, 1, 1, 2)))):
        data = draw(st.sampled_from(_MANGLING))(data, draw(st.integers(0, max(0, len(data) - 1))), draw(_bytes))
    return data


def _cut(data: bytes, at: int, more: bytes) -> bytes:
    return data[:at]


def _flipped(data: bytes, at: int, more: bytes) -> bytes:
    return data[:at] + bytes((data[at] ^ (more[0] if more else 0xFF),)) + data[at + 1 :] if data else more


def _spliced(data: bytes, at: int, more: bytes) -> bytes:
    return data[:at] + more + data[at:]


def _without(data: bytes, at: int, more: bytes) -> bytes:
    return data[:at] + data[at + max(1, len(more)) :]


def _longer(data: bytes, at: int, more: bytes) -> bytes:
    """A remaining length that announces more, or never ends, or is written too long."""
    lengths = (b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff\x7f", b"\x80\x80\x80\x00", b"\x00", b"\xff\x7f")
    body = next((index + 1 for index in range(1, min(5, len(data))) if data[index] < 0x80), 2)
    return data[:1] + lengths[len(more) % len(lengths)] + data[body:]


def _largest_fields(data: bytes, at: int, more: bytes) -> bytes:
    return data[:at] + b"\xff\xff" + data[at + 2 :]


_MANGLING: tuple[Callable[[bytes, int, bytes], bytes], ...] = (
    _cut,
    _flipped,
    _spliced,
    _without,
    _longer,
    _largest_fields,
)


@st.composite
def _conversations(draw: st.DrawFn, version: Version) -> list[Move]:
    """Mostly behind a proper CONNECT; sometimes on two connections in turn, or as noise alone."""
    moves: list[Move] = []
    links = (0, 1) if draw(st.integers(0, 4)) == 0 else (0,)
    for link in links:
        if draw(st.integers(0, 5)):
            moves.append(Hello(link))
    for _ in range(draw(st.integers(1, 4))):
        noise = draw(st.integers(0, 9)) == 0
        data = draw(st.binary(min_size=1, max_size=200) if noise else _frames(version))
        if data:
            moves.append(Send(data.hex(), draw(st.sampled_from(links))))
    return moves


def conversations(version: Version, number: int, wanted: Callable[[list[Move]], bool]) -> None:
    """Make conversations up from the seed `number` and give each to `wanted` until that says False."""
    for batch in count():
        for moves in _batch(version, number * 1_000_003 + batch):
            if any(isinstance(move, Send) for move in moves) and not wanted(list(moves)):
                return


@lru_cache(maxsize=16)
def _batch(version: Version, number: int) -> tuple[tuple[Move, ...], ...]:
    """The conversations of one seed; the same for every device, so they are made once."""
    made: list[tuple[Move, ...]] = []

    @seed(number)
    @settings(
        max_examples=BATCH,
        phases=[Phase.generate],
        database=None,
        derandomize=False,
        deadline=None,
        suppress_health_check=list(HealthCheck),  # type: ignore[arg-type]
        verbosity=Verbosity.quiet,
    )
    @given(moves=_conversations(version))
    def make(moves: list[Move]) -> None:
        made.append(tuple(moves))

    with MAKING:
        make()
    return tuple(made)
