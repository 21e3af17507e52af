"""Which route answers each use case that a command calls, and the struct of its answer. Pure data.

A command whose use case has no row needs the bucket itself.
"""

import msgspec

from lakehouse.api import access, gc, rows, sources, stores
from lakehouse.api.catalog import change_sets, datasets, definitions, derivation
from lakehouse.api.history import provenance
from lakehouse.api.history import time_travel as travel
from lakehouse.api.history.journal import EventPage
from lakehouse.api.ingest.answers import StagedIngest
from lakehouse.api.upkeep.compaction import CompactReport
from lakehouse.api.upkeep.quarantine import QuarantineList


class Call(msgspec.Struct, frozen=True):
    """One route. Texts among the arguments fill `{}` in the path, then the parameters `names`."""

    method: str
    path: str
    answer: type[msgspec.Struct]
    names: tuple[str, ...] = ()
    rows: str | None = None
    """The member of a page that holds its rows: every page is read."""
    changes: bool = True
    """Whether the route may change the lake."""


def _read(
    path: str, answer: type[msgspec.Struct], names: tuple[str, ...] = (), rows: str | None = None
) -> Call:
    return Call("GET", path, answer, names, rows, changes=False)


CALLS: dict[str, Call] = {
    "catalog.list": _read("/v1/catalog/list", datasets.DatasetPage, rows="datasets"),
    "catalog.manifest": _read("/v1/catalog/manifest/{}", datasets.Manifest),
    "catalog.drop": Call("DELETE", "/v1/catalog/manifest/{}", datasets.Dropped),
    "catalog.restore": Call("POST", "/v1/catalog/restore", datasets.Manifest),
    "catalog.history": _read("/v1/catalog/history/{}", EventPage, rows="events"),
    "change_sets.transaction": Call(
        "POST", "/v1/catalog/transaction", change_sets.TransactionReceipt
    ),
    "change_sets.rename": Call("POST", "/v1/catalog/rename", change_sets.Renamed),
    "rows.delete": Call("POST", "/v1/catalog/delete", rows.DeleteReceipt),
    "rows.update": Call("POST", "/v1/catalog/update", rows.UpdateReceipt),
    "erasure.erase": Call("POST", "/v1/catalog/erase", rows.EraseReport),
    "views.put": Call("PUT", "/v1/catalog/view/{}", definitions.View),
    "views.show": _read("/v1/catalog/view/{}", definitions.View),
    "views.list": _read("/v1/catalog/views", definitions.ViewList),
    "views.drop": Call("DELETE", "/v1/catalog/view/{}", definitions.ViewDropped),
    "profiles.put": Call("PUT", "/v1/catalog/profile/{}", definitions.Profile),
    "profiles.show": _read("/v1/catalog/profile/{}", definitions.Profile),
    "profiles.list": _read("/v1/catalog/profiles", definitions.ProfileList),
    "profiles.drop": Call("DELETE", "/v1/catalog/profile/{}", definitions.ProfileDropped),
    "derivations.derive": Call("POST", "/v1/catalog/derive", derivation.DeriveReceipt),
    "derivations.dry_run": Call("POST", "/v1/catalog/derive", derivation.DeriveDryRun),
    "derivations.stage": Call("POST", "/v1/catalog/derive", StagedIngest),
    "derivations.refresh": Call("POST", "/v1/catalog/refresh", derivation.DeriveReceipt),
    "derivations.refresh_all": Call("POST", "/v1/catalog/refresh", derivation.RefreshedAll),
    "sources.put": Call("PUT", "/v1/sources/{}", sources.Source),
    "sources.show": _read("/v1/sources/{}", sources.Source),
    "sources.list": _read("/v1/sources", sources.SourceList, rows="sources"),
    "sources.drop": Call("DELETE", "/v1/sources/{}", sources.SourceDropped),
    "sources.run": Call("POST", "/v1/sources/{}/run", sources.SourceRun),
    "quarantine.files": _read("/v1/catalog/quarantine/{}", QuarantineList),
    "time_travel.pin": Call("POST", "/v1/catalog/pin", travel.PinReceipt),
    "time_travel.unpin": Call("POST", "/v1/catalog/unpin", travel.PinReceipt),
    "time_travel.pins": _read("/v1/catalog/pins", travel.Pins),
    "time_travel.diff": _read("/v1/catalog/diff", travel.CatalogDiff),
    "time_travel.undo": Call("POST", "/v1/journal/undo", travel.Undone),
    "provenance.why": _read("/v1/catalog/why/{}", provenance.Lineage),
    "compaction.run": Call("POST", "/v1/catalog/compact", CompactReport),
    "gc.run": Call("POST", "/v1/gc", gc.GcReport),
    "access.put_principal": Call("PUT", "/v1/access/principals/{}", access.Principal),
    "access.show_principal": _read("/v1/access/principals/{}", access.Principal),
    "access.list_principals": _read("/v1/access/principals", access.PrincipalList),
    "access.drop_principal": Call("DELETE", "/v1/access/principals/{}", access.PrincipalDropped),
    "access.tokens.issue": Call("POST", "/v1/access/tokens", access.IssuedToken),
    "access.tokens.list": _read("/v1/access/tokens", access.TokenList),
    "access.tokens.revoke": Call("DELETE", "/v1/access/tokens/{}", access.TokenRevoked),
    "access.put_grant": Call("PUT", "/v1/access/grants", access.Grant),
    "access.list_grants": _read("/v1/access/grants", access.GrantList, names=("principal",)),
    "access.drop_grant": Call(
        "DELETE", "/v1/access/grants", access.GrantDropped, names=("principal", "on")
    ),
    "stores.put": Call("PUT", "/v1/stores/{}", stores.Store),
    "stores.show": _read("/v1/stores/{}", stores.Store),
    "stores.list_all": _read("/v1/stores", stores.StoreList),
    "stores.drop": Call("DELETE", "/v1/stores/{}", stores.StoreDropped),
    "stores.doctor": Call("POST", "/v1/stores/doctor/{}", stores.StoreExamination, changes=False),
    "copying.copy": Call("POST", "/v1/stores/copy", stores.CopyReport),
    "copying.move": Call("POST", "/v1/stores/move", stores.CopyReport),
    "access.me": _read("/v1/access/me", access.Me),
}
"""By the use case's place in the service."""
