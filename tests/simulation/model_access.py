"""The plain model of principals, tokens and grants.

Shares no rule with the product.
"""

from lakehouse.domain.access.commands import (
    DropGrant,
    DropPrincipal,
    IssueToken,
    PutGrant,
    PutPrincipal,
    RevokeToken,
)
from lakehouse.domain.commands import Command
from tests.simulation.plain_state import PlainState
from tests.simulation.verdicts import Verdict, no


def judge_access(state: PlainState, command: Command) -> Verdict:
    match command:
        case PutPrincipal():
            return _put_principal(state, command)
        case DropPrincipal(name):
            if name not in state.principals:
                return no("principal_not_found")
            last = _only_admin(state, name)
            return no("last_admin") if last else ("event", "principal_dropped", name)
        case IssueToken(id_, name):
            if name not in state.principals:
                return no("principal_not_found")
            taken = id_ in state.tokens
            return no("invalid_request") if taken else ("event", "token_issued", id_, name)
        case RevokeToken(id_):
            whose = state.tokens.get(id_)
            return ("event", "token_revoked", id_, whose) if whose else no("token_not_found")
        case PutGrant(name, on) | DropGrant(name, on):
            return _grant(state, command, name, on)
    return ("again",)


def _put_principal(state: PlainState, command: PutPrincipal) -> Verdict:
    live = state.principals.get(command.name)
    if command.first and state.principals:
        return no("already_initialised")
    if (command.disabled or not command.admin) and _only_admin(state, command.name):
        return no("last_admin")
    wanted = (command.kind, command.admin, command.disabled)
    if live and (live["kind"], live["admin"], live["disabled"]) == wanted:
        return ("unchanged", live["seq"])
    return ("event", "principal_put", command.name)


def _only_admin(state: PlainState, name: str) -> bool:
    admins = [each for each, is_ in state.principals.items() if is_["admin"] > is_["disabled"]]
    return admins == [name]


def _grant(state: PlainState, command: PutGrant | DropGrant, name: str, on: str) -> Verdict:
    live = state.grants.get((name, on))
    if name not in state.principals:
        return no("principal_not_found")
    if isinstance(command, DropGrant):
        return ("event", "grant_dropped", name, on) if live else no("grant_not_found")
    if live and tuple(live["can"]) == command.can:
        return ("unchanged", live["seq"])
    return ("event", "grant_put", name, on, command.can)
