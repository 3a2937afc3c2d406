"""Edge nodes that the tester plays for a host application under test."""

from __future__ import annotations

from testbed.sparkplug import codec
from testbed.sparkplug.payload import DataType, Metric, Payload, Value
from testbed.sparkplug.rules.node import BDSEQ, REBIRTH
from testbed.sparkplug.serving import Session, now_ms
from testbed.sparkplug.topics import OF_DEVICE, Topic

#: Name and alias of the metric that changes in NDATA and DDATA.
LEVEL, LEVEL_ALIAS = "Level", 7


class PlayedNode:
    """One edge node with at most one device, as its messages show it. It keeps every rule unless told otherwise."""

    def __init__(self, session: Session, group: str, name: str, *, device: str = "", aliases: bool = False) -> None:
        """`aliases` gives every metric but those of the node's control an alias."""
        self.session = session
        self.topic = Topic(group, "NBIRTH", name)
        self.device = device
        self._aliases = aliases
        self._seq = -1
        self._bdseq = 0
        #: Further metrics of births, by name: datatype and value. Those of the device are below True.
        self.more: dict[bool, dict[str, tuple[int, Value]]] = {False: {}, True: {}}

    def next_seq(self) -> int:
        """The sequence number that the next message has; it is used up."""
        self._seq = (self._seq + 1) % 256
        return self._seq

    def numbered(self, name: str) -> int | None:
        """The alias of one of the further metrics; None when this node uses none."""
        return sum(name.encode()) + 1000 if self._aliases else None

    def _metrics(self, device: bool) -> tuple[Metric, ...]:
        now = now_ms()
        alias = (LEVEL_ALIAS + device) if self._aliases else None
        found = [Metric(LEVEL, alias, now, DataType.INT32, value=Value("int", 1))]
        for name, (datatype, value) in self.more[device].items():
            found.append(Metric(name, self.numbered(name), now, datatype, value=value))
        return tuple(found)

    async def send(self, type: str, payload: Payload, device: str | None = None) -> None:
        """Any message of this node. Inconclusive when the host does not listen to it."""
        name = device if device is not None else self.device if type in OF_DEVICE else None
        await self.session.tell(self.topic.of(type, name), codec.encode(payload))

    async def born(self) -> None:
        """NBIRTH, and DBIRTH where there is a device."""
        self._seq = -1
        now = now_ms()
        control = (
            Metric(BDSEQ, None, now, DataType.INT64, value=Value("long", self._bdseq)),
            Metric(REBIRTH, None, now, DataType.BOOLEAN, value=Value("boolean", False)),
        )
        await self.send("NBIRTH", Payload(now, (*control, *self._metrics(False)), self.next_seq()))
        if self.device:
            await self.send("DBIRTH", Payload(now, self._metrics(True), self.next_seq()))

    async def data(self, value: int, *, seq: int | None = None, device: bool = False, name: str = LEVEL) -> None:
        """NDATA or DDATA with a new value; `seq` instead of the number that is due."""
        alias = None
        if self._aliases:
            alias = LEVEL_ALIAS + device if name == LEVEL else self.numbered(name)
        metric = Metric(None if alias is not None else name, alias, now_ms(), value=Value("int", value))
        number = self.next_seq() if seq is None else seq
        await self.send("DDATA" if device else "NDATA", Payload(now_ms(), (metric,), number))

    async def dies(self) -> None:
        """NDEATH, as the server would say it."""
        metric = Metric(BDSEQ, None, now_ms(), DataType.INT64, value=Value("long", self._bdseq))
        await self.send("NDEATH", Payload(now_ms(), (metric,)))
