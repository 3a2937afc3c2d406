"""Properties by name, as shims are told them."""

from __future__ import annotations

from typing import Any

from testbed.mqtt import shim
from testbed.mqtt.properties import Property, props


def named(properties: Any) -> dict[str, shim.Value]:
    """Properties as a shim is told them: by name, binary data in hexadecimal, user properties as pairs."""
    found: dict[str, shim.Value] = {}
    for number, value in props(properties):
        name = Property(number).name.lower()
        if number == Property.USER_PROPERTY:
            pairs = found.setdefault(name, [])
            assert isinstance(pairs, list) and isinstance(value, tuple)
            pairs.append([str(text) for text in value])  # type: ignore[arg-type]
        else:
            found[name] = value.hex() if isinstance(value, bytes) else value  # type: ignore[assignment]
    return found
