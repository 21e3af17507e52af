"""Audit entries and journal events as events of OCSF 1.5.0, class API Activity (6003). Pure.

Owns the mapping alone. What OCSF has no attribute for stands under `unmapped`.
"""

from typing import Any

from journal.slot import parse_at
from lakehouse.api.audit.entries import StoredAuditEntry
from lakehouse.api.history.journal import JournalEvent

VERSION = "1.5.0"
CATEGORY, CLASS = 6, 6003
CREATE, READ, UPDATE, DELETE, OTHER = 1, 2, 3, 4, 99
INFORMATIONAL, MEDIUM = 1, 3
SUCCESS, FAILURE = 1, 2
UNKNOWN = "unknown"
_OF_METHOD = {"GET": READ, "HEAD": READ, "PUT": UPDATE, "POST": CREATE, "DELETE": DELETE}
_ENDS = {
    DELETE: ("_dropped", "_deleted", "_collected", "_revoked", "_removed", "_erased"),
    CREATE: ("_registered", "_stored", "_put", "_issued", "_ingested", "_pinned"),
}
"""Ends of event types by what OCSF calls the activity; all others update."""


def entry_event(entry: StoredAuditEntry, product_version: str) -> dict[str, Any]:
    """A refused access or a read."""
    refused = entry.kind == "refused"
    activity = READ if not refused else _OF_METHOD.get(entry.route.partition(" ")[0], OTHER)
    found = _event(activity, MEDIUM if refused else INFORMATIONAL, entry.at) | {
        "status_id": FAILURE if refused else SUCCESS,
        "metadata": _metadata(entry.id, entry.request_id, product_version),
        "actor": {"user": {"name": entry.principal or UNKNOWN}},
        "api": {
            "operation": entry.route,
            "request": {"uid": entry.request_id},
            "response": {"code": entry.status},
        },
        "src_endpoint": {"ip": entry.address} if entry.address else {"name": UNKNOWN},
        "resources": [
            {"name": read.name} | ({} if read.seq is None else {"version": str(read.seq)})
            for read in entry.reads
        ],
        "unmapped": {"door": entry.door, "token": entry.token, "rows": entry.rows},
    }
    return found | ({"status_code": entry.code} if entry.code else {})


def journal_event(event: JournalEvent, product_version: str) -> dict[str, Any]:
    """An event of the journal. Its data stand under `unmapped`, as the feed has them."""
    activity = next(
        (each for each, ends in _ENDS.items() if event.type.endswith(ends)),
        UPDATE,
    )
    return _event(activity, INFORMATIONAL, event.at) | {
        "status_id": SUCCESS,
        "metadata": _metadata(str(event.seq), event.correlation, product_version),
        "actor": {"user": {"name": event.actor or UNKNOWN}},
        "api": {"operation": event.type, "request": {"uid": event.command}},
        "src_endpoint": {"name": UNKNOWN},
        "resources": [
            {"name": each.entity, "version": str(event.seq)} for each in event.about
        ],
        "unmapped": {"reason": event.reason, "data": event.data},
    }  # fmt: skip


def _event(activity: int, severity: int, at: str) -> dict[str, Any]:
    return {
        "category_uid": CATEGORY,
        "class_uid": CLASS,
        "activity_id": activity,
        "type_uid": CLASS * 100 + activity,
        "severity_id": severity,
        "time": int(parse_at(at).timestamp() * 1000),
    }


def _metadata(uid: str, correlation: str | None, product_version: str) -> dict[str, Any]:
    product = {"name": "lakehouse", "vendor_name": "lakehouse", "version": product_version}
    found = {"version": VERSION, "product": product, "uid": uid}
    return found | ({"correlation_uid": correlation} if correlation else {})
