"""Ingest of one file: the format's reader, or a refusal. It decides nothing about the dataset.

It knows no bucket, no journal and no HTTP; it blocks, and is run in a thread of the caller's.
"""

from pathlib import Path

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.formats.file_formats import FILE_FORMATS
from lakehouse.formats.reader import Parsed, ReadRequest
from lakehouse.formats.refusals import refusal


def ingest_file(request: ReadRequest) -> Parsed | Refused:
    """Read the file and write it as Parquet into the directory that `request.work_dir` makes.

    Refused with `empty_csv`, `malformed_csv`, `malformed_ndjson`, `malformed_parquet`,
    `malformed_encoding`, `too_large`, `unsupported_media_type`, `value_does_not_fit`, `too_few_rows`, and
    `invalid_request` for an option that the format does not have or a column that is not there.
    Raises LargeRecordError as `request.limits` say. A refusal leaves no Parquet behind.
    Same bytes and options give the same Parquet bytes.
    """
    options = request.options
    file_format = FILE_FORMATS[options.format]
    try:
        if option := file_format.unusable_option(options):
            raise refusal("invalid_request", f"{option} is not for {options.format} files")
        parsed = file_format.reader()(request)
        _refuse_too_few(parsed, options.min_rows)
        return parsed
    except RefusedError as error:
        return error.refused


def _refuse_too_few(parsed: Parsed, min_rows: int) -> None:
    if parsed.row_count >= min_rows:
        return
    for file in (*parsed.files, *((parsed.quarantine.file,) if parsed.quarantine else ())):
        if isinstance(file.content, Path):
            file.content.unlink()
    count = f"{parsed.row_count} {'row' if parsed.row_count == 1 else 'rows'}"
    raise refusal("too_few_rows", f"the file has {count}; min_rows={min_rows}")
