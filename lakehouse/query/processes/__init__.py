"""The worker processes as the server sees them: their start, their use by queries, their end."""
