"""What payloads may hold: sections 6.4.8 to 6.4.15. Passive rules judge it; the births bring it."""

from __future__ import annotations

from harness.case import case
from suites.sparkplug import spb
from testbed.sparkplug.edge import Edge


@case(
    *spb(
        "payloads-propertyset-keys-array-size payloads-propertyset-values-array-size"
        " payloads-metric-propertyvalue-type-type payloads-metric-propertyvalue-type-value"
        " payloads-metric-propertyvalue-type-req payloads-propertyset-quality-value-type"
        " payloads-propertyset-quality-value-value"
    ),
    needs=("properties",),
)
async def properties_have_keys_types_and_values(edge: Edge) -> None:
    await edge.born()


@case(
    *spb(
        "payloads-dataset-column-size payloads-dataset-column-num-headers payloads-dataset-types-def"
        " payloads-dataset-types-num payloads-dataset-types-type payloads-dataset-types-value"
        " payloads-dataset-parameter-type-req payloads-template-dataset-value"
    ),
    needs=("data-sets",),
)
async def data_sets_have_names_and_types_for_every_column(edge: Edge) -> None:
    await edge.born()


@case(
    *spb(
        "topics-nbirth-templates payloads-template-definition-nbirth payloads-template-definition-nbirth-only"
        " payloads-template-definition-is-definition payloads-template-definition-ref"
        " payloads-template-definition-members payloads-template-definition-parameters"
        " payloads-template-version payloads-template-ref-definition payloads-template-is-definition"
        " payloads-template-is-definition-definition"
    ),
    needs=("templates",),
)
async def templates_are_defined_in_the_birth_of_the_node(edge: Edge) -> None:
    await edge.born()


@case(
    *spb(
        "payloads-template-instance-is-definition payloads-template-instance-ref payloads-template-instance-members"
        " payloads-template-instance-members-birth payloads-template-ref-instance"
        " payloads-template-is-definition-instance"
    ),
    needs=("templates",),
)
async def template_instances_keep_to_their_definition(edge: Edge) -> None:
    await edge.born()


@case(
    *spb(
        "payloads-template-parameter-name-required payloads-template-parameter-name-type"
        " payloads-template-parameter-value-type payloads-template-parameter-type-value"
        " payloads-template-parameter-type-req payloads-template-parameter-value"
    ),
    needs=("templates",),
)
async def template_parameters_have_names_types_and_values(edge: Edge) -> None:
    await edge.born()
