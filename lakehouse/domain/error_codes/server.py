"""Codes of the server's own failures, and those of the command line alone. Pure."""

from lakehouse.domain.error_codes.code import Code

SERVER: dict[str, Code] = {
    "audit_corrupt": Code(
        500,
        "Audit corrupt",
        "Copy the bucket before you change anything, and compare the named batches with a backup.",
        exit=4,
    ),
    "internal_error": Code(500, "Internal error", "This is a bug: report it with the request id."),
    "cache_differs": Code(
        500,
        "Cache differs",
        "The slots are intact; run `lakehouse journal replay --repair`.",
        exit=4,
    ),
    "object_lost": Code(
        500,
        "Object lost",
        "Restore the object from a backup; `lakehouse journal verify --objects` lists the lost ones.",
        exit=4,
    ),
    "object_damaged": Code(
        500,
        "Object damaged",
        "Restore the object from a backup; `lakehouse journal verify --objects` lists the damaged ones.",
        exit=4,
    ),
    "audit_unavailable": Code(
        503,
        "Audit unavailable",
        "Correct what keeps the process from writing to its bucket; then send the request again.",
        True,
        3,
    ),
    "store_unavailable": Code(
        503,
        "Store unavailable",
        "Start the store that the detail names, or give this process its credentials.",
        True,
        3,
    ),
    "source_unavailable": Code(
        503,
        "Source unavailable",
        "Correct what the detail names: the directory, or the rights of the server's keys.",
        True,
        3,
    ),
    "busy": Code(503, "Busy", "Send the request again after the seconds in Retry-After.", True, 3),
    "not_committed": Code(
        503, "Not committed", "Nothing was changed; send the request again.", True, 3
    ),
    "outcome_unknown": Code(
        503,
        "Outcome unknown",
        "The change may have been made; send it again with the same idempotency key.",
        True,
        3,
    ),
    "not_caught_up": Code(
        503,
        "Not caught up",
        "This process has not read that event yet; send the request again.",
        True,
        3,
    ),
    "upstream_unavailable": Code(
        502,
        "Upstream unavailable",
        "Start the role that the detail names; the other roles can be used.",
        True,
        3,
    ),
    "roles_unavailable": Code(
        503, "Roles unavailable", "Start the roles that errors lists.", True, 3
    ),
    "issuer_unavailable": Code(
        503, "Issuer unavailable", "Send the request again, or use a token of the lake.", True, 3
    ),
    "server_unreachable": Code(
        503, "Server unreachable", "Check the URL, the certificate and the network.", True, 3
    ),
    "bucket_unavailable": Code(
        503, "Bucket unavailable", "The store does not respond; send the request again.", True, 3
    ),
    "bucket_refused": Code(
        503,
        "Bucket refused",
        "Check the credentials, their permissions and the name of the bucket.",
        False,
        3,
    ),
    "bucket_not_found": Code(
        503, "Bucket not found", "Create the bucket, or correct its name in the settings."
    ),
    "bucket_broken": Code(
        503, "Bucket broken", "The store broke a promise; run `lakehouse doctor`.", False, 4
    ),
    "store_unfit": Code(
        503,
        "Store unfit",
        "Use a store that keeps the promise that is named; run `lakehouse doctor`.",
        False,
        4,
    ),
    "upgrade_required": Code(
        503, "Upgrade required", "A newer version wrote to this lake; upgrade this one.", False, 3
    ),
    "clock_skew": Code(
        503, "Clock skew", "Set this machine's clock; it differs from the store's.", True, 3
    ),
    "journal_corrupt": Code(
        503,
        "Journal corrupt",
        "Stop all writers and copy the bucket; `lakehouse journal verify` names the first bad slot.",
        False,
        4,
    ),
    "shutting_down": Code(
        503, "Shutting down", "The process stops; send the request again in a moment.", True, 3
    ),
    "query_killed": Code(
        503, "Query killed", "The query's process ended; send the query again.", True, 3
    ),
    "query_out_of_memory": Code(507, "Query out of memory", "Select fewer rows or columns."),
    "query_timeout": Code(504, "Query timeout", "Select less, or raise the time limit.", True, 3),
    "insufficient_storage": Code(
        507,
        "Insufficient storage",
        "Free space on the server's disk, then send the request again.",
        True,
        3,
    ),
    # Of the command line alone.
    "usage": Code(400, "Usage", "See `lakehouse --help`.", exit=2),
    "engine_error": Code(
        400, "Engine error", "Correct the statement; the message is the engine's."
    ),
    "engine_unavailable": Code(503, "Engine unavailable", "Start the engine.", True, 3),
    "cannot_listen": Code(
        503,
        "Cannot listen",
        "Choose another --port, or stop the process that uses this one.",
        True,
        3,
    ),
}
"""Mostly 5xx; a retryable one may pass."""
