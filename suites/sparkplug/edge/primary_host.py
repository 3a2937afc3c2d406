"""A node that waits for a primary host: sections 5.4, 5.5 and 5.10. The tester says its STATE."""

from __future__ import annotations

from harness.case import case
from suites.sparkplug import spb
from testbed.findings import Violation
from testbed.sparkplug.edge import Edge
from testbed.sparkplug.serving import Session, now_ms
from testbed.sparkplug.topics import state_topic

_WAIT = "message-flow-edge-node-birth-publish-phid-wait"
_OFFLINE = "operational-behavior-edge-node-termination-host-offline"
_SERVERS = "operational-behavior-primary-application-state-with-multiple-servers"
_NEEDS = ("primary-host",)


async def _is_not_born(edge: Edge, session: Session, because: str) -> None:
    """No birth in the quiet window; and then, as the host comes online, births: the node was there all the while."""
    birth = await session.message("NBIRTH", "DBIRTH", within=edge.window)
    if birth is not None:
        raise Violation(f"no birth {because}", f"{birth.topic.type} on {birth.topic}")
    if session.ended_at is not None:
        session.unprepared("the node left instead of waiting", cause="does not wait")


async def _is_born_at_last(edge: Edge, session: Session, timestamp: int) -> None:
    """As the host comes online the node is born, in this session or in the next: told that the host is offline it may
    go on to the next server of its list."""
    edge.state_is(True, timestamp)
    if session.ended_at is None:
        await edge.host_says(session, True, timestamp)
        if await session.message("NBIRTH") is not None:
            return
    session = await edge.connects()
    await edge.births(session)


@case(*spb(f"{_SERVERS}-state-subs"), needs=_NEEDS)
async def the_node_subscribes_to_the_state_of_its_primary_host(edge: Edge) -> None:
    session = await edge.connects()
    topic = state_topic(edge.primary_host)
    if not await session.met(lambda: session.hears(topic)):
        raise Violation(f"a subscription to {topic}", f"subscriptions to {list(session.filters)[:5]}")


@case(*spb(f"{_WAIT} operational-behavior-edge-node-birth-sequence-wait"), needs=_NEEDS)
async def births_wait_for_the_primary_host(edge: Edge) -> None:
    session = await edge.waiting()
    await _is_not_born(edge, session, "before the primary host is online")
    await edge.host_says(session, True)
    await edge.births(session)


@case(*spb(f"{_WAIT}-id"), needs=_NEEDS)
async def another_host_is_not_the_primary_host(edge: Edge) -> None:
    """Where the node has not subscribed to the other host's STATE, it cannot be misled by it."""
    session = await edge.waiting()
    other = f"{edge.primary_host}2"
    if session.hears(state_topic(other)):
        await edge.host_says(session, True, host=other)
    await _is_not_born(edge, session, f"while {other} is online, and {edge.primary_host} is not")
    await edge.host_says(session, True)
    await edge.births(session)


@case(*spb(f"{_WAIT}-online"), needs=_NEEDS)
async def a_primary_host_that_is_offline_is_waited_for(edge: Edge) -> None:
    edge.state_is(False, now_ms() - 1000)
    session = await edge.waiting()
    birth = await session.message("NBIRTH", within=edge.window)
    if birth is not None:
        raise Violation("no birth while the primary host is offline", f"{birth.topic.type} on {birth.topic}")
    await _is_born_at_last(edge, session, now_ms())


@case(*spb(f"{_WAIT}-timestamp"), needs=_NEEDS)
async def the_first_state_counts_whatever_its_timestamp(edge: Edge) -> None:
    session = await edge.waiting()
    await edge.host_says(session, True, 1)
    birth = await session.message("NBIRTH")
    if birth is None:
        raise Violation("NBIRTH after the first STATE that says online", session.what_came())


@case(*spb(f"{_WAIT}-timestamp"), needs=_NEEDS)
async def a_state_older_than_the_last_does_not_count(edge: Edge) -> None:
    """The host is said to be offline, then online with an older timestamp: nothing that the node may believe."""
    now = now_ms()
    edge.state_is(False, now)
    session = await edge.waiting()
    await edge.host_says(session, True, now - 5000)
    birth = await session.message("NBIRTH", within=edge.window)
    if birth is not None:
        raise Violation("no birth on a STATE older than the one before", f"{birth.topic.type} on {birth.topic}")
    await _is_born_at_last(edge, session, now + 1)


async def _loses_host(edge: Edge) -> tuple[Session, int]:
    """A session with births whose primary host then goes offline, and the number of the last message before."""
    session, _ = await edge.born()
    before = session.last
    edge.server.retained.clear()
    await edge.host_says(session, False, now_ms() + 1)
    return session, before


@case(*spb(f"{_OFFLINE} {_SERVERS}-walk"), needs=_NEEDS)
async def the_node_disconnects_when_its_primary_host_goes_offline(edge: Edge) -> None:
    session, _ = await _loses_host(edge)
    if await session.until(lambda: session.ended_at) is None and session.ended_at is None:
        raise Violation("the node to disconnect as its primary host is offline", "the connection open")


@case(*spb("message-flow-edge-node-birth-publish-phid-offline"), needs=_NEEDS)
async def the_node_says_that_it_dies_before_it_leaves_the_server(edge: Edge) -> None:
    session, before = await _loses_host(edge)
    if await session.message("NDEATH", after=before) is None:
        raise Violation("NDEATH as the primary host is offline", session.what_came())


@case(*spb(f"{_OFFLINE}-reconnect"), needs=_NEEDS)
async def the_node_connects_again_after_its_primary_host_went_offline(edge: Edge) -> None:
    """To the next server of its list; it has one, which is the next one too."""
    session, _ = await _loses_host(edge)
    if await session.until(lambda: session.ended_at) is None and session.ended_at is None:
        session.unprepared("the node did not disconnect", cause="stays without primary host")
    again = await edge.returns()
    if again is None or not await again.met(lambda: again.connect is not None):
        raise Violation("the node to connect again", "no CONNECT")


@case(*spb(f"{_OFFLINE}-timestamp"), needs=_NEEDS)
async def an_offline_state_of_an_earlier_session_is_not_heeded(edge: Edge) -> None:
    session, births = await edge.born()
    await edge.host_says(session, False, edge.online_at - 1000)
    await session.until(lambda: session.ended_at, edge.window)
    if session.ended_at is not None:
        raise Violation("the node to stay: STATE says offline of a time before the last online", session.what_came())
    await edge.reborn(session, births)
