"""The birth certificates: sections 4.2.1.1, 4.2.2.1, 5.4, 5.6, 5.16, 6.4.19 and 6.4.20."""

from __future__ import annotations

from harness.case import case
from suites.sparkplug import spb
from testbed.findings import Violation
from testbed.sparkplug.edge import Edge
from testbed.sparkplug.rules.node import REBIRTH

_NODE = "message-flow-edge-node-birth-publish-nbirth"
_DEVICE = "message-flow-device-birth-publish"
_COMMANDS = "operational-behavior-data-commands"


@case(
    *spb(
        f"principles-birth-certificates-order topic-structure topic-structure-namespace-a topics-nbirth-topic"
        f" {_NODE}-topic topic-structure-namespace-device-id-non-associated-message-types"
        " intro-group-id-string intro-group-id-chars intro-edge-node-id-string intro-edge-node-id-chars"
        " topic-structure-namespace-valid-group-id topic-structure-namespace-valid-edge-node-id"
    )
)
async def the_first_message_is_the_birth_of_the_node(edge: Edge) -> None:
    session, births = await edge.born()
    if births.node.index or session.publishes[0] is not births.node.packet:
        raise Violation("NBIRTH as the first message", session.what_came())


@case(*spb(f"topics-nbirth-mqtt payloads-nbirth-qos payloads-nbirth-retain {_NODE}-qos {_NODE}-retained"))
async def the_birth_of_the_node_is_at_qos_0_and_not_retained(edge: Edge) -> None:
    await edge.born()


@case(*spb(f"topics-nbirth-seq-num payloads-nbirth-seq payloads-sequence-num-req-nbirth {_NODE}-payload-seq"))
async def the_birth_of_the_node_has_the_sequence_number_0(edge: Edge) -> None:
    await edge.born()


@case(*spb(f"topics-nbirth-timestamp payloads-nbirth-timestamp payloads-timestamp-in-UTC {_NODE}-payload"))
async def the_birth_of_the_node_says_when_it_was_sent(edge: Edge) -> None:
    await edge.born()


@case(*spb(f"topics-nbirth-bdseq-included payloads-nbirth-bdseq {_NODE}-payload-bdSeq"))
async def the_birth_of_the_node_has_the_bdseq(edge: Edge) -> None:
    await edge.born()


@case(
    *spb(
        f"topics-nbirth-rebirth-metric payloads-nbirth-rebirth-req {_COMMANDS}-rebirth-name"
        f" {_COMMANDS}-rebirth-name-aliases {_COMMANDS}-rebirth-datatype {_COMMANDS}-rebirth-value"
    )
)
async def the_birth_of_the_node_offers_a_rebirth(edge: Edge) -> None:
    _, births = await edge.born()
    if births.metric(None, REBIRTH) is None:
        raise Violation(f"NBIRTH with {REBIRTH}", "NBIRTH without")


@case(
    *spb(
        "topics-nbirth-metrics operational-behavior-data-publish-nbirth-values payloads-metric-datatype-req"
        " payloads-metric-datatype-value payloads-metric-datatype-value-type payloads-name-requirement"
        " payloads-name-birth-data-requirement payloads-metric-timestamp-in-UTC case-sensitivity-metric-names"
        " operational-behavior-data-publish-nbirth-order"
    )
)
async def every_metric_of_the_node_is_born_whole(edge: Edge) -> None:
    await edge.born()


@case(*spb("payloads-alias-uniqueness payloads-alias-birth-requirement"), needs=("aliases",))
async def every_alias_is_given_once_and_with_its_name(edge: Edge) -> None:
    await edge.born()


# -- devices


@case(
    *spb(
        f"topics-dbirth-topic {_DEVICE}-dbirth-topic {_DEVICE}-dbirth-match-edge-node-topic {_DEVICE}-nbirth-wait"
        " payloads-dbirth-order topic-structure-namespace-device-id-associated-message-types intro-device-id-string"
        " intro-device-id-chars topic-structure-namespace-valid-device-id case-sensitivity-sparkplug-ids"
    ),
    needs=("devices",),
)
async def devices_are_born_after_their_node(edge: Edge) -> None:
    await edge.born()


@case(
    *spb(
        f"topics-dbirth-mqtt payloads-dbirth-qos payloads-dbirth-retain {_DEVICE}-dbirth-qos"
        f" {_DEVICE}-dbirth-retained"
    ),
    needs=("devices",),
)
async def births_of_devices_are_at_qos_0_and_not_retained(edge: Edge) -> None:
    await edge.born()


@case(
    *spb(
        f"topics-dbirth-seq payloads-dbirth-seq payloads-dbirth-seq-inc {_DEVICE}-dbirth-payload-seq"
        " payloads-sequence-num-always-included payloads-sequence-num-incrementing"
    ),
    needs=("devices",),
)
async def births_of_devices_go_on_counting(edge: Edge) -> None:
    await edge.born()


@case(
    *spb(
        f"topics-dbirth-timestamp payloads-dbirth-timestamp {_DEVICE}-dbirth-payload topics-dbirth-metrics"
        " operational-behavior-data-publish-dbirth-values operational-behavior-data-publish-dbirth-order"
    ),
    needs=("devices",),
)
async def every_metric_of_a_device_is_born_whole(edge: Edge) -> None:
    await edge.born()
