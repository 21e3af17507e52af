"""Options: how the bytes of a file are to be read. Pure data.

It parses no query and knows no file: file_formats.py says which options a format takes.
"""

import msgspec

CSV, NDJSON, PARQUET = "csv", "ndjson", "parquet"
REJECT, QUARANTINE = "reject", "quarantine"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How to read the file; `types` are sorted (column, type) pairs that win over inference."""

    delimiter: str = ","
    delimiter_given: bool = False
    """Whether the delimiter was named, and is not to be questioned. It changes no reading."""
    encoding: str = "utf-8"
    header: bool = True
    null_tokens: tuple[str, ...] = ()
    types: tuple[tuple[str, str], ...] = ()
    on_error: str = REJECT
    """What becomes of a file of which one row cannot be read: `reject` or `quarantine`."""
    format: str = CSV
    missing_as_null: bool = False
    """Whether a file without some of the dataset's columns has nulls there."""
    min_rows: int = 0
    """A file of fewer rows is refused."""

    def canonical(self) -> tuple[tuple[str, str], ...]:
        """Sorted (name, value) pairs of what differs from the defaults: equal means read alike."""
        pairs = [("null", token) for token in self.null_tokens]
        pairs += [("types", f"{column}:{name}") for column, name in self.types]
        if self.delimiter != ",":
            pairs.append(("delimiter", self.delimiter))
        if self.encoding != "utf-8":
            pairs.append(("encoding", self.encoding))
        if not self.header:
            pairs.append(("header", "false"))
        if self.on_error != REJECT:
            pairs.append(("on_error", self.on_error))
        if self.format != CSV:
            pairs.append(("format", self.format))
        if self.missing_as_null:
            pairs.append(("missing", "null"))
        if self.min_rows:
            pairs.append(("min_rows", str(self.min_rows)))
        return tuple(sorted(pairs))
