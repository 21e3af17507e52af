"""The relations that a judged statement names, by their internal names.

Must never let a statement name a relation that only a view may read.
"""

from lakehouse.query.policy.guard import Allowed
from lakehouse.query.policy.statement import Statement
from lakehouse.query.relations import INNER, system_name
from lakehouse.query.wire.messages import Reads
from lakehouse.system.event_bounds import ALL_EVENTS
from lakehouse.system.view_table import EVENTS


def plain_names(allowed: Allowed) -> set[str]:
    """The names that may be a dataset's or view's.

    Dataset names have no dot; a relation with one could be mistaken for a system view, and one that
    begins as what views read do, for such a relation.
    """
    names = (name for name in allowed.relations if "." not in name.partition("@")[0])
    return {name for name in names if not name.startswith(INNER)}


def reads_of_statement(statement: Statement) -> Reads:
    """What the statement itself reads, without what its views read."""
    allowed = statement.allowed
    bounds = {EVENTS.name: statement.events}
    system = {system_name(name, bounds.get(name, ALL_EVENTS)) for name in allowed.system}
    names = frozenset(plain_names(allowed) | system)
    deterministic = allowed.deterministic and not allowed.explain
    return Reads(names, allowed.all_relations, deterministic, statement.has_source)
