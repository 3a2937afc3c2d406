"""Data of nodes and devices: sections 2.2, 4.2.1.2, 4.2.2.2, 5.16, 6.4.21 and 6.4.22.

A change is brought about by a command, to a metric of which the description says that it reports what was written.
"""

from __future__ import annotations

from harness.case import case
from suites.sparkplug import spb
from testbed.findings import Violation
from testbed.sparkplug.describing import summary
from testbed.sparkplug.edge import Births, Edge
from testbed.sparkplug.payload import Value
from testbed.sparkplug.serving import Message, Session

_NODE, _DEVICE = ("node-commands",), ("devices", "device-commands")
#: How many changes carry a sequence number once around.
AROUND = 258


async def _reports(edge: Edge, session: Session, births: Births, number: int, *, device: bool = False) -> Message:
    """The data that reports `number`, written to the metric that the description names."""
    who = edge.devices[0] if device else None
    name = edge.writable(device)
    born = births.metric(who, name)
    before = session.last
    await edge.command(session, births, name, Value("int", number), who)
    type = "DDATA" if device else "NDATA"
    while (message := await session.message(type, device=who, after=before)) is not None:
        before = message.index
        for metric in message.payload.metrics:
            named = metric.name == name or (metric.name is None and born is not None and metric.alias == born.alias)
            if named and metric.value is not None and metric.value.value == number:
                return message
    raise Violation(f"{type} with {name} {number}, as was written", _last(session))


def _last(session: Session) -> str:
    return summary(session.messages[-1].payload) if session.messages else session.what_came()


@case(
    *spb(
        "topics-ndata-payload topics-ndata-topic topics-nbirth-metric-reqs operational-behavior-data-publish-nbirth"
    ),
    needs=_NODE,
)
async def a_changed_metric_of_the_node_is_reported(edge: Edge) -> None:
    session, births = await edge.born()
    for number in (11, 12):
        await _reports(edge, session, births, number)


@case(
    *spb(
        "topics-ddata-payload topics-ddata-topic topics-dbirth-metric-reqs operational-behavior-data-publish-dbirth"
    ),
    needs=_DEVICE,
)
async def a_changed_metric_of_a_device_is_reported(edge: Edge) -> None:
    session, births = await edge.born()
    for number in (11, 12):
        await _reports(edge, session, births, number, device=True)


@case(*spb("topics-ndata-mqtt payloads-ndata-qos payloads-ndata-retain"), needs=_NODE)
async def data_of_the_node_is_at_qos_0_and_not_retained(edge: Edge) -> None:
    session, births = await edge.born()
    await _reports(edge, session, births, 13)


@case(*spb("topics-ddata-mqtt payloads-ddata-qos payloads-ddata-retain"), needs=_DEVICE)
async def data_of_a_device_is_at_qos_0_and_not_retained(edge: Edge) -> None:
    session, births = await edge.born()
    await _reports(edge, session, births, 13, device=True)


@case(*spb("topics-ndata-timestamp payloads-ndata-timestamp payloads-name-birth-data-requirement"), needs=_NODE)
async def data_of_the_node_says_when(edge: Edge) -> None:
    session, births = await edge.born()
    await _reports(edge, session, births, 14)


@case(*spb("topics-ddata-timestamp payloads-ddata-timestamp"), needs=_DEVICE)
async def data_of_a_device_says_when(edge: Edge) -> None:
    session, births = await edge.born()
    await _reports(edge, session, births, 14, device=True)


@case(*spb("payloads-metric-datatype-not-req"), needs=_NODE)
async def data_does_not_repeat_datatypes(edge: Edge) -> None:
    session, births = await edge.born()
    await _reports(edge, session, births, 15)


@case(*spb("payloads-alias-data-cmd-requirement"), needs=(*_NODE, "aliases"))
async def data_has_aliases_without_names(edge: Edge) -> None:
    session, births = await edge.born()
    await _reports(edge, session, births, 16)


@case(*spb("topics-ndata-seq-num payloads-ndata-seq payloads-ndata-seq-inc payloads-ndata-order"), needs=_NODE)
async def data_of_the_node_goes_on_counting_after_the_births(edge: Edge) -> None:
    session, births = await edge.born()
    for number in (17, 18, 19):
        await _reports(edge, session, births, number)


@case(*spb("topics-ddata-seq-num payloads-ddata-seq payloads-ddata-seq-inc payloads-ddata-order"), needs=_DEVICE)
async def data_of_a_device_goes_on_counting_after_the_births(edge: Edge) -> None:
    session, births = await edge.born()
    for number in (17, 18, 19):
        await _reports(edge, session, births, number, device=True)


@case(*spb("payloads-sequence-num-incrementing payloads-ndata-seq-inc topics-ndata-seq-num"), needs=_NODE)
async def the_sequence_number_after_255_is_0(edge: Edge) -> None:
    session, births = await edge.born()
    for number in range(AROUND):
        await _reports(edge, session, births, 100 + number)
    if not any(message.payload.seq == 255 for message in session.messages):
        session.unprepared("the sequence number did not come to 255", cause="no number 255")


@case(
    *spb(
        "principles-rbe-recommended operational-behavior-data-publish-nbirth-change"
        " operational-behavior-data-publish-dbirth-change"
    ),
    lasts=3.0,
)
async def nothing_is_reported_while_nothing_changes(edge: Edge) -> None:
    """Data that says what was said before has nothing to report; the rule sees it in the time until the rebirth."""
    session, births = await edge.born()
    await session.until(lambda: None, max(3.0, edge.trial.quiet))
    await edge.reborn(session, births)


@case(
    *spb("operational-behavior-data-publish-nbirth-order operational-behavior-data-publish-dbirth-order"),
    needs=_DEVICE,
)
async def values_stand_in_the_order_of_time(edge: Edge) -> None:
    session, births = await edge.born()
    await _reports(edge, session, births, 20, device=True)
