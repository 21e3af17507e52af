"""SQL in, exact results out, from child processes that may be killed."""

from lakehouse.query.engine import EngineSettings, Query, QueryEngine, Result
from lakehouse.query.messages import S3

__all__ = ["S3", "EngineSettings", "Query", "QueryEngine", "Result"]
