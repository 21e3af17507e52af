"""Long work of an admin: checks, checkpoints, garbage collection and compaction, as tasks of one process."""
