"""One CSV to Parquet by DuckDB's own COPY, in a process of its own: prints what it took as JSON.

python -m tests.bench.duckdb_copy CSV PARQUET [SAMPLE_SIZE]
"""

import json
import resource
import sys
import time

import duckdb


def main() -> None:
    """Copy, and tell seconds and peak bytes of this process, or why it was refused."""
    csv, parquet, *sample = sys.argv[1:]
    option = f", sample_size = {int(sample[0])}" if sample else ""
    started_s = time.perf_counter()
    told: dict[str, object] = {}
    try:
        with duckdb.connect() as connection:
            connection.execute(
                f"COPY (FROM read_csv('{csv}'{option})) TO '{parquet}' (FORMAT parquet)"
            )
    except duckdb.Error as error:
        told["refused"] = str(error).partition("\n")[0]
    told["seconds"] = time.perf_counter() - started_s
    told["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(told))


if __name__ == "__main__":
    main()
