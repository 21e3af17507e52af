"""What a live dataset is to a file that comes for it, by what the plan says of its schema."""

from lakehouse.formats.schema import Contract, SchemaPolicy
from lakehouse.service.ingest.plan import IngestPlan
from projections.catalog import Dataset


def asks_for_exact(plan: IngestPlan) -> bool:
    """Whether a contract takes a look at the values that are there already."""
    return (plan.schema_change, plan.mode) == ("widen", "append")


def contract_of(plan: IngestPlan, live: Dataset | None, exact: frozenset[str]) -> Contract | None:
    """The contract, None where there is none; `exact` as in Contract, where it is asked for."""
    if live is None or live.schema is None:
        return None
    match plan.schema_change:
        case "replace":
            return Contract(live.schema, SchemaPolicy.REPLACE)
        case "widen" if asks_for_exact(plan):
            return Contract(live.schema, SchemaPolicy.WIDEN, exact)
        case "widen":
            # What is there now will not be, so that none of it must stay exact.
            names = frozenset(column.name for column in live.schema)
            return Contract(live.schema, SchemaPolicy.WIDEN, names)
    return Contract(live.schema)
