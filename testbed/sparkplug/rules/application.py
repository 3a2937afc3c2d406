"""What the messages of one connection have established of a host application, and what it was told of nodes."""

from __future__ import annotations

from dataclasses import dataclass, field

from testbed.mqtt.matching import matches
from testbed.mqtt.packets import Connect, Publish, Subscribe
from testbed.mqtt.wire import Text
from testbed.sparkplug import state
from testbed.sparkplug.payload import Metric, Payload
from testbed.sparkplug.state import State
from testbed.sparkplug.topics import BIRTHS, Topic, host_of, state_topic

#: Who owns a metric: group, node, device.
Owner = tuple[str, str, str | None]
#: Births that are remembered.
MOST_OWNERS = 1000


@dataclass(slots=True)
class Application:
    """One host application on one connection."""

    connect: Connect | None = None
    #: Its ID and what its will says, once there is one.
    host: str | None = None
    death: State | str | None = None
    filters: list[Text] = field(default_factory=list)
    published: int = 0
    #: Its STATE messages so far.
    states: int = 0
    metrics: dict[Owner, dict[Text, Metric]] = field(default_factory=dict)

    def connects(self, connect: Connect) -> None:
        """CONNECT."""
        self.connect = connect
        if connect.will is not None:
            self.host = host_of(connect.will.topic)
            self.death = state.read(connect.will.payload)

    def subscribes(self, packet: Subscribe) -> None:
        """SUBSCRIBE."""
        self.filters += [one.filter for one in packet.subscriptions][: 1000 - len(self.filters)]

    def publishes(self, packet: Publish) -> None:
        """A message of the host."""
        self.published += 1
        if host_of(packet.topic) is not None:
            self.states += 1

    def is_told(self, topic: Topic, payload: Payload) -> None:
        """A message of a node, which the tester plays."""
        if topic.type in BIRTHS and len(self.metrics) < MOST_OWNERS:
            named = {one.name: one for one in payload.metrics if one.name is not None}
            self.metrics[topic.group, topic.node, topic.device] = named

    # -- questions of the rules

    def listens(self) -> bool:
        """Whether it has subscribed to its own STATE and to messages of nodes."""
        mine = self.host is None or any(matches(one, state_topic(self.host)) for one in self.filters)
        return mine and any(self._of_nodes(one) for one in self.filters)

    @staticmethod
    def _of_nodes(filter: Text) -> bool:
        if not isinstance(filter, str):
            return False
        if filter.startswith("$share/"):
            filter = filter.split("/", 2)[-1]
        parts = filter.split("/")
        return parts[0] in ("#", "+", "spBv1.0") and not (len(parts) > 1 and parts[1] == "STATE")

    def born(self, topic: Topic) -> dict[Text, Metric] | None:
        """The metrics of the birth that a command's addressee has sent; None when it has sent none."""
        return self.metrics.get((topic.group, topic.node, topic.device))

    def meant(self, topic: Topic, metric: Metric) -> Metric | None:
        """The metric of the birth that a command's metric means."""
        known = self.born(topic) or {}
        if metric.name is not None:
            return known.get(metric.name)
        return next((one for one in known.values() if one.alias == metric.alias and one.alias is not None), None)
