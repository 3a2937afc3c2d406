"""Rules on the order of an edge node's messages: births first, numbers without gap, bdSeq (5.4 to 5.7, 6.4)."""

from __future__ import annotations

from testbed.sparkplug.payload import DataType
from testbed.sparkplug.rules.node import BDSEQ, Node, bdseq
from testbed.sparkplug.rules.rule import Rule, Said, by_type
from testbed.sparkplug.topics import DATA

_BIRTH = "message-flow-edge-node-birth-publish-nbirth-payload"
_AFTER = ("DBIRTH", "NDATA", "DDATA", "DDEATH")


def _not_first(node: Node, said: Said) -> bool | str:
    if node.published or said.topic.type == "NBIRTH":
        return False
    return f"{said.topic.type} as the first message"


def _unnumbered(node: Node, said: Said) -> bool:
    return said.payload.seq is None


def _not_next(node: Node, said: Said) -> bool | str:
    seq, last = said.payload.seq, node.last_seq
    if last is None or seq == (last + 1) % 256:
        return False
    return f"seq {seq} after {last}"


def _not_zero(node: Node, said: Said) -> bool | str:
    return f"seq {said.payload.seq}" if said.payload.seq != 0 else False


def _out_of_range(node: Node, said: Said) -> bool | str:
    seq = said.payload.seq
    return False if seq is not None and 0 <= seq <= 255 else f"seq {seq}"


def _numbered(node: Node, said: Said) -> bool | str:
    return f"seq {said.payload.seq}" if said.payload.seq is not None else False


def _no_bdseq(node: Node, said: Said) -> bool | str:
    return "no number bdSeq" if bdseq(said.payload) is None else False


def _other_bdseq(node: Node, said: Said) -> bool | str:
    mine, wills = bdseq(said.payload), node.bdseq
    if mine is None or wills is None or mine == wills:
        return False
    return f"bdSeq {mine} in {said.topic.type}, {wills} in the will"


def _ill_bdseq(node: Node, said: Said) -> bool | str:
    metric = said.payload.metric(BDSEQ)
    if metric is not None and metric.datatype != DataType.INT64:
        return f"bdSeq of datatype {metric.datatype}"
    return _no_bdseq(node, said) or _other_bdseq(node, said)


def _only_bdseq(node: Node, said: Said) -> bool | str:
    names = [metric.name for metric in said.payload.metrics]
    return f"the metrics {names[:5]}" if names != [BDSEQ] else False


def _unborn(node: Node, said: Said) -> bool | str:
    return f"{said.topic.type} before any NBIRTH" if node.born is None else False


def _too_early(node: Node, said: Said) -> bool | str:
    """Data while the births are not complete: no NBIRTH, or one after which a device that was there is not reborn."""
    if node.born is None:
        return f"{said.topic.type} before any NBIRTH"
    who = said.topic.device
    if who is not None and who not in node.alive:
        return f"DDATA of {who} without its DBIRTH"
    if node.awaited:
        return f"{said.topic.type} before the DBIRTH of {sorted(node.awaited)[0]}"
    return False


def _late(node: Node, said: Said) -> bool | str:
    """A DBIRTH that must follow the NBIRTH. A device that comes online later is born when it comes (5.6)."""
    return f"DBIRTH of {said.topic.device} before any NBIRTH" if node.born is None else False


def _overtaken(node: Node, said: Said) -> bool | str:
    if node.born is not None and node.awaited:
        return f"{said.topic.type} between NBIRTH and the DBIRTH of {sorted(node.awaited)[0]}"
    return False


RULES = (
    Rule("principles-birth-certificates-order", "NBIRTH as the first message", _not_first),
    Rule(
        "message-flow-device-birth-publish-nbirth-wait",
        "NBIRTH before any DBIRTH",
        _unborn,
        ("DBIRTH",),
    ),
    Rule("payloads-dbirth-order", "DBIRTHs after NBIRTH", _late, ("DBIRTH",)),
    Rule("payloads-dbirth-order", "DBIRTHs right after NBIRTH, before any data", _overtaken, DATA),
    Rule("payloads-ndata-order", "NDATA after all births", _too_early, ("NDATA",)),
    Rule("payloads-ddata-order", "DDATA after all births", _too_early, ("DDATA",)),
    # -- numbers
    Rule("topics-nbirth-seq-num", "NBIRTH with seq 0", _not_zero, ("NBIRTH",)),
    Rule(
        f"payloads-nbirth-seq payloads-sequence-num-req-nbirth {_BIRTH}-seq",
        "NBIRTH with a seq of 0 to 255",
        _out_of_range,
        ("NBIRTH",),
    ),
    Rule("payloads-sequence-num-always-included", "a sequence number", _unnumbered, ("NBIRTH", *_AFTER)),
    *by_type(
        {
            "DBIRTH": "payloads-dbirth-seq",
            "NDATA": "payloads-ndata-seq",
            "DDATA": "payloads-ddata-seq",
            "DDEATH": "payloads-ddeath-seq payloads-ddeath-seq-number",
        },
        "{type} with a sequence number",
        _unnumbered,
    ),
    Rule("payloads-sequence-num-incrementing", "the sequence number after the last one", _not_next, _AFTER),
    *by_type(
        {
            "DBIRTH": "topics-dbirth-seq payloads-dbirth-seq-inc"
            " message-flow-device-birth-publish-dbirth-payload-seq",
            "NDATA": "topics-ndata-seq-num payloads-ndata-seq-inc",
            "DDATA": "topics-ddata-seq-num payloads-ddata-seq-inc",
            "DDEATH": "topics-ddeath-seq-num payloads-ddeath-seq-inc",
        },
        "{type} with the sequence number after the last one",
        _not_next,
    ),
    Rule("topics-ndeath-seq payloads-ndeath-seq", "NDEATH without sequence number", _numbered, ("NDEATH",)),
    # -- bdSeq
    Rule("topics-nbirth-bdseq-included payloads-nbirth-bdseq", "NBIRTH with bdSeq", _no_bdseq, ("NBIRTH",)),
    Rule(
        "topics-nbirth-bdseq-matching payloads-nbirth-bdseq-repeat payloads-ndeath-bdseq"
        " operational-behavior-data-commands-rebirth-action-3",
        "NBIRTH with the bdSeq of the will",
        _other_bdseq,
        ("NBIRTH",),
    ),
    Rule(f"{_BIRTH}-bdSeq", "NBIRTH with bdSeq, Int64, the value of the will", _ill_bdseq, ("NBIRTH",)),
    Rule("topics-ndeath-payload", "NDEATH with the metric bdSeq alone", _only_bdseq, ("NDEATH",)),
    Rule("payloads-ndeath-bdseq", "NDEATH with the bdSeq of the will", _other_bdseq, ("NDEATH",)),
)
