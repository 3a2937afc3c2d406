"""Rules on a host application's birth and death certificates (sections 4.2.3, 5.3, 5.13, 5.14, 6.4.27)."""

from __future__ import annotations

import time

from testbed.mqtt.packets import Connect, Publish, Version
from testbed.mqtt.properties import Property, get
from testbed.sparkplug import state
from testbed.sparkplug.rules.application import Application
from testbed.sparkplug.rules.connecting import version_of
from testbed.sparkplug.rules.rule import Rule
from testbed.sparkplug.rules.timing import APART
from testbed.sparkplug.state import State
from testbed.sparkplug.topics import host_of

_FLOW = "message-flow-phid-sparkplug"
_HOST = "operational-behavior-host-application"
_TOPIC = "host-topic-phid"


# -- CONNECT


def _keeps_session(known: Application, connect: Connect) -> bool:
    return version_of(connect) < Version.V5 and not connect.clean_start


def _keeps_session_v5(known: Application, connect: Connect) -> bool:
    expiry = get(connect.properties, Property.SESSION_EXPIRY_INTERVAL)
    return version_of(connect) >= Version.V5 and (not connect.clean_start or bool(expiry))


def _without_will(known: Application, connect: Connect) -> bool:
    return connect.will is None


def _will_elsewhere(known: Application, connect: Connect) -> bool | str:
    will = connect.will
    if will is None or (known.host and not set(known.host) & set("/+#\0")):
        return False
    return f"a will on {will.topic!r}"


def _no_death(known: Application, connect: Connect) -> bool | str:
    if connect.will is None:
        return False
    if isinstance(known.death, str):
        return f"a will of {known.death}"
    return "a will that says online" if known.death is None or known.death.online else False


def _old_death(known: Application, connect: Connect) -> bool | str:
    death = known.death
    if not isinstance(death, State):
        return False
    apart = death.timestamp - time.time() * 1000
    return (
        f"a will of {death.timestamp}, {apart / 1000:+.0f} s from the tester's clock" if abs(apart) > APART else False
    )


def _will_not_at_1(known: Application, connect: Connect) -> bool | str:
    return f"a will at QoS {connect.will.qos}" if connect.will is not None and connect.will.qos != 1 else False


def _will_not_retained(known: Application, connect: Connect) -> bool | str:
    return "a will that is not retained" if connect.will is not None and not connect.will.retain else False


#: Their `types` mean nothing: they judge CONNECT.
CONNECT_RULES = (
    Rule(f"{_FLOW}-clean-session-311", "CONNECT with Clean Session 1", _keeps_session),
    Rule(f"{_FLOW}-clean-session-50", "CONNECT with Clean Start 1 and Session Expiry Interval 0", _keeps_session_v5),
    Rule(
        f"{_TOPIC}-death-required {_HOST}-connect-will payloads-state-will-message",
        "CONNECT with a will",
        _without_will,
    ),
    Rule(
        f"{_TOPIC}-death-topic {_HOST}-connect-will-topic payloads-state-will-message",
        "a will on spBv1.0/STATE/host",
        _will_elsewhere,
    ),
    Rule(
        f"{_TOPIC}-death-payload {_HOST}-connect-will-payload {_HOST}-death-payload"
        " payloads-state-will-message-payload",
        "a will of JSON with online false and timestamp",
        _no_death,
    ),
    Rule(f"{_TOPIC}-death-payload-timestamp-connect", "a will with the time of CONNECT", _old_death),
    Rule(
        f"{_TOPIC}-death-qos {_HOST}-connect-will-qos payloads-state-will-message-qos",
        "a will at QoS 1",
        _will_not_at_1,
    ),
    Rule(
        f"{_TOPIC}-death-retain {_HOST}-connect-will-retained payloads-state-will-message-retain",
        "a will that is retained",
        _will_not_retained,
    ),
)


# -- STATE


def _births(packet: Publish) -> bool:
    """Whether it is a birth rather than a death; what is neither counts as the birth it stands in for."""
    found = state.read(packet.payload)
    return not isinstance(found, State) or found.online


def _elsewhere(known: Application, packet: Publish) -> bool | str:
    if known.host is None or host_of(packet.topic) == known.host:
        return False
    return f"STATE on {packet.topic!r}, the will on that of {known.host!r}"


def _not_at_1(known: Application, packet: Publish) -> bool | str:
    return f"QoS {packet.qos}" if packet.qos != 1 else False


def _not_retained(known: Application, packet: Publish) -> bool:
    return not packet.retain


def _ill_birth(known: Application, packet: Publish) -> bool | str:
    found = state.read(packet.payload)
    return found if isinstance(found, str) else False


def _other_time(known: Application, packet: Publish) -> bool | str:
    found, death = state.read(packet.payload), known.death
    if not isinstance(found, State) or not isinstance(death, State) or found.timestamp == death.timestamp:
        return False
    return f"timestamp {found.timestamp}, {death.timestamp} in the will"


def _ill_birth_or_time(known: Application, packet: Publish) -> bool | str:
    return _ill_birth(known, packet) or _other_time(known, packet)


def _untimely(known: Application, packet: Publish) -> bool | str:
    """The time of leaving, by the tester's clock."""
    found = state.read(packet.payload)
    if not isinstance(found, State):
        return False
    apart = found.timestamp - time.time() * 1000
    return f"timestamp {found.timestamp}, {apart / 1000:+.0f} s from now" if abs(apart) > APART else False


def _unlistened(known: Application, packet: Publish) -> bool | str:
    return False if known.listens() else f"STATE after subscriptions to {known.filters[:5]}"


#: They judge STATE messages that say online true, or nothing that can be read.
BIRTH_RULES = (
    Rule(
        f"{_TOPIC}-birth-topic {_HOST}-connect-birth-topic payloads-state-birth",
        "the birth on the topic of the will",
        _elsewhere,
    ),
    Rule(
        f"{_TOPIC}-birth-qos {_HOST}-connect-birth-qos payloads-state-birth",
        "the birth at QoS 1",
        _not_at_1,
    ),
    Rule(
        f"{_TOPIC}-birth-retain {_HOST}-connect-birth-retained payloads-state-birth",
        "the birth with RETAIN 1",
        _not_retained,
    ),
    Rule(f"{_TOPIC}-birth-payload", "a birth of JSON with online true and timestamp", _ill_birth),
    Rule(
        f"{_FLOW}-state-publish-payload {_HOST}-connect-birth-payload payloads-state-birth-payload",
        "a birth of JSON with online true and the timestamp of the will",
        _ill_birth_or_time,
    ),
    Rule(
        f"{_TOPIC}-birth-payload-timestamp {_FLOW}-state-publish-payload-timestamp",
        "a birth with the timestamp of the will",
        _other_time,
    ),
    Rule(
        f"{_FLOW}-subscription {_TOPIC}-birth-sub-required payloads-state-subscribe",
        "subscriptions to its own STATE and to spBv1.0 before STATE",
        _unlistened,
    ),
)
#: They judge STATE messages that say online false.
DEATH_RULES = (
    Rule(f"{_HOST}-death-topic {_TOPIC}-death-topic", "the death on the topic of the will", _elsewhere),
    Rule(f"{_HOST}-death-qos {_TOPIC}-death-qos", "the death at QoS 1", _not_at_1),
    Rule(f"{_HOST}-death-retained {_TOPIC}-death-retain", "the death with RETAIN 1", _not_retained),
    Rule(
        f"{_TOPIC}-death-payload-timestamp-disconnect-clean"
        f" {_TOPIC}-death-payload-timestamp-disconnect-with-no-disconnect-packet",
        "a death with the time of leaving",
        _untimely,
    ),
)


def state_rules(packet: Publish) -> tuple[Rule, ...]:
    """The rules that judge a STATE message."""
    return BIRTH_RULES if _births(packet) else DEATH_RULES
