"""Every statement that must be refused: those that read what they may not, below, and those that write.

`{bucket}` is the bucket's directory, `{outside}` a file outside of it. Data only.
"""

from sql_write_attacks import WRITES

READS = """
SELECT * FROM '{outside}'
FROM '{outside}'
FROM "{outside}"
TABLE "{outside}"
DESCRIBE '{outside}'
SUMMARIZE '{outside}'
SHOW '{outside}'
EXPLAIN ANALYZE FROM '{outside}'
FROM '{bucket}/_journal/1.json'
FROM '{bucket}/_journal/*'
FROM '{bucket}/datasets/Sales/0.parquet'
FROM '{bucket}/datasets/*/*.parquet'
FROM '{bucket}/datasets/**'
FROM "{bucket}/datasets/Sales/0.parquet"
FROM main."{bucket}/datasets/Sales/0.parquet"
FROM memory.main."{bucket}/datasets/Sales/0.parquet"
FROM '/etc/passwd'
FROM 'file:///etc/passwd'
FROM 'http://127.0.0.1:9/x.parquet'
FROM 'https://127.0.0.1:9/x.csv'
FROM 's3://bucket/x.parquet'
FROM 'hf://datasets/x/y.parquet'
FROM '\\\\\\\\host\\\\share\\\\x.csv'
FROM 'x.parquet'
FROM '../secret.csv'
WITH "{bucket}/datasets/Sales/0.parquet" AS (FROM "{bucket}/datasets/Sales/0.parquet") SELECT 1
WITH "{outside}" AS (SELECT 1) FROM "{outside}"
WITH x AS (FROM '{outside}') FROM x
WITH RECURSIVE "{outside}" AS (FROM "{outside}" UNION ALL SELECT 1) FROM "{outside}"
SELECT (SELECT count(*) FROM '{outside}')
SELECT * FROM Sales WHERE EXISTS (FROM '{outside}')
SELECT * FROM Sales WHERE state IN (SELECT password FROM '{outside}')
SELECT * FROM Sales JOIN '{outside}' ON true
SELECT * FROM Sales, LATERAL (SELECT * FROM '{outside}' WHERE id = 1)
SELECT * FROM Sales ORDER BY (SELECT max(password) FROM '{outside}')
SELECT * FROM Sales LIMIT (SELECT count(*) FROM '{outside}')
SELECT * FROM Sales OFFSET (SELECT count(*) FROM read_text('{outside}'))
SELECT count(*) FILTER (id > (SELECT count(*) FROM read_text('{outside}'))) FROM Sales
SELECT sum(id) OVER (ORDER BY (SELECT count(*) FROM read_text('{outside}'))) FROM Sales
SELECT id FROM Sales QUALIFY row_number() OVER () > (SELECT count(*) FROM glob('*'))
SELECT state FROM Sales GROUP BY state HAVING count(*) > (SELECT count(*) FROM glob('/*'))
SELECT CASE WHEN (SELECT true FROM read_text('{outside}')) THEN 1 END
SELECT [x + (SELECT count(*) FROM read_text('{outside}')) FOR x IN [1]]
SELECT list_transform([1], lambda x: (SELECT content FROM read_text('{outside}')))
SELECT DISTINCT ON ((SELECT content FROM read_text('{outside}'))) id FROM Sales
SELECT COLUMNS(c -> c IN (SELECT content FROM read_text('{outside}'))) FROM Sales
SELECT * REPLACE ((SELECT content FROM read_text('{outside}')) AS id) FROM Sales
PIVOT Sales ON state IN ('IL') USING max((SELECT content FROM read_text('{outside}')))
PIVOT '{outside}' ON password IN ('x') USING count(*)
UNPIVOT '{outside}' ON password INTO NAME k VALUE v
VALUES ((SELECT content FROM read_text('{outside}')))
SELECT 1 UNION ALL SELECT content FROM read_text('{outside}')
SELECT 1 EXCEPT SELECT size FROM read_blob('{outside}')
SELECT * FROM read_text('{outside}')
SELECT * FROM READ_TEXT('{outside}')
SELECT * FROM "read_text"('{outside}')
SELECT * FROM main.read_text('{outside}')
SELECT * FROM system.main.read_text('{outside}')
SELECT * FROM read_blob('{outside}')
SELECT * FROM read_csv('{outside}')
SELECT * FROM read_csv_auto('{outside}')
SELECT * FROM read_json('{bucket}/_journal/1.json')
SELECT * FROM read_json_auto('{bucket}/_journal/*')
SELECT * FROM read_ndjson('{outside}')
SELECT * FROM read_ndjson_objects('{outside}')
SELECT * FROM read_parquet('{bucket}/datasets/Sales/0.parquet')
SELECT * FROM read_parquet(['{bucket}/datasets/Sales/0.parquet'])
SELECT * FROM parquet_scan('{bucket}/datasets/Sales/0.parquet')
SELECT * FROM parquet_metadata('{bucket}/datasets/Sales/0.parquet')
SELECT * FROM parquet_schema('{bucket}/datasets/Sales/0.parquet')
SELECT * FROM parquet_file_metadata('{bucket}/datasets/Sales/0.parquet')
SELECT * FROM parquet_kv_metadata('{bucket}/datasets/Sales/0.parquet')
SELECT * FROM parquet_bloom_probe('{bucket}/datasets/Sales/0.parquet', 'id', 1)
SELECT * FROM sniff_csv('{outside}')
SELECT * FROM glob('/**')
SELECT * FROM glob('{bucket}/*')
SELECT * FROM query('SELECT 1')
SELECT * FROM query('FROM read_text(''{outside}'')')
SELECT * FROM query_table('Sales')
SELECT * FROM query_table(['{bucket}/datasets/Sales/0.parquet'])
SELECT * FROM histogram('{outside}', password)
SELECT * FROM histogram_values('{outside}', password)
SELECT * FROM sqlite_scan('{outside}', 't')
SELECT * FROM postgres_scan('host=127.0.0.1', 'public', 't')
SELECT * FROM iceberg_scan('{bucket}/datasets')
SELECT * FROM delta_scan('{bucket}/datasets')
SELECT * FROM st_read('{outside}')
SELECT * FROM seq_scan('Sales')
SELECT * FROM arrow_scan(1, 2, 3)
SELECT * FROM pandas_scan(1)
SELECT * FROM python_map_function(1)
SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))
SELECT json_serialize_plan('FROM read_text(''{outside}'')')
SELECT json_serialize_sql('SELECT 1')
SELECT json_deserialize_sql('x')
FROM from_substrait('x'::BLOB)
SELECT * FROM enable_logging(storage = 'file')
SELECT * FROM duckdb_logs()
SELECT write_log('x')
SELECT * FROM test_all_types()
SELECT * FROM checkpoint()
SELECT * FROM force_checkpoint('memory')
SELECT getenv('HOME')
SELECT current_setting('allowed_directories')
SELECT current_setting('TimeZone', 'temp_directory')
SELECT current_setting(x) FROM (SELECT 'temp_directory' AS x)
SELECT current_setting('temp_' || 'directory')
SELECT current_setting('temp_directory'::VARCHAR)
SELECT current_setting('s3_secret_access_key')
SELECT main.current_setting('temp_directory')
SELECT system.main.current_setting('temp_directory')
SELECT x FROM (SELECT current_setting('temp_directory') AS x)
SELECT 'temp_directory'.current_setting()
SELECT getvariable('x')
SELECT current_query()
SELECT nextval('q')
SELECT currval('q')
SELECT * FROM duckdb_secrets()
SELECT * FROM duckdb_secrets(redact = false)
SELECT * FROM which_secret('s3://bucket/x', 's3')
SELECT * FROM duckdb_settings()
SELECT * FROM duckdb_databases()
SELECT * FROM duckdb_views()
SELECT sql FROM duckdb_views
SELECT sql FROM sqlite_master
SELECT * FROM sqlite_schema
SELECT * FROM pragma_database_list
SELECT * FROM pg_catalog.pg_views
SELECT * FROM pg_views
SELECT * FROM information_schema.views
SELECT * FROM information_schema.character_sets
SELECT * FROM system.information_schema.tables
SELECT * FROM duckdb_external_file_cache()
SELECT * FROM duckdb_temporary_files()
SELECT * FROM duckdb_memory()
SELECT * FROM duckdb_extensions()
SELECT * FROM duckdb_prepared_statements()
SELECT * FROM duckdb_variables()
SELECT * FROM pragma_storage_info('Sales')
SELECT * FROM pragma_table_info('Sales')
SELECT * FROM pragma_user_agent()
SELECT * FROM storage_info('Sales')
SELECT pg_get_viewdef(1)
SELECT pg_catalog.pg_get_viewdef(1)
SELECT * FROM system.main.duckdb_settings
SELECT * FROM temp.main.Sales
SELECT * FROM memory.main.Sales
SELECT * FROM lake.secrets
SELECT * FROM lake.duckdb_settings
FROM memory.lake.datasets
FROM lake.main.datasets
FROM lake.lake.secrets
FROM lake.main.Sales.x
FROM lake.lake.main.Sales
FROM lake.pg_catalog.pg_tables
FROM lake.system.duckdb_settings
FROM lake.main."{outside}"
FROM lake.main.read_text('{outside}')
FROM lake.information_schema.views
SELECT lake.main.getenv('HOME')
FROM "lake.datasets"
FROM lake."datasets@5"
FROM lake."{outside}"
INSERT INTO lake.queries VALUES (1)
DELETE FROM lake.events
CREATE VIEW lake.x AS SELECT 1
DROP SCHEMA lake CASCADE
CREATE OR REPLACE VIEW lake.datasets AS SELECT 1
COPY lake.events TO '{bucket}/datasets/x.csv'
SELECT * FROM lake.datasets()
SELECT lake.getenv('HOME')
SHOW TABLES FROM lake
SELECT lake.at('Sales', 1)
FROM memory.lake.at('Sales', 1)
FROM lake.at('{outside}', 1)
FROM lake.at('{bucket}/datasets/Sales/0.parquet', 1)
FROM lake.at('lake.{outside}', 1)
FROM '{outside}' AT (VERSION => 1)
FROM lake.duckdb_settings AT (VERSION => 1)
FROM information_schema.tables AT (VERSION => 1)
FROM Sales AT (VERSION => (SELECT max(password) FROM '{outside}'))
FROM lake.at('Sales', (SELECT content FROM read_text('{outside}')))
FROM lake.at(getenv('HOME'), 1)
FROM query_table('lake.datasets')
WITH lake AS (SELECT 1) FROM lake.secrets
SELECT * FROM other.Sales
SHOW DATABASES
SHOW VARIABLES
SHOW TABLES FROM system
SHOW TABLES FROM information_schema
DESCRIBE duckdb_settings
SUMMARIZE pg_catalog.pg_settings
SELECT pg_sleep(1)
SELECT setval('s', 1)
SELECT sleep(1)
FROM read_duckdb('{outside}')
FROM parquet_full_metadata('{outside}')
FROM parquet_page_index('{outside}')
FROM read_single_csv_file('{outside}')
FROM read_single_parquet_file('{outside}')
FROM python_arrow_scan(1, 2, 3)
FROM duckdb_external_resources()
CALL register_external_resource('x', 'y')
CALL add_grammar_extension('x')
FROM a.b.c.Sales
FROM memory.main.x.Sales
SELECT a.b.c.upper('x')
SELECT NULL::other.main.INTEGER
SELECT NULL::memory.x.y.INTEGER
FROM lake."events#0:5:0:5:"
SELECT sleep_ms(1000)
SELECT * FROM sql_auto_complete('SEL')
SELECT combine(1, 2)
SELECT finalize('x')
SELECT __internal_decompress_string(1)
FROM \u212anow
FROM \uff33ales
SELECT \uff43\uff4f\uff55nt(*) FROM Sales
"""


def attacks(bucket: str, outside: str) -> list[str]:
    """Return every attack, its paths and line breaks in place."""
    texts = [line for line in (WRITES + READS).splitlines() if line]
    given = {"{bucket}": bucket, "{outside}": outside, "{newline}": "\n"}
    for mark, value in given.items():
        texts = [text.replace(mark, value) for text in texts]
    return texts
