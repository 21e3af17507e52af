"""Who may do what: principals, their tokens and grants; for others, what they may do themselves.

Must never show a token's secret but once, when it is issued, nor put it in a link.
"""

from collections.abc import Iterable, Mapping

import msgspec

from lakehouse.api.access import (
    IssueTokenRequest,
    Limits,
    ListedToken,
    PutGrantRequest,
    PutPrincipalRequest,
)
from lakehouse.api.audit.entries import AuditPage, ListAuditQuery
from lakehouse.api.catalog.definitions import ViewQuery
from lakehouse.console.forms import Place
from lakehouse.console.page import Equivalent, Page, Redirect
from lakehouse.console.pages.masks import DROP_PROFILE, MASK, PROFILE
from lakehouse.console.visit import ROOT, Visit, principal_path
from lakehouse.domain.access.rights import RIGHTS, check_pattern
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.service import Service

ACCESS = f"{ROOT}/access"
GRANT_FIELDS = (("is none of these|; use patterns", "on"), ("at least one right", "read"))
PRINCIPAL_FIELDS = (
    ("^invalid_name: a principal|^name_taken|at most .* principals", "name"),
    ("^invalid_name|^profile_not_found", "profile"),
    ("^last_admin", "admin"),
)
TOKEN_FIELDS = (("expires_in", "expires_in"), ("the note", "note"))
PRINCIPAL = f"{ROOT}/principal/"
AUDIT_ROWS = 100


async def show(service: Service, visit: Visit) -> Page:
    """GET /console/access: an admin sees all principals, others what they may do."""
    me = (await service.access.me(visit.caller)).body
    values: dict[str, object] = {"me": me, "principals": None, "profiles": [], "views": []}
    if visit.held.unrestricted and not visit.is_open:
        values["principals"] = (await service.access.list_principals(visit.caller)).body.principals
        values["profiles"] = (await service.profiles.list(visit.caller)).body.profiles
        views = (await service.views.list(visit.caller, ViewQuery())).body.views
        values["views"] = [each for each in views if each.safe is not None]
    values |= {"mask_path": MASK, "profile_path": PROFILE, "drop_profile_path": DROP_PROFILE}
    values["tokens"] = _of(
        me.principal, (await service.access.tokens.list(visit.caller)).body.tokens
    )
    return Page(
        template="access/list.html",
        title="Access",
        values=values,
        equivalent=Equivalent(path="/v1/access/me"),
        timeless=True,
    )


def place(form: Mapping[str, str]) -> Place:
    """The page of the forms about a principal: its own, or the list for a new one or one's own tokens."""
    name = form.get("principal") or (form.get("exists") and form.get("name"))
    return Place(principal_path(name), name) if name else Place(ACCESS)


def own_place(form: Mapping[str, str]) -> Place:
    """The page of the principal that the form names."""
    return Place(principal_path(form.get("name", "")), form.get("name", ""))


async def show_place(service: Service, visit: Visit) -> Page:
    """The page at `place`; who is no admin has tokens on the list alone."""
    if visit.name and visit.held.unrestricted:
        return await principal(service, visit)
    return await show(service, visit)


async def principal(service: Service, visit: Visit) -> Page:
    """GET /console/principal/{name}, for admins. Raises RefusedError `principal_not_found`."""
    found = (await service.access.show_principal(visit.caller, visit.name)).body
    grants = (await service.access.list_grants(visit.caller, found.name)).body.grants
    tokens = (await service.access.tokens.list(visit.caller)).body.tokens
    return Page(
        template="access/principal.html",
        title=found.name,
        values={
            "principal": found,
            "grants": grants,
            "tokens": _of(found.name, tokens),
            "rights": RIGHTS,
        },
        equivalent=Equivalent(
            path=f"/v1/access/principals/{found.name}",
        ),
        timeless=True,
    )


async def put_principal(service: Service, visit: Visit) -> Redirect:
    """POST /console/access/put. The limits of a principal that exists stay as they are."""
    name = visit.field("name").strip()
    limits = Limits()
    if visit.form.get("exists"):
        limits = (await service.access.show_principal(visit.caller, name)).body.limits
    request = PutPrincipalRequest(
        kind="service" if visit.field("kind") == "service" else "user",
        admin=bool(visit.form.get("admin")),
        profile=visit.form.get("profile", "").strip() or None,
        disabled=bool(visit.form.get("disabled")),
        limits=limits,
    )
    payload = msgspec.json.encode((name, request))
    found = (await service.access.put_principal(visit.caller, name, request, payload)).body
    return Redirect(location=visit.url(principal_path(found.name)))


async def drop_principal(service: Service, visit: Visit) -> Redirect:
    """POST /console/access/drop."""
    await service.access.drop_principal(visit.caller, visit.field("name"))
    return Redirect(location=visit.url(ACCESS))


async def put_grant(service: Service, visit: Visit) -> Redirect:
    """POST /console/access/grant."""
    can = [right for right in RIGHTS if visit.form.get(right)]
    if not can:
        raise RefusedError(Refused("invalid_request", "choose at least one right"))
    _check_pattern(visit.field("on").strip())
    asked = {"principal": visit.field("principal"), "on": visit.field("on").strip(), "can": can}
    request = msgspec.convert(asked, PutGrantRequest)
    await service.access.put_grant(visit.caller, request, msgspec.json.encode(request))
    return Redirect(location=visit.url(principal_path(request.principal)))


def _check_pattern(on: str) -> None:
    """Raises RefusedError in the words of a person."""
    try:
        check_pattern(on)
    except RefusedError as error:
        detail = "write a name such as sales, a beginning such as sales_*, or storage:raw/*"
        refused = Refused("invalid_request", f"{detail}; {on[:128]!r} is none of these")
        raise RefusedError(refused) from error


async def drop_grant(service: Service, visit: Visit) -> Redirect:
    """POST /console/access/ungrant."""
    principal_name = visit.field("principal")
    await service.access.drop_grant(visit.caller, principal_name, visit.field("on"))
    return Redirect(location=visit.url(principal_path(principal_name)))


async def issue(service: Service, visit: Visit) -> Page:
    """POST /console/access/issue: the one page that shows the token."""
    request = IssueTokenRequest(
        visit.field("principal"),
        visit.form.get("expires_in", "").strip() or None,
        visit.form.get("note", "").strip() or None,
    )
    found = await service.access.tokens.issue(visit.caller, request, msgspec.json.encode(request))
    return Page(
        template="access/issued.html",
        title="A new token",
        values={"issued": found.body, "back": _back(visit, found.body.principal)},
        timeless=True,
    )


async def revoke(service: Service, visit: Visit) -> Redirect:
    """POST /console/access/revoke."""
    found = (await service.access.tokens.revoke(visit.caller, visit.field("id"))).body
    return Redirect(location=_back(visit, found.principal))


async def audit(service: Service, visit: Visit) -> Page:
    """GET /console/audit, for admins: refused accesses and reads, as far as they are stored."""
    query = ListAuditQuery(after=visit.parameter("after"), limit=AUDIT_ROWS)
    page = await service.audit.entries(visit.caller, query)
    if not isinstance(page, AuditPage):
        raise RefusedError(Refused("internal_error", "the audit came in another form"))
    return Page(
        template="access/audit.html",
        title="Audit",
        values={"page_of": page, "query": query, "access_path": ACCESS},
        equivalent=Equivalent(
            path="/v1/audit/entries",
            query={"after": query.after},
            python='print(lake.sql("SELECT * FROM lake.audit").pandas())',
        ),
        timeless=True,
    )


def _back(visit: Visit, principal_name: str) -> str:
    return visit.url(principal_path(principal_name) if visit.held.unrestricted else ACCESS)


def _of(name: str | None, tokens: Iterable[ListedToken]) -> list[ListedToken]:
    return [each for each in tokens if name is not None and each.principal == name]
