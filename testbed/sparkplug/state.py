"""What a STATE message says (3.0, sections 4.2.3 and 6.4.27): JSON with `online` and `timestamp`."""

from __future__ import annotations

from msgspec import DecodeError, Struct, json

#: Bytes of a STATE payload; a longer one is nothing of the kind.
LONGEST = 64 * 1024


class State(Struct, frozen=True):
    """A STATE payload. `timestamp` is in milliseconds since 1970, UTC."""

    online: bool
    timestamp: int

    def encoded(self) -> bytes:
        """As it goes onto the wire."""
        return json.encode(self)


def read(payload: bytes) -> State | str:
    """A payload as a State, or a phrase that says what is wrong with it."""
    if len(payload) > LONGEST:
        return f"{len(payload)} bytes"
    try:
        found = json.decode(payload)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return f"{_shown(payload)}, which is no JSON in UTF-8"
    if not isinstance(found, dict):
        return f"{_shown(payload)}, which is no JSON object"
    online, timestamp = found.get("online"), found.get("timestamp")
    if not isinstance(online, bool):
        return f"{_shown(payload)}, without a Boolean online"
    if isinstance(timestamp, float) and timestamp.is_integer():
        timestamp = int(timestamp)
    if not isinstance(timestamp, int) or isinstance(timestamp, bool):
        return f"{_shown(payload)}, without a whole number timestamp"
    if set(found) != {"online", "timestamp"}:
        return f"{_shown(payload)}, with more than online and timestamp"
    return State(online, timestamp)


def _shown(payload: bytes) -> str:
    return repr(payload[:80])
