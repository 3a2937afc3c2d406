"""The model by itself: what explains which copies, what is owed, which moves fit; no broker."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.mqtt.model import deliveries, fitting, moves, owing, planning, rules, topics
from testbed.mqtt.model.blame import BLAME
from testbed.mqtt.model.ledger import Copy, Due, Message, Slot, assign
from testbed.mqtt.model.moves import Begin, Connect, Disconnect, Drop, Finish, Hold, Publish, Subscribe, WillOf
from testbed.mqtt.model.world import World, features_of, full_features
from testbed.mqtt.packets import Publish as Packet
from testbed.mqtt.properties import Property, props

EDITIONS = ("mqtt-3.1.1", "mqtt-5.0")
NO = frozenset((False,))


def slot(qos: int, *ids: int) -> Slot:
    return Slot(qos, NO, frozenset(ids))


def copy(qos: int, *ids: int, session: int = 1) -> Copy:
    return Copy(session, qos, False, frozenset(ids))


# -- topics: section 4.7


@pytest.mark.parametrize(
    ("filter", "topic", "fits"),
    [
        ("x", "x", True),
        ("x", "X", False),
        ("x/#", "x", True),
        ("x/+", "x", False),
        ("x/+", "x/", True),
        ("+", "x", True),
        ("+", "", False),
        ("#", "", True),
        ("+/+/z", "x/y/z", True),
        ("x/", "x", False),
    ],
)
def test_filters_match_level_by_level(filter: str, topic: str, fits: bool) -> None:
    assert topics.matches(filter, topic) is fits


# -- overlapping subscriptions: one copy that respects all, or one for each


@pytest.mark.parametrize(
    ("copies", "explained", "enough"),
    [
        ([copy(2, 5, 6)], True, True),
        ([copy(0, 5), copy(2, 6)], True, True),
        ([copy(2, 6), copy(0, 5)], True, True),
        ([copy(0, 5)], True, False),
        ([copy(2, 6)], True, False),
        ([copy(1, 5, 6)], False, False),
        ([copy(0, 5), copy(0, 5)], False, False),
        ([copy(0, 5), copy(2, 6), copy(2, 6)], False, False),
        ([copy(2, 5, 6), copy(0, 5)], False, False),
    ],
)
def test_overlapping_subscriptions_of_5(copies: list[Copy], explained: bool, enough: bool) -> None:
    due = Due({1: (slot(0, 5), slot(2, 6))}, "live", True)
    assert (assign(copies, [due]) is not None) is explained
    assert (assign(copies, [due], [due]) is not None) is enough


def test_a_group_gets_one_copy_whoever_takes_it_and_a_plain_subscription_one_more() -> None:
    plain = Due({1: (slot(1),)}, "live", True)
    group = Due({1: (slot(0),), 2: (slot(1),)}, "shared", True, group="g/x")
    both = [plain, group]
    assert assign([copy(0), copy(1)], both, both), "the first copy is the group's, the second the plain one's"
    assert assign([copy(1), copy(1, session=2)], both, both)
    assert assign([copy(0), copy(1, session=2)], both) is None, "the group would get two"


@given(st.permutations([copy(0, 5), copy(1, 6), copy(2, 7)]))
def test_the_order_of_the_copies_is_of_no_account(copies: list[Copy]) -> None:
    due = Due({1: (slot(0, 5), slot(1, 6), slot(2, 7))}, "live", True)
    assert assign(copies, [due], [due]) is not None


# -- a small world


def world(edition: str = "mqtt-5.0") -> World:
    made = World(full_features(edition))
    for move in (Connect("a", kept=True), Connect("b")):
        rules.returns(made, move, kept=move.kept)
    return made


def published(world: World, topic: str, qos: int = 1, *, retain: bool = False, payload: bytes = b"m") -> Message:
    message = Message(next(world.numbers), "b", topic, payload, qos, retain)
    rules.publishes(world, message)
    return message


def came(world: World, who: str, topic: str, qos: int = 1, *, payload: bytes = b"m", **fields: object) -> list[str]:
    """The kinds of the fouls that a delivery commits."""
    number = fields.pop("packet_id", 1 if qos else None)
    answered = bool(fields.pop("answered", True))
    packet = Packet(topic, payload, qos, packet_id=number, **fields)  # type: ignore[arg-type]
    delivery = deliveries.Delivery(who, world.clients[who].epoch, packet, topic, 0.0, answered)
    return [foul.kind for foul in deliveries.arrives(world, delivery)]


@pytest.mark.parametrize("edition", EDITIONS)
def test_what_is_owed_is_owed_until_it_comes(edition: str) -> None:
    w = world(edition)
    rules.subscribes(w, Subscribe("a", "x/+", 1), 1)
    published(w, "x/y", 2)
    assert [debt.kind for debt in owing.debts(w)] == ["a message does not come"]
    assert came(w, "a", "x/y", 1) == []
    assert owing.debts(w) == []
    assert came(w, "a", "x/y", 1) == ["a copy too many comes"]


def test_a_session_that_is_away_gets_it_when_it_is_back_and_qos_0_perhaps() -> None:
    w = world()
    rules.subscribes(w, Subscribe("a", "#", 1), 1)
    rules.departs(w, "a", Drop("a"))
    published(w, "x", 1)
    published(w, "X", 0, payload=b"n")
    assert owing.debts(w) == []
    back = Connect("a", clean=False, kept=True)
    assert rules.presence(w, back)
    rules.returns(w, back, kept=True)
    assert [debt.kind for debt in owing.debts(w)] == ["a message stored for a session does not come"]
    assert came(w, "a", "x", 1) == []
    assert owing.debts(w) == []
    assert came(w, "a", "X", 0, payload=b"n") == []


def test_a_clean_start_owes_nothing_of_before_and_lets_nothing_of_it_come() -> None:
    w = world()
    rules.subscribes(w, Subscribe("a", "#", 1), 1)
    rules.departs(w, "a", Drop("a"))
    published(w, "x", 1)
    rules.returns(w, Connect("a"), kept=False)
    assert owing.debts(w) == []
    assert came(w, "a", "x", 1) == ["a message of a session that was discarded comes"]


def test_what_was_not_acknowledged_comes_again_with_dup_and_its_identifier() -> None:
    w = world()
    rules.subscribes(w, Subscribe("a", "x", 1), 1)
    published(w, "x", 1)
    assert came(w, "a", "x", 1, packet_id=7, answered=False) == []
    rules.departs(w, "a", Drop("a"))
    rules.returns(w, Connect("a", clean=False, kept=True), kept=True)
    assert [debt.kind for debt in owing.debts(w)] == ["a message is not sent again"]
    assert came(w, "a", "x", 1, packet_id=7) == ["DUP 0 at a repeated sending"]
    assert owing.debts(w) == []


@pytest.mark.parametrize(
    ("options", "fields", "kinds"),
    [
        ({}, {}, []),
        ({}, {"retain": True}, ["RETAIN 1 to an established subscription"]),
        ({"retain_as_published": True}, {}, ["RETAIN is not as published"]),
        ({"retain_as_published": True}, {"retain": True}, []),
        ({"identifier": 9}, {}, ["wrong Subscription Identifiers"]),
        ({"identifier": 9}, {"properties": props({Property.SUBSCRIPTION_IDENTIFIER: 9})}, []),
        ({}, {"dup": True}, ["DUP 1 at the first sending"]),
    ],
)
def test_how_a_message_comes(options: dict[str, int], fields: dict[str, object], kinds: list[str]) -> None:
    w = world()
    rules.subscribes(w, Subscribe("a", "x", 1, **options), 1)  # type: ignore[arg-type]
    published(w, "x", 1, retain=True)
    assert came(w, "a", "x", 1, **fields) == kinds


def test_the_lower_qos_counts_and_no_local_keeps_the_own_away() -> None:
    w = world()
    rules.subscribes(w, Subscribe("a", "x", 0), 0)
    rules.subscribes(w, Subscribe("b", "x", 1, no_local=True), 1)
    published(w, "x", 1)
    assert came(w, "a", "x", 1) == ["wrong QoS"]
    assert came(w, "b", "x", 1) == ["a message comes back in spite of No Local"]


@pytest.mark.parametrize(
    ("handling", "existed", "due"), [(0, False, 1), (0, True, 1), (1, False, 1), (1, True, 0), (2, False, 0)]
)
def test_retain_handling(handling: int, existed: bool, due: int) -> None:
    w = world()
    if existed:
        rules.subscribes(w, Subscribe("a", "x", 1), 1)
    published(w, "x", 1, retain=True)
    if existed:
        assert came(w, "a", "x", 1) == []
    rules.subscribes(w, Subscribe("a", "x", 1, retain_handling=handling), 1)
    assert len(owing.debts(w)) == due
    assert bool(came(w, "a", "x", 1, packet_id=2, retain=True)) is not bool(due)


def test_an_empty_retained_message_removes_and_a_later_one_replaces() -> None:
    w = world()
    published(w, "x", 1, retain=True)
    published(w, "x", 1, retain=True, payload=b"n")
    assert w.retained["x"].payload == b"n"
    published(w, "x", 1, retain=True, payload=b"")
    assert not w.retained


def test_messages_of_one_topic_keep_their_order() -> None:
    w = world()
    rules.subscribes(w, Subscribe("a", "x", 1), 1)
    for name in (b"1", b"2"):
        published(w, "x", 1, payload=name)
    assert came(w, "a", "x", 1, payload=b"2", packet_id=1) == []
    assert came(w, "a", "x", 1, payload=b"1", packet_id=2) == ["messages out of order"]


def test_wills_come_at_once_later_or_never() -> None:
    w = world()
    rules.departs(w, "b", Drop("b"))
    rules.returns(w, Connect("b", will=WillOf("x")), kept=False)
    assert rules.departs(w, "b", Disconnect("b")).will is None
    rules.returns(w, Connect("b", will=WillOf("x")), kept=False)
    assert rules.departs(w, "b", Drop("b")).will is not None
    late = Connect("b", kept=True, will=WillOf("x", delayed=True))
    rules.returns(w, late, kept=True)
    assert rules.departs(w, "b", Drop("b")).will is None
    assert rules.returns(w, Connect("b", clean=False), kept=False).will is None, "it came back in time"
    rules.departs(w, "b", Disconnect("b"))
    rules.returns(w, late, kept=True)
    rules.departs(w, "b", Drop("b"))
    assert rules.returns(w, Connect("b"), kept=False).will is not None, "the session has ended"


# -- which moves fit


def test_moves_of_doubtful_effect_do_not_fit() -> None:
    w = world()
    assert not fitting.fits(w, Connect("b", clean=False)), "does the session end with the connection taken over?"
    assert fitting.fits(w, Connect("a", clean=False))
    rules.departs(w, "b", Drop("b"))
    assert not fitting.fits(w, Connect("b", clean=False)), "the broker may not have noticed"
    assert fitting.fits(w, Connect("b"))
    assert not fitting.fits(w, Publish("b", "x"))
    assert not fitting.fits(w, Finish("a"))
    session = w.clients["a"].session
    assert session is not None
    session.open = (1, Message(99, "a", "x", b"", 2, False), 1)
    assert not fitting.fits(w, Begin("a", "x"))
    assert not fitting.fits(w, Publish("a", "x", 2)), "its PUBREL would overtake"


@pytest.mark.parametrize("edition", EDITIONS)
def test_what_a_broker_lacks_is_not_played(edition: str) -> None:
    poor = features_of(edition, dict.fromkeys(("qos-2", "retain", "wildcards", "shared-subscriptions"), False))
    assert fitting.adapted(Publish("a", "x", 2), poor) == Publish("a", "x", 1)
    assert fitting.adapted(Publish("a", "x", 1, retain=True), poor) is None
    assert fitting.adapted(Subscribe("a", "#"), poor) is None
    assert fitting.adapted(Subscribe("a", "x", group="g"), poor) is None
    assert fitting.adapted(Begin("a", "x"), poor) is None


# -- plans


@pytest.mark.parametrize("edition", EDITIONS)
def test_one_seed_makes_the_same_plans_and_all_their_moves_fit(edition: str) -> None:
    first, again = (planning.some_plans(edition, 3, 25) for _ in range(2))
    assert first == again
    assert first != planning.some_plans(edition, 4, 25)
    kinds = set()
    for plan in first:
        w = World(full_features(edition))
        for move in plan:
            assert fitting.adapted(move, w.features) == move
            assert fitting.fits(w, move)
            planning.imagine(w, move)
            kinds.add(type(move))
    assert {Connect, Disconnect, Drop, Subscribe, Publish, Hold, Begin} <= kinds


def test_moves_are_data() -> None:
    for plan in planning.some_plans("mqtt-5.0", 1, 5):
        assert moves.from_data(moves.to_data(plan)) == plan


@settings(max_examples=50)
@given(st.binary(max_size=60))
def test_what_are_no_moves_is_said(noise: bytes) -> None:
    text = "no" + noise.decode("latin-1")
    for wrong in ({"do": text}, {"do": "drop", "who": text}, {"do": "publish", "who": "a", "topic": text, "qos": 9}):
        with pytest.raises(ValueError, match=r"."):
            moves.from_data([wrong])


def test_every_kind_names_statements_that_bind_servers() -> None:
    from harness.suite import requirement

    for numbers in BLAME.values():
        assert numbers[1]
        for edition, number in zip(EDITIONS, numbers, strict=True):
            assert not number or requirement(f"{edition}:MQTT-{number}").binds("server")
