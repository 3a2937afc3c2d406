"""Sparkplug messages as lines of text, for transcripts and reports."""

from __future__ import annotations

from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Connect, Packet, Publish
from testbed.mqtt.wire import Text
from testbed.sparkplug.codec import decode
from testbed.sparkplug.payload import Metric, Payload, Value
from testbed.sparkplug.topics import host_of, read

#: Metrics that a line names.
SHOWN = 4


def line(packet: Packet) -> str:
    """An MQTT packet in one line; what it carries of Sparkplug is read."""
    text = describe(packet)
    if isinstance(packet, Publish):
        said = message(packet.topic, packet.payload)
    elif isinstance(packet, Connect) and packet.will is not None:
        said = message(packet.will.topic, packet.will.payload)
        said = f"will: {said}" if said else ""
    else:
        said = ""
    return f"{text} -- {said}" if said else text


def message(topic: Text, payload: bytes) -> str:
    """What a message on a Sparkplug topic says; empty for another topic."""
    if host_of(topic) is not None:
        return payload[:100].decode(errors="replace")
    if read(topic) is None:
        return ""
    found = decode(payload)
    return summary(found) if isinstance(found, Payload) else f"no payload: {found.problem}"


def summary(payload: Payload) -> str:
    """A payload in one line."""
    metrics = ", ".join(_metric(one) for one in payload.metrics[:SHOWN])
    more = f" and {len(payload.metrics) - SHOWN} more" if len(payload.metrics) > SHOWN else ""
    return f"seq {payload.seq} time {payload.timestamp} [{metrics}{more}]"


def _metric(metric: Metric) -> str:
    name = named(metric)
    if metric.is_null:
        return f"{name}=null"
    return f"{name}={_value(metric.value)}" if metric.value else name


def named(metric: Metric) -> str:
    """What a metric is called."""
    if metric.name is not None:
        return repr(metric.name)[:60]
    return f"alias {metric.alias}" if metric.alias is not None else "a metric without name"


def _value(value: Value) -> str:
    return repr(value.value)[:40] if isinstance(value.value, int | float | str | bytes) else value.kind
