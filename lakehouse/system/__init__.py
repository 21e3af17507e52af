"""The system views `lake.*`: the lake's own state as relations that SQL can ask."""
