"""Ingest: CSV, NDJSON or Parquet in, decided schema and Parquet out. Synchronous; knows files alone."""

from lakehouse.ingest.arriving import Arriving, GivenUpError
from lakehouse.ingest.ingest import Parsed, ingest_file
from lakehouse.ingest.limits import Limits
from lakehouse.ingest.options import OPTION_NAMES, Options, format_of, parse_options
from lakehouse.ingest.parquet import ParquetFile
from lakehouse.ingest.schema import Column, Contract, Difference, Renamed, Stance, fingerprint

__all__ = [
    "OPTION_NAMES",
    "Arriving",
    "Column",
    "Contract",
    "Difference",
    "GivenUpError",
    "Limits",
    "Options",
    "ParquetFile",
    "Parsed",
    "Renamed",
    "Stance",
    "fingerprint",
    "format_of",
    "ingest_file",
    "parse_options",
]
