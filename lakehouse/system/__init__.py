"""The system views `lake.*`: the lake's own state as SQL relations."""
