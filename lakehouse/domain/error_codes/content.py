"""Codes of content that can be read and cannot be accepted. Pure."""

from lakehouse.domain.error_codes.code import Code

CONTENT: dict[str, Code] = {
    "object_missing": Code(422, "Object missing", "Store the objects before you register them."),
    "empty_csv": Code(422, "Empty CSV", "Send a CSV with at least a header row."),
    "malformed_csv": Code(
        422,
        "Malformed CSV",
        "Correct the line, use on_error=quarantine, or name the file's encoding: encoding=latin-1.",
    ),
    "malformed_ndjson": Code(
        422, "Malformed NDJSON", "Correct the line, or use on_error=quarantine."
    ),
    "malformed_parquet": Code(
        422, "Malformed Parquet", "Write the file again; check the types of its columns."
    ),
    "malformed_encoding": Code(
        422, "Malformed encoding", "Compress the file again; its compressed bytes are damaged."
    ),
    "too_few_rows": Code(422, "Too few rows", "Send the whole file, or use a lower min_rows."),
    "delimiter_suspected": Code(
        422, "Delimiter suspected", "Name the delimiter; delimiter=, means that it is a comma."
    ),
    "value_does_not_fit": Code(
        422,
        "Value does not fit",
        "Use a value that fits the column's type, or a type that the value fits.",
    ),
    "invalid_column": Code(
        422,
        "Invalid column",
        "Give each column its own name (AS), and cast it to a type that a dataset can have.",
    ),
    "duplicate_key": Code(
        422, "Duplicate key", "Keep one row of each key, or use a key that identifies each row."
    ),
    "null_key": Code(
        422, "Null in key", "Fill the key columns of these rows, or leave the rows out."
    ),
    "outside_where": Code(
        422, "Row outside where", "Leave these rows out, or use a condition that they match."
    ),
    "idempotency_key_reused": Code(
        422, "Idempotency key reused", "Use a new key for a new request."
    ),
    "method_not_supported": Code(
        501, "Method not supported", "Use GET, HEAD, POST, PUT or DELETE, in capitals."
    ),
    "transfer_coding_not_supported": Code(
        501, "Transfer coding not supported", "Use Transfer-Encoding: chunked, or Content-Length."
    ),
}
"""422."""
