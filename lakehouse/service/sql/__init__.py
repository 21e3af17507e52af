"""SQL: one read-only statement over the datasets as they are, or were."""
