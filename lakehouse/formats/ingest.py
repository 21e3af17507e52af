"""Ingest of one file: the format's reader, or a refusal. It decides nothing about the dataset.

It knows no bucket, no journal and no HTTP; it blocks, and is run in a thread of the caller's.
"""

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.formats.file_formats import FILE_FORMATS
from lakehouse.formats.reader import Parsed, ReadRequest
from lakehouse.formats.refusals import refusal


def ingest_file(request: ReadRequest) -> Parsed | Refused:
    """Read the file and write it as Parquet into the directory that `request.work_dir` makes.

    Refused with `empty_csv`, `malformed_csv`, `malformed_ndjson`, `malformed_parquet`,
    `malformed_encoding`, `too_large`, `unsupported_media_type`, `value_does_not_fit`, and
    `invalid_request` for an option that the format does not have or a column that is not there.
    A refusal leaves no Parquet behind. Same bytes and options give the same Parquet bytes.
    """
    options = request.options
    file_format = FILE_FORMATS[options.format]
    try:
        if option := file_format.unusable_option(options):
            raise refusal("invalid_request", f"{option} is not for {options.format} files")
        return file_format.reader()(request)
    except RefusedError as error:
        return error.refused
