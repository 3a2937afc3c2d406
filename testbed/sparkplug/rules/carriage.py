"""Rules on how messages travel: QoS, RETAIN, and that what they carry is a payload (sections 4.2, 6.4)."""

from __future__ import annotations

from testbed.sparkplug.rules.rule import Said, by_type

_NODE = "message-flow-edge-node-birth-publish-nbirth"
_DEVICE = "message-flow-device-birth-publish-dbirth"


def _not_at_0(known: object, said: Said) -> bool | str:
    return f"QoS {said.packet.qos}" if said.packet.qos else False


def _retained(known: object, said: Said) -> bool:
    return said.packet.retain


def _either(known: object, said: Said) -> bool | str:
    return _not_at_0(known, said) or ("RETAIN 1" if said.packet.retain else False)


#: A payload that cannot be read, by the type of its message.
UNREADABLE = {"NBIRTH": f"{_NODE}-payload", "DBIRTH": f"{_DEVICE}-payload"}

RULES = (
    *by_type(
        {"DDEATH": "topics-ddeath-mqtt"}
        | {type: f"topics-{type.lower()}-mqtt" for type in ("NBIRTH", "NDATA", "DBIRTH", "DDATA")},
        "{type} at QoS 0 with RETAIN 0",
        _either,
    ),
    *by_type(
        {
            "NBIRTH": f"payloads-nbirth-qos {_NODE}-qos",
            "DBIRTH": f"payloads-dbirth-qos {_DEVICE}-qos",
            "NDATA": "payloads-ndata-qos",
            "DDATA": "payloads-ddata-qos",
        },
        "{type} at QoS 0",
        _not_at_0,
    ),
    *by_type(
        {
            "NBIRTH": f"payloads-nbirth-retain {_NODE}-retained",
            "DBIRTH": f"payloads-dbirth-retain {_DEVICE}-retained",
            "NDATA": "payloads-ndata-retain",
            "DDATA": "payloads-ddata-retain",
        },
        "{type} with RETAIN 0",
        _retained,
    ),
)

#: The same for what a host application sends.
COMMAND_RULES = (
    *by_type({"NCMD": "topics-ncmd-mqtt", "DCMD": "topics-dcmd-mqtt"}, "{type} at QoS 0 with RETAIN 0", _either),
    *by_type({"NCMD": "payloads-ncmd-qos", "DCMD": "payloads-dcmd-qos"}, "{type} at QoS 0", _not_at_0),
    *by_type({"NCMD": "payloads-ncmd-retain", "DCMD": "payloads-dcmd-retain"}, "{type} with RETAIN 0", _retained),
)
