"""Commands and rebirth: sections 5.4, 5.6 and 5.17."""

from __future__ import annotations

from harness.case import case
from suites.sparkplug import spb
from testbed.findings import Violation
from testbed.sparkplug.edge import Edge
from testbed.sparkplug.topics import DATA, Topic

_REBIRTH = "operational-behavior-data-commands-rebirth"
#: Seconds within which data may still come that were on their way when the rebirth was asked for.
UNDERWAY = 1.0


async def _subscribes(edge: Edge, type: str, device: str | None = None) -> None:
    """A subscription at QoS 1, of whatever form, that takes in the topic."""
    session, births = await edge.born()
    topic: Topic = births.node.topic.of(type, device)
    await session.met(lambda: session.hears(str(topic)))
    granted = session.granted(str(topic))
    if granted < 1:
        came = f"a subscription at QoS {granted}" if granted == 0 else f"subscriptions to {list(session.filters)[:5]}"
        raise Violation(f"a subscription to {topic} at QoS 1", came)


@case(*spb("message-flow-edge-node-ncmd-subscribe"))
async def the_node_subscribes_to_its_commands(edge: Edge) -> None:
    await _subscribes(edge, "NCMD")


@case(*spb("message-flow-device-dcmd-subscribe"), needs=("devices", "device-commands"))
async def the_node_subscribes_to_the_commands_of_its_device(edge: Edge) -> None:
    await _subscribes(edge, "DCMD", edge.devices[0])


@case(*spb(f"{_REBIRTH}-action-2"))
async def a_rebirth_has_every_birth(edge: Edge) -> None:
    session, births = await edge.born()
    before = await edge.ask_rebirth(session, births)
    node = await session.message("NBIRTH", after=before)
    if node is None:
        raise Violation("NBIRTH after a request for a rebirth", session.what_came())
    for device in edge.devices:
        if await session.message("DBIRTH", device=device, after=node.index) is None:
            raise Violation(f"DBIRTH of {device} after the NBIRTH of a rebirth", session.what_came())


@case(*spb(f"{_REBIRTH}-action-3 topics-nbirth-bdseq-matching payloads-nbirth-bdseq-repeat"))
async def a_rebirth_keeps_the_bdseq(edge: Edge) -> None:
    session, births = await edge.born()
    await edge.reborn(session, births)


@case(*spb("topics-nbirth-seq-num payloads-dbirth-order"))
async def a_rebirth_begins_to_count_anew(edge: Edge) -> None:
    session, births = await edge.born()
    again = await edge.reborn(session, births)
    if again.node.payload.seq != 0:
        raise Violation("NBIRTH of a rebirth with seq 0", f"seq {again.node.payload.seq}")


@case(*spb(f"{_REBIRTH}-action-1"))
async def no_data_between_the_request_and_the_rebirth(edge: Edge) -> None:
    session, births = await edge.born()
    before = await edge.ask_rebirth(session, births)
    asked = session.told_at
    again = await edge.births(session, before)
    for message in session.messages[before + 1 : again.last]:
        late = message.index < again.node.index and message.at - asked > UNDERWAY
        between = message.index > again.node.index
        if message.topic.type in DATA and (late or between):
            raise Violation("births alone after a request for a rebirth", f"{message.topic.type} before their end")
