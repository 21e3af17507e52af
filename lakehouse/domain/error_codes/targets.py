"""Codes of requests that name what does not exist, or ask for it in a way that is not possible. Pure."""

from lakehouse.domain.error_codes.code import Code

TARGETS: dict[str, Code] = {
    "not_found": Code(404, "Not found", "Read /openapi.json for the routes."),
    "object_not_found": Code(404, "Object not found", "List the objects to see which keys exist."),
    "dataset_not_found": Code(404, "Dataset not found", "List the datasets to see which exist."),
    "namespace_not_found": Code(
        404, "Namespace not found", "The Iceberg catalog has one namespace, lake."
    ),
    "table_unreadable": Code(
        400,
        "Table cannot be read by Iceberg",
        "Do what the detail says; read the table by SQL.",
    ),
    "unsupported_operation": Code(
        406, "Operation not supported", "Change datasets by the lakehouse's own routes."
    ),
    "event_not_found": Code(
        404, "Event not found", "Read the journal's head to see the last event."
    ),
    "principal_not_found": Code(
        404, "Principal not found", "List the principals to see which exist."
    ),
    "token_not_found": Code(404, "Token not found", "List the tokens to see which exist."),
    "grant_not_found": Code(404, "Grant not found", "List the grants to see which exist."),
    "pin_not_found": Code(404, "Pin not found", "List the pins to see which exist."),
    "quarantine_not_found": Code(
        404,
        "Quarantine not found",
        "Use a key from `lake.quarantine` of this dataset; resolved ones are no longer listed.",
    ),
    "lake_not_found": Code(
        404, "Lake not found", "Correct --bucket; `lakehouse ingest` and `serve` create a lake."
    ),
    "method_not_allowed": Code(
        405, "Method not allowed", "Use a method that the header Allow names."
    ),
    "staged_not_found": Code(
        404, "Staged file not found", "Stage the file again; an id is valid once, for 23 hours."
    ),
    "view_not_found": Code(404, "View not found", "List the views to see which exist."),
    "profile_not_found": Code(404, "Profile not found", "List the profiles to see which exist."),
    "store_not_found": Code(404, "Store not found", "List the stores to see which exist."),
    "store_taken": Code(
        409,
        "Store taken",
        "Use the store that has this place, or a prefix of its own for the new one.",
    ),
    "store_in_use": Code(
        409, "Store in use", "Move its objects to another store first, then run gc."
    ),
    "source_not_found": Code(404, "Source not found", "List the sources to see which exist."),
    "not_acceptable": Code(406, "Not acceptable", "Accept one of the media types of this route."),
    "query_not_found": Code(404, "Query not found", "Read /v1/queries to see which queries run."),
    "query_cancelled": Code(
        409, "Query cancelled", "Send the query again if you still need its result."
    ),
    "name_taken": Code(409, "Name taken", "Use the existing spelling, or another name."),
    "already_initialised": Code(
        409, "Already initialised", "Use `lakehouse access init --recover` for another admin token."
    ),
    "last_admin": Code(409, "Last admin", "Make another admin first."),
    "view_cycle": Code(409, "View cycle", "Use relations that do not read this view."),
    "expectation_failed": Code(
        409, "Expectation failed", "Read what is there now, then decide again."
    ),
    "derivation_cycle": Code(
        409, "Derivation cycle", "Read one of the datasets as of an event: `as_of`, or AT."
    ),
    "cannot_refresh": Code(
        409,
        "Cannot refresh",
        "Derive the dataset again with mode=replace; then it can be refreshed.",
    ),
    "fingerprint_conflict": Code(
        409, "Fingerprint conflict", "Drop the dataset first, or use another name."
    ),
    "schema_conflict": Code(
        409,
        "Schema conflict",
        "Correct the file, or use missing=null, schema_change=widen or schema_change=replace.",
    ),
    "object_in_use": Code(409, "Object in use", "Drop the dataset that holds the object first."),
    "objects_collected": Code(
        410, "Objects collected", "The bytes were deleted; restore them from a backup."
    ),
    "undo_conflict": Code(409, "Undo conflict", "Undo the later change first."),
    "cannot_undo": Code(
        409, "Cannot undo", "Events of this type have no inverse; make the change yourself."
    ),
    "key_exists": Code(412, "Key exists", "Leave out If-None-Match to store a new version."),
    "too_large": Code(413, "Too large", "Send less at once."),
    "command_too_large": Code(413, "Command too large", "Split the change into several."),
    "unsupported_media_type": Code(
        415, "Unsupported media type", "Send CSV, NDJSON or Parquet, as a form or as the body."
    ),
    "range_not_satisfiable": Code(416, "Range not satisfiable", "Use a range within the object."),
    "header_too_large": Code(
        431, "Header too large", "Use at most 1 KiB for a reason or an actor."
    ),
    "body_too_slow": Code(
        408, "Body too slow", "Send at least 1 KiB per second; send the request again.", True, 3
    ),
}
"""400 and 404 to 431."""
