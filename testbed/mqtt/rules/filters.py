"""Topic filters a session holds, and the topics they reach (3.1.1 and 5.0, section 4.7)."""

from __future__ import annotations

from testbed.mqtt.matching import levels_match
from testbed.mqtt.wire import Text

#: No filter reaches the topic.
UNREACHED = -1


class Filters:
    """Filters with the highest QoS each was ever granted.

    None is ever forgotten: what the server took in before an UNSUBSCRIBE it may still deliver. A filter whose
    meaning is not plain (ill-formed, with a misplaced wildcard, below a `$` level that servers give meanings of
    their own) reaches every topic, so that nothing is held against the server for it.
    """

    def __init__(self) -> None:
        self._plain: dict[str, int] = {}
        self._wild: dict[str, tuple[tuple[str, ...], int]] = {}
        self._anything = UNREACHED
        #: Whether one of them was a shared subscription.
        self.shared = False

    def add(self, given: Text, qos: int) -> None:
        """Hold `given` with a granted QoS."""
        if isinstance(given, bytes):
            self._anything = max(self._anything, qos)
            return
        if given.startswith("$share/"):
            self._share(given, qos)
        elif not well_formed(given) or (given.startswith("$") and not given.startswith("$SYS")):
            self._anything = max(self._anything, qos)
        else:
            self._hold(given, qos)

    def _share(self, given: str, qos: int) -> None:
        """A shared subscription; to a 3.1.1 server without them, a filter as any other."""
        self.shared = True
        parts = given.split("/", 2)
        if len(parts) < 3 or not parts[1] or not well_formed(parts[2]):
            self._anything = max(self._anything, qos)
            return
        self._hold(parts[2], qos)
        self._hold(given, qos)

    def _hold(self, given: str, qos: int) -> None:
        if "+" in given or "#" in given:
            levels, before = self._wild.get(given, ((), UNREACHED))
            self._wild[given] = levels or tuple(given.split("/")), max(before, qos)
        else:
            self._plain[given] = max(self._plain.get(given, UNREACHED), qos)

    def reach(self, topic: str, *, hidden: bool = False) -> int:
        """The highest QoS over the filters that reach `topic`; UNREACHED when none does. `hidden` asks what
        would be if a leading wildcard reached topics that begin with `$`."""
        best = max(self._anything, self._plain.get(topic, UNREACHED))
        if self._wild:
            levels = topic.split("/")
            for filter_levels, qos in self._wild.values():
                if qos > best and levels_match(filter_levels, levels, hidden):
                    best = qos
        return best


def well_formed(given: str) -> bool:
    """Whether wildcards stand where they may, in a filter of at least one character without U+0000."""
    if not given or "\0" in given:
        return False
    if "+" not in given and "#" not in given:
        return True
    levels = given.split("/")
    last = len(levels) - 1
    for index, level in enumerate(levels):
        if len(level) > 1 and ("+" in level or "#" in level):
            return False
        if level == "#" and index != last:
            return False
    return True
