"""What differs in access between two states: principals, grants and tokens. Pure.

Must never show a hash of a secret.
"""

from collections.abc import Iterator

import msgspec

from lakehouse.api.history.time_travel import AccessDifference, AccessTerms, Span
from projections.access import Access, Grant, Principal, Token

Found = Principal | Grant | Token
Place = tuple[str, str, str | None]
"""What, whose, and the pattern of a grant or the id of a token."""


def diff_access(was: Access, now: Access) -> list[AccessDifference]:
    """A row for each that was added, dropped or changed: principals, then grants, then tokens."""
    before, after = dict(_places(was)), dict(_places(now))
    rows: list[AccessDifference] = []
    for place in [*after, *(each for each in before if each not in after)]:
        old, new = before.get(place), after.get(place)
        first, last = _terms(old), _terms(new)
        if first != last:
            change = "added" if old is None else "dropped" if new is None else "changed"
            seqs = Span(old.seq if old else None, new.seq if new else None)
            what, whose, on = place
            rows.append(AccessDifference(what, whose, on, change, first, last, seqs))
    order = {"principal": 0, "grant": 1, "token": 2}
    return sorted(rows, key=lambda row: (order[row.what], row.principal.lower(), row.on or ""))


def _places(access: Access) -> Iterator[tuple[Place, Found]]:
    for name, principal in access.principals.items():
        yield ("principal", principal.name, None), principal
        for grant in access.grants.get(name, ()):
            yield ("grant", principal.name, grant.on), grant
    for id_, token in access.tokens.items():
        yield ("token", token.principal, id_), token


def _terms(found: Found | None) -> AccessTerms | None:
    match found:
        case None:
            return None
        case Principal():
            limits = msgspec.structs.asdict(found.limits)
            return AccessTerms(
                kind=found.kind,
                admin=found.admin,
                disabled=found.disabled,
                profile=found.profile,
                limits={name: value for name, value in limits.items() if value is not None},
            )
        case Grant():
            return AccessTerms(can=list(found.can))
        case Token():
            return AccessTerms(expires_at=found.expires_at, note=found.note)
