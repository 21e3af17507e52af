"""The members that each answer has, no more and no fewer."""

from typing import Any

ANY = object()
"""Stands for a value whose members depend on the data."""
STORED = {"key": 0, "size_bytes": 0, "sha256": 0, "seq": 0}
COLUMN = {"name": 0, "type": 0}
OBJECT = {"key": 0, "size_bytes": 0, "sha256": 0, "row_count": 0, "version": 0}
SUMMARY = {
    "dataset_id": 0, "name": 0, "schema_fingerprint": 0, "row_count": 0, "created_at": 0,
    "updated_at": 0, "seq": 0,
}  # fmt: skip
MANIFEST = SUMMARY | {"schema": [COLUMN], "objects": [OBJECT]}
EVENT = {
    "seq": 0, "position": 0, "at": 0, "type": 0, "v": 0, "command": 0, "key": 0, "request": 0,
    "actor": 0, "reason": 0, "correlation": 0, "about": [{"entity": 0, "prev": ANY}], "data": ANY,
    "on_behalf_of": 0,
}  # fmt: skip
_LIMITS = {"queries": 0, "waiting": 0, "ingests": 0, "connections": 0, "bytes_per_day": 0}
PRINCIPAL = {
    "name": 0, "kind": 0, "admin": 0, "profile": 0, "disabled": 0, "limits": _LIMITS, "created_at": 0,
    "updated_at": 0, "seq": 0,
}  # fmt: skip
GRANT = {"principal": 0, "on": 0, "can": ANY, "updated_at": 0, "seq": 0}
TOKEN = {
    "id": 0, "principal": 0, "expires_at": 0, "expired": 0, "note": 0, "issued_at": 0, "seq": 0,
}  # fmt: skip
ME = {
    "principal": 0, "kind": 0, "admin": 0, "profile": 0, "limits": _LIMITS, "grants": [GRANT], "seq": 0,
}  # fmt: skip
SOURCE = {"sha256": 0, "size_bytes": 0}
RECEIPT = MANIFEST | {
    "rows_ingested": 0, "rows_removed": 0, "rows_quarantined": 0, "source": SOURCE, "reused": 0,
    "quarantine": {"key": 0, "size_bytes": 0, "sha256": 0},
    "renamed": [{"position": 0, "was": 0, "name": 0}], "rounded": [{"name": 0, "count": 0}],
}  # fmt: skip
DRY_RUN = {
    "dry_run": 0, "name": 0, "source": SOURCE, "seq": 0, "outcome": 0, "schema": [COLUMN],
    "schema_fingerprint": 0, "rows_ingested": 0, "rows_removed": 0, "rows_quarantined": 0,
    "row_count": 0, "reused": 0,
    "rows_good": 0, "rows_bad": 0, "bad_rows": [{"line": 0, "column": 0, "reason": 0}],
    "renamed": [{"position": 0, "was": 0, "name": 0}], "rounded": [{"name": 0, "count": 0}],
    "type_reasons": [{"name": 0, "reason": 0, "line": 0}],
    "refused": {"code": 0, "status": 0, "detail": 0, "errors": [ANY]},
}  # fmt: skip
STAGED = {
    "staged": 0, "expires_at": 0, "name": 0, "mode": 0, "schema": [COLUMN], "schema_fingerprint": 0,
    "rows_ingested": 0, "rows_removed": 0, "rows_quarantined": 0, "source": SOURCE, "seq": 0,
    "renamed": [{"position": 0, "was": 0, "name": 0}],
    "type_reasons": [{"name": 0, "reason": 0, "line": 0}],
}  # fmt: skip
READ = {"name": 0, "seq": 0, "dataset_id": 0, "as_of": 0}
DERIVED = MANIFEST | {"rows_ingested": 0, "rows_removed": 0, "reads": [READ], "reused": 0}
DERIVE_DRY_RUN = {
    "dry_run": 0, "name": 0, "seq": 0, "outcome": 0, "schema": [COLUMN], "schema_fingerprint": 0,
    "rows_ingested": 0, "row_count": 0, "reads": [READ],
    "refused": {"code": 0, "status": 0, "detail": 0, "errors": [ANY]},
}  # fmt: skip
UPLOAD = {
    "event": {"seq": 0, "at": 0, "type": 0, "actor": 0, "reason": 0, "correlation": 0},
    "source": {"sha256": 0, "size_bytes": 0, "options": ANY},
    "objects": [{"key": 0, "rows": ANY}],
}  # fmt: skip
SPAN = {"from": 0, "to": 0}
CHANGE = {
    "name": 0, "change": 0, "rows": SPAN | {"added": 0, "removed": 0}, "seq": SPAN,
    "objects": {"added": [ANY], "removed": ANY},
    "schema": [{"name": 0, "was": 0, "is": 0}],
}  # fmt: skip
MOVED = CHANGE | {"schema": [{"name": 0, "was": 0, "is": 0, "position": 0}]}
AUDIT_ENTRY = {
    "id": 0, "at": 0, "kind": 0, "principal": 0, "token": 0, "address": 0, "door": 0,
    "route": 0, "request_id": 0, "status": 0, "code": 0, "seq": 0,
    "reads": [{"name": 0, "seq": 0}], "rows": 0,
}  # fmt: skip
PIN = {"name": 0, "as_of_seq": 0, "seq": 0}
UNDONE = {
    "dry_run": 0, "undoes": 0, "undone_type": 0, "type": 0, "datasets": ANY, "key": 0, "seq": 0,
}  # fmt: skip
FOUND = {"object": 0, "key": 0, "size_bytes": 0, "verdict": 0, "why": 0, "since": 0}
ERASED = {
    "name": 0, "dry_run": 0, "moments": 0, "objects": 0, "rows": 0, "datasets": ANY,
    "also": [{"kind": 0, "name": 0, "detail": 0}], "collected": 0, "seq": 0,
}  # fmt: skip
GC = {
    "dry_run": 0, "run": 0, "cutoff_seq": 0, "objects": [FOUND], "object_count": 0, "size_bytes": 0,
    "foreign": [FOUND], "foreign_count": 0, "seq": 0,
}  # fmt: skip
COLLECTED = GC | {
    "marked": 0, "marked_bytes": 0, "deleted": 0, "deleted_again": 0, "left": 0,
    "aborted_uploads": 0, "copies_deleted": 0, "stores_unavailable": ANY,
}  # fmt: skip
QUERY = {
    "query_id": 0, "state": 0, "actor": 0, "sql": 0, "format": 0, "seq": 0, "started_at": 0,
    "elapsed_ms": 0, "size_bytes": 0, "client_query_id": 0,
}  # fmt: skip
PROBLEM = {
    "type": 0, "title": 0, "status": 0, "detail": 0, "code": 0, "request_id": 0, "retryable": 0,
    "hint": 0,
}  # fmt: skip
CLOUD_EVENT = {
    "specversion": 0, "id": 0, "source": 0, "type": 0, "time": 0, "subject": 0,
    "datacontenttype": 0, "seq": 0, "position": 0, "at": 0, "v": 0, "command": 0, "key": 0,
    "request": 0, "actor": 0, "reason": 0, "correlation": 0, "data": ANY,
}  # fmt: skip
VIEWS = {
    "datasets": "name dataset_id schema_fingerprint row_count object_count size_bytes created_at"
    " updated_at seq",
    "columns": "dataset position name type",
    "objects": "key size_bytes sha256 row_count content_type created_at seq is_current datasets",
    "events": "seq position at type v dataset actor reason key request correlation command data on_behalf_of",
    "quarantine": "dataset key seq line column reason raw",
    "views": "name sql comment columns reads safe created_at seq",
    "queries": "query_id actor started_at ms sql format seq rows size_bytes cached outcome",
    "rejections": "at dataset mode code detail actor reason correlation sha256 size_bytes",
}


def members(value: Any, expected: Any, where: str = "the answer") -> None:
    """Assert that `value` has exactly the members that `expected` names, at every depth."""
    if isinstance(expected, dict):
        assert isinstance(value, dict), f"{where} is {value!r}"
        assert set(value) == set(expected), where
        for name, inner in expected.items():
            members(value[name], inner, f"{where}.{name}")
    elif isinstance(expected, list):
        assert value, f"{where} is empty: nothing is shown"
        for inner in value:
            members(inner, expected[0], f"{where}[]")
    elif expected is not ANY:
        assert not isinstance(value, dict | list), where


SOURCE_STATUS = {
    "looked_at": 0, "listed": 0, "waiting": ANY, "waiting_count": 0, "set_aside": ANY,
    "set_aside_count": 0, "skipped": ANY, "skipped_count": 0, "error": 0,
}  # fmt: skip
SOURCE = {
    "name": 0, "uri": 0, "pattern": 0, "dataset": 0, "mode": 0, "options": ANY, "every": 0,
    "files_received": 0, "received_at": 0, "status": SOURCE_STATUS, "created_at": 0,
    "updated_at": 0, "seq": 0,
}  # fmt: skip
STORE = {
    "id": 0, "url": 0, "credentials": 0, "copies": 0, "size_bytes": 0, "released": 0, "created_at": 0,
    "seq": 0,
}  # fmt: skip
COPIED = {
    "run": 0, "from": 0, "to": 0, "objects": 0, "copied": 0, "copied_bytes": 0, "released": 0, "absent": 0,
    "seq": 0,
}  # fmt: skip
