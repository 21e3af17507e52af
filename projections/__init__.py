"""What follows from the facts: pure folds over the journal's events."""
