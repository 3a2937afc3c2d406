"""Rules on templates: definitions in NBIRTH, instances that keep to them (sections 6.4.14 and 6.4.15).

Whether a template is a definition or an instance is told by two fields that may contradict each other. What others
refer to is a definition, and what refers to a definition is an instance, whatever its flag says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from testbed.mqtt.wire import Text
from testbed.sparkplug.describing import named
from testbed.sparkplug.payload import BASIC, Metric, Parameter, Template
from testbed.sparkplug.rules.metrics import mistyped
from testbed.sparkplug.rules.node import Node
from testbed.sparkplug.rules.rule import Rule, Said
from testbed.sparkplug.topics import BIRTHS

Ill = Callable[[Node, Said, Metric, Template], bool]


def _templates(metrics: tuple[Metric, ...]) -> Iterator[tuple[Metric, Template]]:
    for metric in metrics:
        value = metric.value.value if metric.value else None
        if isinstance(value, Template):
            yield metric, value
            yield from _templates(value.metrics)


def _definitions(node: Node, said: Said) -> dict[Text, Template]:
    """The definitions in force: those of this very NBIRTH, or of the last one."""
    if said.topic.type != "NBIRTH":
        return node.templates
    found = {}
    for metric, one in _templates(said.payload.metrics):
        if metric.name is not None and one.template_ref is None:
            found[metric.name] = one
    return found


def _referred(said: Said) -> set[Text | None]:
    return {one.template_ref for _, one in _templates(said.payload.metrics)}


def _defines(said: Said, metric: Metric, one: Template) -> bool:
    return one.template_ref is None and (one.is_definition is True or metric.name in _referred(said))


def _instantiates(node: Node, said: Said, one: Template) -> bool:
    return one.is_definition is False or one.template_ref in _definitions(node, said)


def _judged(ill: Ill, what: str) -> Callable[[Node, Said], bool | str]:
    def broken(node: Node, said: Said) -> bool | str:
        for metric, one in _templates(said.payload.metrics):
            if ill(node, said, metric, one):
                return f"{named(metric)} {what}"
        return False

    return broken


def _denies_definition(node: Node, said: Said, metric: Metric, one: Template) -> bool:
    return _defines(said, metric, one) and one.is_definition is False


def _denies_instance(node: Node, said: Said, metric: Metric, one: Template) -> bool:
    return one.is_definition is True and one.template_ref in _definitions(node, said)


def _refers_from_definition(node: Node, said: Said, metric: Metric, one: Template) -> bool:
    return one.is_definition is True and one.template_ref is not None


def _refers_nowhere(node: Node, said: Said, metric: Metric, one: Template) -> bool:
    lacks = one.is_definition is False and one.template_ref is None
    return lacks and metric.name not in _referred(said) - {None}


def _undefined(node: Node, said: Said, metric: Metric, one: Template) -> bool:
    ref = one.template_ref
    return isinstance(ref, str) and one.is_definition is not True and ref not in _definitions(node, said)


def _names(metrics: tuple[Metric, ...]) -> set[Text | None]:
    return {metric.name for metric in metrics}


def _foreign_members(node: Node, said: Said, metric: Metric, one: Template) -> bool:
    definition = _definitions(node, said).get(one.template_ref or "")
    if definition is None or not _instantiates(node, said, one):
        return False
    return bool(_names(one.metrics) - _names(definition.metrics) - {None})


def _lacking_members(node: Node, said: Said, metric: Metric, one: Template) -> bool:
    definition = _definitions(node, said).get(one.template_ref or "")
    return definition is not None and bool(_names(definition.metrics) - _names(one.metrics))


def _foreign_parameters(node: Node, said: Said, metric: Metric, one: Template) -> bool:
    definition = _definitions(node, said).get(one.template_ref or "")
    if definition is None:
        return False
    known = {parameter.name for parameter in definition.parameters}
    return any(parameter.name not in known for parameter in one.parameters)


def _parameter(ill: Callable[[Parameter], bool], what: str) -> Callable[[Node, Said], bool | str]:
    return _judged(lambda node, said, metric, one: any(ill(parameter) for parameter in one.parameters), what)


def _wide(one: Parameter) -> bool:
    return mistyped(one.unknown, 2) or (one.type is not None and one.type > 0xFFFFFFFF)


RULES = (
    Rule(
        "payloads-template-definition-nbirth-only",
        "template definitions in NBIRTH only",
        _judged(lambda node, said, metric, one: one.is_definition is True and one.template_ref is None, "defined"),
        ("DBIRTH", "NDATA", "DDATA", "DDEATH", "NDEATH"),
    ),
    Rule(
        "payloads-template-is-definition",
        "is_definition in every template",
        _judged(lambda node, said, metric, one: one.is_definition is None, "without it"),
    ),
    Rule(
        "payloads-template-definition-is-definition payloads-template-is-definition-definition",
        "a definition with is_definition true",
        _judged(_denies_definition, "with false"),
    ),
    Rule(
        "payloads-template-instance-is-definition payloads-template-is-definition-instance",
        "an instance with is_definition false",
        _judged(_denies_instance, "with true"),
    ),
    Rule(
        "payloads-template-definition-ref payloads-template-ref-definition",
        "a definition without template_ref",
        _judged(_refers_from_definition, "with one"),
    ),
    Rule(
        "payloads-template-instance-ref payloads-template-ref-instance",
        "an instance with template_ref",
        _judged(_refers_nowhere, "without"),
    ),
    Rule(
        "payloads-template-ref-instance",
        "template_ref in UTF-8",
        _judged(lambda node, said, metric, one: isinstance(one.template_ref, bytes), "with other bytes"),
    ),
    Rule(
        "topics-nbirth-templates payloads-template-definition-nbirth",
        "a definition in NBIRTH for every instance",
        _judged(_undefined, "of a template that is not defined"),
    ),
    Rule(
        "payloads-template-definition-members payloads-template-instance-members",
        "an instance with members of its definition",
        _judged(_foreign_members, "with another"),
    ),
    Rule(
        "payloads-template-instance-members-birth",
        "an instance with every member of its definition",
        _judged(_lacking_members, "without some"),
        BIRTHS,
    ),
    Rule(
        "payloads-template-definition-parameters",
        "an instance with parameters of its definition",
        _judged(_foreign_parameters, "with another"),
    ),
    Rule(
        "payloads-template-version",
        "a version in UTF-8",
        _judged(lambda node, said, metric, one: isinstance(one.version, bytes), "with other bytes"),
    ),
    Rule(
        "payloads-template-parameter-name-required",
        "a parameter with a name",
        _parameter(lambda one: one.name is None, "with a parameter without"),
    ),
    Rule(
        "payloads-template-parameter-name-type",
        "a parameter's name in UTF-8",
        _parameter(lambda one: isinstance(one.name, bytes), "with a parameter of other bytes"),
    ),
    Rule(
        "payloads-template-parameter-value-type",
        "a parameter's type as an unsigned 32-bit number",
        _parameter(_wide, "with a type of another kind"),
    ),
    Rule(
        "payloads-template-parameter-type-value",
        "a parameter of a basic type",
        _parameter(lambda one: one.type is not None and one.type not in BASIC, "with another type"),
    ),
    Rule(
        "payloads-template-parameter-type-req",
        "a parameter with its type",
        _parameter(lambda one: one.type is None and not mistyped(one.unknown, 2), "with a parameter without"),
        BIRTHS,
    ),
    Rule(
        "payloads-template-parameter-value",
        "a parameter's value of a basic kind",
        _parameter(lambda one: one.value is not None and one.value.kind == "extension", "with another"),
    ),
)
