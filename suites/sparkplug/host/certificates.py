"""The birth and death certificates of a host: sections 3.6, 4.2.3, 5.3, 5.10, 5.13, 5.14, 6.4.27 and 10.1.2."""

from __future__ import annotations

from harness.case import case
from suites.sparkplug import spb
from testbed.findings import Inconclusive, Violation
from testbed.mqtt.packets import Connect, Publish
from testbed.sparkplug import state
from testbed.sparkplug.host import Host
from testbed.sparkplug.serving import Session, now_ms
from testbed.sparkplug.state import State

_TOPIC = "host-topic-phid"
_HOST = "operational-behavior-host-application"
_FLOW = "message-flow-phid-sparkplug"


def _connect(session: Session) -> Connect:
    assert session.connect is not None
    return session.connect


@case(*spb(f"{_TOPIC}-death-required {_HOST}-connect-will payloads-state-will-message"))
async def the_connect_has_a_will(host: Host) -> None:
    session = await host.connects()
    if _connect(session).will is None:
        raise Violation("CONNECT with a will", "CONNECT without")


@case(
    *spb(
        f"{_TOPIC}-death-topic {_TOPIC}-death-qos {_TOPIC}-death-retain {_TOPIC}-death-payload"
        f" {_TOPIC}-death-payload-timestamp-connect {_HOST}-connect-will-topic {_HOST}-connect-will-payload"
        f" {_HOST}-connect-will-qos {_HOST}-connect-will-retained payloads-state-will-message-qos"
        " payloads-state-will-message-retain payloads-state-will-message-payload"
    )
)
async def the_will_is_the_death_certificate(host: Host) -> None:
    session = await host.connects()
    host.own_topic(session)


@case(*spb(f"{_FLOW}-clean-session-311"), needs=("not mqtt-5",))
async def the_session_ends_with_the_connection(host: Host) -> None:
    session = await host.connects()
    if not _connect(session).clean_start:
        raise Violation("CONNECT with Clean Session 1", "Clean Session 0")


@case(*spb(f"{_FLOW}-clean-session-50"), needs=("mqtt-5",))
async def the_session_ends_with_the_connection_of_mqtt_5(host: Host) -> None:
    session = await host.connects()
    if not _connect(session).clean_start:
        raise Violation("CONNECT with Clean Start 1", "Clean Start 0")


@case(*spb(f"{_TOPIC}-birth-sub-required payloads-state-subscribe {_FLOW}-subscription"))
async def the_host_subscribes_before_it_says_that_it_is_online(host: Host) -> None:
    session = await host.connects()
    topic = host.own_topic(session)
    if not await session.met(lambda: session.hears(topic)):
        raise Violation(f"a subscription to {topic}", f"subscriptions to {list(session.filters)[:5]}")


async def _birth(host: Host) -> tuple[Session, Publish]:
    session = await host.connects()
    birth = await host.state(session, True)
    if birth is None:
        raise Violation("a STATE that says online", session.what_came())
    return session, birth


@case(
    *spb(
        f"intro-sparkplug-host-state components-ph-state conformance-primary-host {_TOPIC}-birth-required"
        f" {_FLOW}-state-publish {_HOST}-connect-birth"
    )
)
async def the_host_says_that_it_is_online(host: Host) -> None:
    await _birth(host)


@case(
    *spb(
        f"principles-birth-certificates-order {_TOPIC}-birth-message {_TOPIC}-birth-topic {_HOST}-connect-birth-topic"
        f" topic-structure"
    )
)
async def the_first_message_is_the_birth(host: Host) -> None:
    session, birth = await _birth(host)
    if session.publishes[0] is not birth:
        raise Violation("the birth as the first message", session.what_came())


@case(
    *spb(
        f"{_TOPIC}-birth-qos {_TOPIC}-birth-retain {_HOST}-connect-birth-qos {_HOST}-connect-birth-retained"
        " payloads-state-birth"
    )
)
async def the_birth_is_at_qos_1_and_retained(host: Host) -> None:
    await _birth(host)


@case(
    *spb(
        f"{_TOPIC}-birth-payload {_TOPIC}-birth-payload-timestamp {_FLOW}-state-publish-payload"
        f" {_FLOW}-state-publish-payload-timestamp {_HOST}-connect-birth-payload payloads-state-birth-payload"
    )
)
async def the_birth_has_the_timestamp_of_the_will(host: Host) -> None:
    await _birth(host)


@case(*spb("operational-behavior-primary-application-state-with-multiple-servers-state"))
async def the_first_message_of_a_second_session_is_the_birth_again(host: Host) -> None:
    session = await host.online()
    session.drop()
    session, birth = await _birth(host)
    if session.publishes[0] is not birth:
        raise Violation("the birth as the first message", session.what_came())


@case(*spb("operational-behavior-primary-application-state-with-multiple-servers-state-subs"))
async def the_state_of_the_host_is_there_for_its_nodes(host: Host) -> None:
    """A birth that is retained reaches whoever subscribes later, as nodes do on each of their servers."""
    session, birth = await _birth(host)
    if birth.topic != host.own_topic(session) or not birth.retain:
        raise Violation("a retained birth on the topic of the will", session.what_came())


@case(*spb("message-flow-hid-sparkplug-state-message-delivered"))
async def told_that_it_is_offline_it_says_again_that_it_is_online(host: Host) -> None:
    session = await host.online()
    topic, before = host.own_topic(session), len(host.states(session))
    will = _connect(session).will
    wills = state.read(will.payload) if will else ""
    await session.tell(topic, State(False, now_ms()).encoded(), 1)
    again = await host.state(session, True, before)
    if again is None:
        raise Violation("the birth again, after a STATE that said offline", session.what_came())
    found = state.read(again.payload)
    if isinstance(wills, State) and isinstance(found, State) and found.timestamp != wills.timestamp:
        raise Violation(f"the birth again with the timestamp {wills.timestamp}", f"timestamp {found.timestamp}")


async def _death(host: Host) -> tuple[Session, Publish | None]:
    """A host that was made to leave, and its death."""
    session = await host.online()
    before = len(host.states(session))
    host.leave()
    death = await host.state(session, False, before)
    if await session.until(lambda: session.ended_at) is None and session.ended_at is None:
        raise Inconclusive("the host did not leave", cause="does not leave")
    return session, death


@case(
    *spb(f"{_HOST}-termination intro-sparkplug-host-state components-ph-state conformance-primary-host"),
    needs=("leaves",),
)
async def a_host_that_leaves_says_so(host: Host) -> None:
    session, death = await _death(host)
    if death is None:
        raise Violation("a STATE that says offline before the host leaves", session.what_came())


@case(
    *spb(
        f"{_HOST}-death-topic {_HOST}-death-payload {_HOST}-death-qos {_HOST}-death-retained"
        f" {_TOPIC}-death-payload-timestamp-disconnect-clean"
        f" {_TOPIC}-death-payload-timestamp-disconnect-with-no-disconnect-packet"
    ),
    needs=("leaves",),
)
async def the_death_has_the_time_of_leaving(host: Host) -> None:
    left = now_ms()
    session, death = await _death(host)
    if death is None:
        session.unprepared("no STATE that says offline", cause="no death")
    found = state.read(death.payload)
    timestamp = found.timestamp if isinstance(found, State) else 0
    birth = state.read(host.states(session)[0].payload)
    if isinstance(birth, State) and timestamp == birth.timestamp and timestamp < left:
        which = "clean" if session.disconnect is not None else "with-no-disconnect-packet"
        raise Violation(
            "a death with the time of leaving",
            f"timestamp {timestamp}, that of the birth",
            requirements=(f"tck-id-{_TOPIC}-death-payload-timestamp-disconnect-{which}",),
        )
