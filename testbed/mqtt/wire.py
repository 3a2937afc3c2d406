"""The data representations of MQTT (5.0 section 1.5, 3.1.1 section 1.5): integers, strings, pairs.

Readers take the whole frame and an offset, and return the value with the offset behind it. Beyond the end of
the frame they raise `Ill` or IndexError; `testbed.mqtt.decoding` turns both into a `Malformed`.
"""

from __future__ import annotations

#: A string field: str when its bytes are well-formed UTF-8, else the bytes themselves.
Text = str | bytes

#: The largest variable byte integer, and so the largest remaining length (5.0 section 1.5.5).
LARGEST_VARINT = 268_435_455

TOO_SHORT = "the packet ends inside a field"


class Ill(Exception):
    """These bytes cannot be read as a value; the text says why."""


def text(value: Text) -> bytes:
    """A UTF-8 string (5.0 section 1.5.4) or binary data (1.5.6) with its two-byte length.

    Bytes are said as they are. Lone surrogates, which a str may hold and UTF-8 may not, are said too.
    ValueError when longer than 65,535 bytes.
    """
    if isinstance(value, str):
        try:
            value = value.encode()
        except UnicodeEncodeError:
            value = value.encode("utf-8", "surrogatepass")
    size = len(value)
    if size > 0xFFFF:
        raise ValueError(f"a string or binary field holds at most 65535 bytes, this one has {size}")
    return size.to_bytes(2, "big") + value


def number(value: int, size: int, name: str) -> bytes:
    """An unsigned big-endian integer of `size` bytes; ValueError names the field when it does not fit."""
    try:
        return value.to_bytes(size, "big")
    except OverflowError:
        raise ValueError(f"{name} {value} does not fit into {size} byte{'s' * (size > 1)}") from None


def varint(value: int) -> bytes:
    """A variable byte integer (5.0 section 1.5.5) in its shortest form; ValueError outside 0..268435455."""
    if 0 <= value < 0x80:
        return value.to_bytes(1, "big")
    if not 0 <= value <= LARGEST_VARINT:
        raise ValueError(f"{value} has no variable byte integer: the range is 0..{LARGEST_VARINT}")
    digits = bytearray()
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """A variable byte integer; `Ill` when longer than four bytes or than needed [MQTT-1.5.5-1]."""
    digit = data[at]
    if digit < 0x80:
        return digit, at + 1
    value = digit & 0x7F
    for count in (1, 2, 3):
        digit = data[at + count]
        value |= (digit & 0x7F) << 7 * count
        if digit < 0x80:
            if digit == 0:
                raise Ill(f"a variable byte integer spends {count + 1} bytes on {value}")
            return value, at + count + 1
    raise Ill("a variable byte integer does not end after four bytes")


def read_two(data: bytes, at: int) -> tuple[int, int]:
    """A two byte integer."""
    return data[at] << 8 | data[at + 1], at + 2


def read_four(data: bytes, at: int) -> tuple[int, int]:
    """A four byte integer."""
    return data[at] << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3], at + 4


def read_byte(data: bytes, at: int) -> tuple[int, int]:
    """A byte."""
    return data[at], at + 1


def read_binary(data: bytes, at: int) -> tuple[bytes, int]:
    """Binary data with a two-byte length."""
    start = at + 2
    end = start + (data[at] << 8 | data[at + 1])
    if end > len(data):
        raise Ill(f"a field says {end - start} bytes, {len(data) - start} are left")
    return data[start:end], end


def read_text(data: bytes, at: int) -> tuple[Text, int]:
    """A string: str when well-formed UTF-8 (U+0000 included, the rules judge it), else bytes."""
    start = at + 2
    end = start + (data[at] << 8 | data[at + 1])
    if end > len(data):
        raise Ill(f"a field says {end - start} bytes, {len(data) - start} are left")
    try:
        return data[start:end].decode(), end
    except UnicodeDecodeError:
        return data[start:end], end


def read_pair(data: bytes, at: int) -> tuple[tuple[Text, Text], int]:
    """A string pair (5.0 section 1.5.7)."""
    name, at = read_text(data, at)
    value, at = read_text(data, at)
    return (name, value), at
