"""What a host application asks of nodes and devices: sections 4.2.1.4, 4.2.2.4, 5.9, 5.17, 6.4.23 and 6.4.24."""

from __future__ import annotations

from harness.case import case
from suites.sparkplug import spb
from testbed.findings import Violation
from testbed.sparkplug.host import Host
from testbed.sparkplug.payload import Metric
from testbed.sparkplug.playing import PlayedNode
from testbed.sparkplug.serving import Message, Session

_COMMANDS = "operational-behavior-data-commands"
_ORDER = "operational-behavior-host-reordering"
_NODE, _DEVICE = ("node-control",), ("device-control",)
#: Seconds by which the request for a rebirth may follow the end of the timer.
LATE = 3.0


async def _commands(host: Host, session: Session, node: PlayedNode, number: int, *, device: bool) -> Message:
    """The command that answers a change of the trigger to `number`."""
    trigger, _ = host.rule(device)
    type = "DCMD" if device else "NCMD"
    before = session.last
    await node.data(number, device=device, name=trigger)
    while (message := await session.message("NCMD", "DCMD", after=before)) is not None:
        before = message.index
        if _writes(host, node, message, number, device):
            if message.topic.type != type:
                raise Violation(f"{type} with what is to be written", f"{message.topic.type} on {message.topic}")
            return message
    raise Violation(f"{type} that writes {number}", session.what_came())


def _writes(host: Host, node: PlayedNode, message: Message, number: int, device: bool) -> bool:
    _, target = host.rule(device)

    def means(metric: Metric) -> bool:
        return metric.name == target or (metric.alias is not None and metric.alias == node.numbered(target))

    return any(means(one) and one.value is not None and one.value.value == number for one in message.payload.metrics)


async def _controls(host: Host, *, device: bool, aliases: bool = False) -> None:
    session = await host.online()
    node = host.controlled(session, device=device, aliases=aliases)
    await node.born()
    for number in (41, 42):
        await _commands(host, session, node, number, device=device)


@case(
    *spb(
        f"{_COMMANDS}-ncmd-verb topics-ncmd-topic topics-ncmd-payload topic-structure-namespace-a"
        f" topic-structure-namespace-device-id-non-associated-message-types {_COMMANDS}-ncmd-metric-name"
        f" {_COMMANDS}-ncmd-metric-value payloads-name-requirement"
    ),
    needs=_NODE,
)
async def a_metric_of_a_node_is_written_by_ncmd(host: Host) -> None:
    await _controls(host, device=False)


@case(
    *spb(
        f"{_COMMANDS}-dcmd-verb topics-dcmd-topic topics-dcmd-payload {_COMMANDS}-dcmd-metric-name"
        f" {_COMMANDS}-dcmd-metric-value topic-structure-namespace-device-id-associated-message-types"
    ),
    needs=_DEVICE,
)
async def a_metric_of_a_device_is_written_by_dcmd(host: Host) -> None:
    await _controls(host, device=True)


@case(*spb("topics-ncmd-mqtt payloads-ncmd-qos payloads-ncmd-retain payloads-ncmd-seq"), needs=_NODE)
async def ncmd_is_at_qos_0_not_retained_and_not_numbered(host: Host) -> None:
    await _controls(host, device=False)


@case(*spb("topics-dcmd-mqtt payloads-dcmd-qos payloads-dcmd-retain payloads-dcmd-seq"), needs=_DEVICE)
async def dcmd_is_at_qos_0_not_retained_and_not_numbered(host: Host) -> None:
    await _controls(host, device=True)


@case(
    *spb(
        "topics-ncmd-timestamp payloads-ncmd-timestamp payloads-timestamp-in-UTC payloads-metric-timestamp-in-UTC"
        " payloads-metric-datatype-value payloads-metric-datatype-value-type payloads-metric-datatype-not-req"
    ),
    needs=_NODE,
)
async def ncmd_says_when_it_was_sent(host: Host) -> None:
    await _controls(host, device=False)


@case(*spb("topics-dcmd-timestamp payloads-dcmd-timestamp"), needs=_DEVICE)
async def dcmd_says_when_it_was_sent(host: Host) -> None:
    await _controls(host, device=True)


@case(*spb("payloads-alias-data-cmd-requirement"), needs=_NODE)
async def a_metric_with_an_alias_is_written_by_its_alias(host: Host) -> None:
    await _controls(host, device=False, aliases=True)


# -- rebirth


async def _missing(host: Host) -> tuple[Session, PlayedNode, int]:
    """A node of which one message never came; the number of the host's last message before."""
    session = await host.online()
    node = host.node(session)
    await node.born()
    await node.data(1)
    before = session.last
    node.next_seq()
    await node.data(2)
    return session, node, before


@case(
    *spb(f"{_COMMANDS}-ncmd-rebirth-verb {_COMMANDS}-ncmd-rebirth-name {_COMMANDS}-ncmd-rebirth-value"),
    needs=("rebirth-requests",),
)
async def a_node_of_which_a_message_is_missing_is_asked_for_a_rebirth(host: Host) -> None:
    session, node, before = await _missing(host)
    if await host.rebirth(session, node, before, host.reorder_timeout + host.trial.patience) is None:
        session.unprepared("no request for a rebirth", cause="asks for no rebirth")


@case(*spb(f"{_ORDER}-param {_ORDER}-start {_ORDER}-rebirth"), needs=("reorder-timeout",))
async def the_rebirth_is_asked_for_when_the_reorder_timeout_ends(host: Host) -> None:
    session, node, before = await _missing(host)
    began = session.told_at
    seconds = host.reorder_timeout
    asked = await host.rebirth(session, node, before, seconds + LATE)
    if asked is None:
        raise Violation(f"a request for a rebirth {seconds:g} s after the gap", session.what_came())
    if asked.at - began < 0.5 * seconds:
        came = f"the request {asked.at - began:.2f} s after it"
        raise Violation(f"{seconds:g} s for the missing message to come", came)


@case(*spb(f"{_ORDER}-success"), needs=("reorder-timeout",))
async def a_message_that_comes_late_but_in_time_is_no_reason_for_a_rebirth(host: Host) -> None:
    session = await host.online()
    node = host.node(session)
    await node.born()
    before = session.last
    late = node.next_seq()
    await node.data(2)
    await node.data(1, seq=late)
    asked = await host.rebirth(session, node, before, host.reorder_timeout + 1.0)
    if asked is not None:
        raise Violation("no request for a rebirth once the missing message has come", "one")
    await node.data(3)
    node.next_seq()
    await node.data(4)
    if await host.rebirth(session, node, before, host.reorder_timeout + LATE) is None:
        session.unprepared("no request for a rebirth after another gap either", cause="asks for no rebirth")
