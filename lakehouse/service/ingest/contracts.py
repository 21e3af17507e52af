"""The contract that a dataset is for a file, by how the plan may change its schema."""

from lakehouse.formats.schema import Contract, SchemaPolicy
from lakehouse.service.ingest.footers import exact_as_double
from lakehouse.service.ingest.plan import IngestPlan
from lakehouse.service.objects import VerifiedObjects
from projections.catalog import Dataset


def needs_exact(plan: IngestPlan) -> bool:
    """Whether the contract depends on the values that the dataset holds."""
    return plan.schema_change == "widen" and plan.mode != "replace"


async def present_contract(
    objects: VerifiedObjects, plan: IngestPlan, live: Dataset | None
) -> Contract | None:
    """What the live dataset demands of new rows, given how the plan may change its schema."""
    exact = frozenset[str]()
    if live is not None and needs_exact(plan):
        exact = await exact_as_double(objects.read, live)
    return contract_of(plan, live, exact)


def contract_of(plan: IngestPlan, live: Dataset | None, exact: frozenset[str]) -> Contract | None:
    """The contract, None if there is none; `exact` as in Contract, where `needs_exact`."""
    if live is None or live.schema is None:
        return None
    match plan.schema_change:
        case "replace":
            return Contract(live.schema, SchemaPolicy.REPLACE)
        case "widen" if needs_exact(plan):
            return Contract(live.schema, SchemaPolicy.WIDEN, exact)
        case "widen":
            # The values that are there now are replaced, so none of them must stay exact.
            names = frozenset(column.name for column in live.schema)
            return Contract(live.schema, SchemaPolicy.WIDEN, names)
    return Contract(live.schema)
