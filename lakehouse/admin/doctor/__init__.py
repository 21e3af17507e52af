"""Does this bucket keep the promises that the journal needs? Asked in full, or cheaply at a start."""
