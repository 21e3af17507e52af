"""Group commit: batches of commands become slots of the journal."""
