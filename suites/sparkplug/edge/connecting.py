"""The session and its death certificate: sections 2.5, 4.2.1.3, 5.4 and 6.4.25."""

from __future__ import annotations

from itertools import pairwise

from harness.case import case
from suites.sparkplug import spb
from testbed.findings import Violation
from testbed.mqtt.packets import Connect
from testbed.sparkplug.edge import Edge
from testbed.sparkplug.rules.node import Node, bdseq
from testbed.sparkplug.serving import Session

_WILL = "message-flow-edge-node-birth-publish-will-message"


@case(*spb(f"{_WILL} payloads-ndeath-will-message"))
async def the_connect_has_a_will(edge: Edge) -> None:
    session = await edge.connects()
    if session.connect is None or session.connect.will is None:
        raise Violation("CONNECT with a will", "CONNECT without")


@case(
    *spb(
        f"{_WILL}-topic {_WILL}-payload {_WILL}-qos {_WILL}-will-retained topics-ndeath-topic topics-ndeath-payload"
        " topics-ndeath-seq payloads-ndeath-seq payloads-ndeath-will-message-qos payloads-ndeath-will-message-retain"
    )
)
async def the_will_is_the_death_certificate(edge: Edge) -> None:
    session = await edge.connects()
    if _will(session).will is None:
        session.unprepared("no will", cause="no will")


def _will(session: Session) -> Connect:
    assert session.connect is not None
    return session.connect


@case(*spb("principles-persistence-clean-session-311"), needs=("not mqtt-5",))
async def the_session_ends_with_the_connection(edge: Edge) -> None:
    session = await edge.connects()
    if not _will(session).clean_start:
        raise Violation("CONNECT with Clean Session 1", "Clean Session 0")


@case(*spb("principles-persistence-clean-session-50"), needs=("mqtt-5",))
async def the_session_ends_with_the_connection_of_mqtt_5(edge: Edge) -> None:
    session = await edge.connects()
    if not _will(session).clean_start:
        raise Violation("CONNECT with Clean Start 1", "Clean Start 0")


def _number(session: Session) -> int:
    node = Node()
    node.connects(_will(session), frozenset())
    number = node.bdseq
    if number is None:
        session.unprepared("no bdSeq in the will", cause="no bdSeq")
    return number


@case(*spb(f"topics-nbirth-bdseq-increment {_WILL}-payload-bdSeq"))
async def the_bdseq_goes_up_by_one_with_every_connect(edge: Edge) -> None:
    session, _ = await edge.born()
    numbers = [_number(session)]
    for _ in range(2):
        session.drop()
        session = await edge.connects()
        numbers.append(_number(session))
    if any(later != (earlier + 1) % 256 for earlier, later in pairwise(numbers)):
        raise Violation("bdSeq one more with every CONNECT", f"bdSeq {numbers}")


@case(*spb("topics-nbirth-bdseq-matching payloads-nbirth-bdseq-repeat payloads-ndeath-bdseq"))
async def the_births_of_a_second_session_have_the_bdseq_of_its_will(edge: Edge) -> None:
    session, _ = await edge.born()
    session.drop()
    session, births = await edge.born()
    will, birth = _number(session), bdseq(births.node.payload)
    if will != birth:
        raise Violation(f"bdSeq {will} in NBIRTH, as in the will", f"bdSeq {birth}")


@case(*spb("message-flow-edge-node-birth-publish-connect"))
async def nothing_is_published_before_the_session_stands(edge: Edge) -> None:
    """CONNACK is kept back for a while; births come after it."""
    if edge.waits:
        edge.state_is(True)
    edge.server.accepts = False
    session = await edge.connects()
    await session.until(lambda: session.publishes or None, edge.trial.quiet)
    if session.publishes:
        raise Violation("no message before CONNACK", session.what_came())
    session.accept()
    await edge.births(session)


@case(*spb("operational-behavior-primary-application-state-with-multiple-servers-single-server"))
async def one_connection_at_a_time(edge: Edge) -> None:
    session, births = await edge.born()
    await edge.reborn(session, births)
    another = await edge.returns(within=edge.trial.quiet)
    if another is not None and session.ended_at is None:
        raise Violation("one connection", "a second one beside it")
