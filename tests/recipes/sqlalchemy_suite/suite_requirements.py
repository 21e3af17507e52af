"""What a lake offers of what SQLAlchemy's suite for dialects knows, where that is not the suite's default."""

from typing import Any

from sqlalchemy.testing import exclusions
from sqlalchemy.testing.requirements import SuiteRequirements

OFFERED = (
    *("window_functions", "intersect", "except_", "tuple_in", "table_value_constructor"),
    *("nullsordering", "aggregate_order_by", "order_by_label_with_expression"),
    *("boolean_col_expressions", "mod_operator_as_percent_sign", "supports_is_distinct_from"),
    *("supports_distinct_on", "supports_bitwise_or", "supports_bitwise_and"),
    *("supports_bitwise_not", "supports_bitwise_xor", "supports_bitwise_shift"),
    *("fetch_no_order_by", "fetch_first"),
)
NOT_OFFERED = (
    # A lake has no keys that are numbered, no temporary tables, and one schema of tables.
    *("autoincrement_insert", "autoincrement_without_sequence", "implements_get_lastrowid"),
    *("temporary_tables", "schemas"),
    # Names of datasets are letters, digits and underscores.
    *("symbol_names_w_double_quote", "unusual_column_name_characters"),
)


class Requirements(SuiteRequirements):
    """The suite's requirements, as a lake meets them."""


def _offered(_: Any) -> Any:
    return exclusions.open()


def _not_offered(_: Any) -> Any:
    return exclusions.closed()


for _name in OFFERED:
    setattr(Requirements, _name, property(_offered))
for _name in NOT_OFFERED:
    setattr(Requirements, _name, property(_not_offered))
