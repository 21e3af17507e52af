"""Principals, tokens and grants: what is decided, and how it is undone."""

import msgspec
import pytest
from builders import EMPTY, context, event, given

from journal.access_events import (
    AccessChange,
    GrantDropped,
    GrantPut,
    PrincipalDropped,
    PrincipalLimits,
    PrincipalPut,
    TokenIssued,
    TokenRevoked,
)
from journal.definition_events import ProfilePut
from lakehouse.domain.access.commands import (
    DropGrant,
    DropPrincipal,
    IssueToken,
    PutGrant,
    PutPrincipal,
    RevokeToken,
)
from lakehouse.domain.access.rights import check_pattern, matches, may
from lakehouse.domain.commands import Command, CommitChangeSet, UndoChange
from lakehouse.domain.decide import decide
from lakehouse.domain.decision import Decision, Unchanged
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.rules.undo import inverse
from projections.access import Grant, Principal
from projections.fold import State

ANA = PrincipalPut("ana", "user", True, None, False, PrincipalLimits())
BO = PrincipalPut("Bo", "service", False, None, False, PrincipalLimits())
TOKEN = TokenIssued("t1", "Bo", "a" * 64, None, None)
READS = GrantPut("Bo", "sales_*", ("read",))


def code(state: State, command: Command) -> str:
    decision = decide(state, command, context())
    assert isinstance(decision, Refused), decision
    return decision.code


def decided(state: State, command: Command) -> Decision:
    return decide(state, command, context())


def test_a_principal_needs_a_profile_that_exists() -> None:
    under = PutPrincipal("Bo", "service", profile="safe")
    assert code(given(ANA, BO), under) == "profile_not_found"
    state = given(ANA, BO, ProfilePut("Safe", (), "visible"))
    assert isinstance(decided(state, under), PrincipalPut)
    # The profile was dropped since: all else of the principal can still be changed.
    held = given(ANA, msgspec.structs.replace(BO, profile="safe"))
    assert isinstance(decided(held, msgspec.structs.replace(under, disabled=True)), PrincipalPut)


def test_the_first_principal_is_put_once() -> None:
    first = PutPrincipal("ana", "user", admin=True, first=True)
    assert decided(EMPTY, first) == ANA
    assert code(given(ANA), first) == "already_initialised"
    assert code(given(ANA), msgspec.structs.replace(first, name="eve")) == "already_initialised"


def test_a_principal_is_put_again_only_to_change_it() -> None:
    state = given(ANA, BO)
    assert decided(state, PutPrincipal("Bo", "service")) == Unchanged(2)
    renewed = PutPrincipal("Bo", "service", renewed=True)
    assert decided(state, renewed) == BO
    limits = PrincipalLimits(queries=1)
    assert decided(state, PutPrincipal("Bo", "service", limits=limits)) == PrincipalPut(
        "Bo", "service", False, None, False, limits
    )
    assert code(state, PutPrincipal("bo", "service")) == "name_taken"


@pytest.mark.parametrize(
    "command",
    [
        DropPrincipal("ana"),
        PutPrincipal("ana", "user"),
        PutPrincipal("ana", "user", admin=True, disabled=True),
    ],
)
def test_the_last_admin_stays(command: Command) -> None:
    assert code(given(ANA, BO), command) == "last_admin"
    other = msgspec.structs.replace(ANA, name="eve")
    assert not isinstance(decided(given(ANA, other), command), Refused)
    asleep = msgspec.structs.replace(other, disabled=True)
    assert code(given(ANA, asleep), command) == "last_admin"


def test_what_is_not_there_is_named() -> None:
    state = given(ANA)
    assert code(state, DropPrincipal("bo")) == "principal_not_found"
    assert code(state, IssueToken("t", "bo", "0" * 64, None, None)) == "principal_not_found"
    assert code(state, PutGrant("bo", "*", ("read",))) == "principal_not_found"
    assert code(state, RevokeToken("t")) == "token_not_found"
    assert code(state, DropGrant("ana", "*")) == "grant_not_found"
    assert code(given(ANA, BO, TOKEN), IssueToken("t1", "Bo", "0" * 64, None, None)) == (
        "invalid_request"
    )


def test_tokens_and_grants_end_with_their_principal() -> None:
    state = given(ANA, BO, TOKEN, READS, PrincipalDropped("Bo"))
    assert list(state.access.principals) == ["ana"]
    assert not state.access.tokens
    assert not state.access.grants


def test_grants_are_replaced_by_pattern() -> None:
    more = GrantPut("Bo", "sales_*", ("write",))
    state = given(ANA, BO, READS, more, GrantPut("Bo", "a", ("read",)))
    assert [(each.on, each.can) for each in state.access.grants["bo"]] == [
        ("a", ("read",)),
        ("sales_*", ("write",)),
    ]
    assert decided(state, PutGrant("BO", "sales_*", ("write",))) == Unchanged(4)
    assert decided(state, DropGrant("bo", "a")) == GrantDropped("Bo", "a")


def test_a_grant_in_another_case_is_the_same_grant_on_names_alone() -> None:
    kept = GrantPut("Bo", "storage:raw/*", ("read",))
    state = given(ANA, BO, READS, kept)
    write = ("write",)
    assert decided(state, PutGrant("Bo", "SALES_*", write)) == GrantPut("Bo", "sales_*", write)
    assert decided(state, DropGrant("Bo", "Sales_*")) == GrantDropped("Bo", "sales_*")
    other = "storage:RAW/*"
    assert decided(state, PutGrant("Bo", other, write)) == GrantPut("Bo", other, write)
    assert code(state, DropGrant("Bo", other)) == "grant_not_found"


@pytest.mark.parametrize(
    ("before", "did", "undone"),
    [
        ([ANA], BO, DropPrincipal("Bo")),
        ([ANA, BO], msgspec.structs.replace(BO, disabled=True), PutPrincipal("Bo", "service")),
        ([ANA, BO], TOKEN, RevokeToken("t1")),
        ([ANA, BO], READS, DropGrant("Bo", "sales_*")),
        ([ANA, BO, READS], GrantDropped("Bo", "sales_*"), PutGrant("Bo", "sales_*", ("read",))),
    ],
)
def test_its_inverse(before: list[AccessChange], did: AccessChange, undone: Command) -> None:
    state = given(*before)
    assert inverse(did, state) == undone
    after, seq = given(*before, did), len(before) + 1
    assert not isinstance(decided(after, UndoChange(seq, did, undone)), Refused)
    again = given(*before, did, did)
    assert code(again, UndoChange(seq, did, undone)) == "undo_conflict"


@pytest.mark.parametrize("did", [TokenRevoked("t1", "Bo"), PrincipalDropped("Bo")])
def test_what_ends_a_token_is_final(did: AccessChange) -> None:
    refused = inverse(did, given(ANA, BO, TOKEN))
    assert isinstance(refused, Refused)
    assert refused.code == "cannot_undo"


def test_init_is_one_change_and_its_undo_too() -> None:
    token = IssueToken("t1", "ana", "a" * 64, None, None)
    both = CommitChangeSet((PutPrincipal("ana", "user", admin=True, first=True), token))
    made = decided(EMPTY, both)
    state = given(made)
    assert (list(state.access.principals), list(state.access.tokens)) == (["ana"], ["t1"])
    assert event(state, BO).about[0].entity == "principal:bo"


def principal(*, admin: bool = False, disabled: bool = False) -> Principal:
    return Principal("p", "user", admin, None, disabled, PrincipalLimits(), "", "", 1)


def test_default_deny() -> None:
    grants = (Grant("sales_*", ("read",), "", 1), Grant("storage:raw/*", ("write",), "", 1))
    assert may(principal(), grants, "read", "Sales_EU")
    assert not may(principal(), grants, "write", "sales_eu")
    assert not may(principal(), grants, "read", "sales")
    assert not may(principal(), grants, "read", "storage:raw/a")
    assert may(principal(), grants, "write", "storage:raw/a")
    assert not may(principal(), (), "read", "a")
    assert not may(None, grants, "read", "sales_eu")
    assert not may(principal(disabled=True), grants, "read", "sales_eu")
    assert may(principal(admin=True), (), "manage", "a")
    assert not may(principal(admin=True, disabled=True), (), "read", "a")


def test_names_and_keys_are_not_mixed_up() -> None:
    assert matches("*", "a")
    assert not matches("*", "storage:a")
    assert matches("storage:*", "storage:A/b")
    assert not matches("storage:*", "storage_a")
    assert not matches("storage:raw/*", "storage:RAW/a")
    assert matches("A", "a")


@pytest.mark.parametrize("on", ["a", "Sales_*", "*", "storage:*", "storage:raw/*", "storage:a b"])
def test_a_pattern(on: str) -> None:
    check_pattern(on)


@pytest.mark.parametrize(
    "on", ["", "a*b", "**", "9*", "a b", "storage:", "storage:a*b", "storage:\n", "ä", "a" * 129]
)
def test_no_pattern(on: str) -> None:
    with pytest.raises(RefusedError) as raised:
        check_pattern(on)
    assert raised.value.refused.code == "invalid_request"
