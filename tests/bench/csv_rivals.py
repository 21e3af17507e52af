"""What ingest is measured against: one CSV to Parquet by each rival, in a process of its own.

    python -m tests.bench.csv_rivals RIVAL CSV PARQUET

Prints what it took as JSON. polars and pyarrow refuse a file whose scores become decimals late; so
polars is set to examine every row, and pyarrow the type of `score`.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

SNIFFED, SCANNED = "DuckDB COPY", "DuckDB COPY, sample_size=-1"
POLARS, PYARROW = "polars sink_parquet", "pyarrow streaming"


def main() -> None:
    """Convert, and tell seconds, seconds of CPU and peak bytes of this process, or why it was refused."""
    rival, csv, parquet = sys.argv[1:]
    started_s, cpu_s = time.perf_counter(), time.process_time()
    measured: dict[str, object] = {}
    try:
        RIVALS[rival](csv, parquet)
    except (duckdb.Error, polars.exceptions.PolarsError, pa.ArrowInvalid) as error:
        measured["refused"] = str(error).partition("\n")[0]
    measured["seconds"] = time.perf_counter() - started_s
    measured["cpu_s"] = time.process_time() - cpu_s
    measured["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(measured))


def _sniffed(csv: str, parquet: str) -> None:
    _copy(f"read_csv('{csv}')", parquet)


def _scanned(csv: str, parquet: str) -> None:
    _copy(f"read_csv('{csv}', sample_size = -1)", parquet)


def _copy(reading: str, parquet: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"COPY (FROM {reading}) TO '{parquet}' (FORMAT parquet)")


def _polars(csv: str, parquet: str) -> None:
    polars.scan_csv(csv, infer_schema_length=None).sink_parquet(Path(parquet))


def _pyarrow(csv: str, parquet: str) -> None:
    parse = pa.csv.ParseOptions(newlines_in_values=True)
    convert = pa.csv.ConvertOptions(column_types={"score": pa.float64()})
    with (
        pa.csv.open_csv(csv, parse_options=parse, convert_options=convert) as reader,
        pq.ParquetWriter(parquet, reader.schema) as writer,
    ):
        for batch in reader:
            writer.write_batch(batch)


RIVALS: dict[str, Callable[[str, str], None]] = {
    SNIFFED: _sniffed,
    SCANNED: _scanned,
    POLARS: _polars,
    PYARROW: _pyarrow,
}


if __name__ == "__main__":
    main()
