"""What the handles on a broker and on a client under test share: names that no other cell has, and parameters."""

from __future__ import annotations

import hashlib
from typing import Any

from testbed.mqtt.packets import Version
from testbed.trial import Trial

#: Edition -> protocol version.
VERSIONS = {"mqtt-3.1.1": Version.V311, "mqtt-5.0": Version.V5}


class Handle:
    """A device under test, as one case sees it."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.version = VERSIONS[trial.edition]
        self._names = 0

    @property
    def v5(self) -> bool:
        return self.version >= Version.V5

    def client_id(self, name: str = "") -> str:
        """At most 23 letters and digits, which every broker must take [MQTT-3.1.3-5]; another for each `name`."""
        self._names += 1
        name = name or f"c{self._names}"
        letters = "".join(letter for letter in name if letter.isascii() and letter.isalnum())
        id = f"{self.trial.scope}{letters}"
        if letters == name and len(id) <= 23:
            return id
        return id[:15] + hashlib.sha256(name.encode()).hexdigest()[:8]

    def topic(self, name: str = "t") -> str:
        """A topic below the cell's own level; `name` may hold levels and wildcards."""
        return f"{self.trial.scope}/{name}"

    def parameter(self, name: str, default: Any) -> Any:
        """An IXIT value of this device."""
        return self.trial.dut.parameter(name, default)

    def claims(self, feature: str) -> bool:
        """Whether the device has an optional feature, as claimed or discovered."""
        return self.trial.dut.claims.get(feature, True)
