"""Statements that try to change something, and must be refused. `{bucket}` is the bucket's directory,
`{outside}` a file outside of it. Data only."""

WRITES = """
COPY Sales TO '{bucket}/datasets/x.csv'
COPY (SELECT 1) TO '{bucket}/datasets/Sales/0.parquet' (FORMAT parquet)
COPY (SELECT 1) TO '{bucket}/objects/new.parquet'
COPY Sales FROM '{outside}'
WITH x AS (COPY (SELECT 1) TO '{bucket}/datasets/x.csv') SELECT 1 FROM x
WITH x AS MATERIALIZED (COPY Sales TO '{bucket}/datasets/x.csv') FROM x
SELECT * FROM (WITH x AS (COPY (SELECT 1) TO '{bucket}/datasets/x.csv') FROM x)
SELECT (WITH x AS (COPY (SELECT 1) TO '{bucket}/datasets/x.csv') SELECT count(*) FROM x)
EXPLAIN ANALYZE WITH x AS (COPY (SELECT 1) TO '{bucket}/datasets/x.csv') FROM x
WITH x AS (INSERT INTO Sales VALUES (9, 'x', 9, NULL) RETURNING *) FROM x
WITH x AS (UPDATE Sales SET id = 1 RETURNING *) FROM x
WITH x AS (DELETE FROM Sales RETURNING *) FROM x
WITH RECURSIVE x AS (SELECT 1 UNION ALL (WITH y AS (COPY (SELECT 1) TO '{outside}') FROM y)) FROM x
CREATE SECURE VIEW v AS FROM Sales
CREATE OR REPLACE SECURE VIEW Sales AS SELECT 1
CREATE TRIGGER t AFTER INSERT ON Sales EXECUTE 'SELECT 1'
SET tracked_metrics = ['*']
SET SESSION tracked_metrics = ['operator.extra_info']
SET async_threads = 1000
SET GLOBAL async_threads = 0
RESET async_threads
SET allowed_configs = ['*']
copy/**/(select 1)/**/to/**/'{bucket}/datasets/c.csv'
EXPORT DATABASE '{bucket}/datasets/dump'
IMPORT DATABASE '{bucket}/datasets/dump'
ATTACH '{bucket}/datasets/a.db'
ATTACH ':memory:' AS other
ATTACH '{bucket}/datasets/a.db' AS a (TYPE sqlite)
DETACH memory
INSTALL httpfs
FORCE INSTALL httpfs FROM 'http://127.0.0.1:9/'
LOAD httpfs
LOAD '{outside}'
SET enable_external_access = true
SET GLOBAL allowed_directories = ['/']
SET lock_configuration = false
SET SESSION threads = 1
SET VARIABLE x = (SELECT 1)
SET TimeZone = 'Asia/Tokyo'
RESET ALL
RESET enable_external_access
PRAGMA enable_external_access
PRAGMA database_list
PRAGMA show_tables
PRAGMA version
PRAGMA enable_profiling = 'json'
PRAGMA profiling_output = '{bucket}/datasets/profile.json'
PRAGMA storage_info('Sales')
PRAGMA add_parquet_key('k', '0123456789112345')
CALL pragma_version()
CALL enable_logging(storage = 'file', storage_path = '{bucket}/datasets/log')
CALL enable_logging('QueryLog')
CALL disable_logging()
CALL truncate_duckdb_logs()
CALL force_checkpoint()
CREATE TABLE t (a INTEGER)
CREATE TABLE t AS FROM Sales
CREATE TEMP TABLE t AS SELECT 1
CREATE OR REPLACE VIEW Sales AS SELECT 1
CREATE VIEW v AS SELECT 1
CREATE TEMP VIEW Sales AS SELECT 1
CREATE SCHEMA s
CREATE SEQUENCE q
CREATE TYPE mood AS ENUM ('a')
CREATE MACRO f(x) AS x + 1
CREATE TEMP MACRO f() AS TABLE SELECT * FROM read_text('{outside}')
CREATE FUNCTION f(x) AS x
CREATE INDEX i ON Sales (id)
CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')
CREATE PERSISTENT SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')
DROP SECRET bucket
DROP VIEW Sales
DROP TABLE IF EXISTS Sales
DROP SCHEMA main CASCADE
ALTER TABLE Sales ADD COLUMN x INTEGER
ALTER VIEW Sales RENAME TO s
COMMENT ON VIEW Sales IS 'x'
INSERT INTO Sales VALUES (1)
INSERT INTO Sales SELECT * FROM Sales
INSERT OR REPLACE INTO Sales BY NAME SELECT 1 AS id
DELETE FROM Sales
UPDATE Sales SET amount = 0
MERGE INTO Sales USING states ON true WHEN MATCHED THEN DELETE
TRUNCATE Sales
CHECKPOINT
FORCE CHECKPOINT
VACUUM
VACUUM ANALYZE Sales
ANALYZE
USE memory
USE system.information_schema
PREPARE p AS SELECT 1
EXECUTE p
EXECUTE p(1)
DEALLOCATE p
BEGIN
BEGIN TRANSACTION READ ONLY
COMMIT
ROLLBACK
ABORT
WITH x AS (INSERT INTO Sales VALUES (1) RETURNING *) SELECT * FROM x
WITH x AS (UPDATE Sales SET amount = 0 RETURNING *) FROM x
WITH x AS (COPY (SELECT 1) TO '{bucket}/datasets/x.csv') SELECT 1
WITH x AS (SELECT 1) INSERT INTO Sales FROM x
WITH x AS (SELECT 1) DELETE FROM Sales
EXPLAIN COPY (SELECT 1) TO '{bucket}/datasets/e.csv'
EXPLAIN ANALYZE COPY (SELECT 1) TO '{bucket}/datasets/e.csv'
EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1
EXPLAIN ANALYZE INSERT INTO Sales VALUES (1)
EXPLAIN ANALYZE DELETE FROM Sales
EXPLAIN (ANALYZE) COPY (SELECT 1) TO '{bucket}/datasets/e.csv'
EXPLAIN (ANALYZE, FORMAT json) DROP VIEW Sales
EXPLAIN EXPLAIN SELECT 1
EXPLAIN PRAGMA version
EXPLAIN ANALYZE SELECT * FROM read_text('{outside}')
EXPLAIN SELECT current_setting('secret_directory')
/* /* */ EXPLAIN SELECT 1 /* */ */ EXPLAIN ANALYZE COPY (SELECT 1) TO '{bucket}/datasets/n.csv'
-- EXPLAIN SELECT 1 {newline} COPY (SELECT 1) TO '{bucket}/datasets/c.csv'
/* SELECT */ COPY (SELECT 1) TO '{bucket}/datasets/c.csv'
SELECT 1; SELECT 2
SELECT 1; DROP VIEW Sales
SELECT 1;;SELECT 2
;SELECT 1; COPY (SELECT 1) TO '{bucket}/datasets/c.csv'
SELECT 1 /* ; */; ATTACH ':memory:' AS m
DESCRIBE Sales; DROP VIEW Sales
EXPLAIN SELECT 1; COPY (SELECT 1) TO '{bucket}/datasets/c.csv'
SELECT ';'; SELECT $$;$$
PIVOT Sales ON state USING sum(amount)
SELECT * FROM (PIVOT Sales ON state USING sum(amount))
LOAD\u00a0'{outside}'
COPY\u2003(SELECT 1)\u2003TO\u2003'{bucket}/datasets/u.csv'
CREATE\u00a0TABLE t AS SELECT 1
"""
